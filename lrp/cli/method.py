"""From `--method smooth_grad:lrp,samples=20` to a method; the methods' own signatures say which options there are."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from lrp._torch import pytree
from lrp.attribution import METHODS, Explain
from lrp.attribution.table import OF_NETWORKS
from lrp.cli.errors import Unusable
from lrp.cli.load import Chosen, options
from lrp.composites import Composite, guided_backprop
from lrp.explain import Explainer, explainer

HELP = (
    f"lrp, {', '.join(METHODS)}; with options as in smooth_grad:samples=50,noise=0.1; of LRP in place of the gradient "
    "as in smooth_grad:lrp; several times for several in one pass."
)


def load_method(
    text: str, model: nn.Module, example: Tensor, composite: Composite, output: str | int | None = None
) -> Explain:
    """`lrp`, or `METHOD`, `METHOD:lrp`, `METHOD:option=value,...`.

    Raises:
        Unusable: There is no such method or option, or an option is missing; the message lists what there is.
    """
    plain = model if output is None else Chosen(model, output)
    name, _, rest = text.partition(":")
    words = [word for word in rest.split(",") if word]
    of_lrp = "lrp" in words

    @cache
    def explained() -> Explainer:
        return explainer(model, example, composite, output=output)

    if text == "lrp":
        return explained()
    if name not in METHODS:
        raise Unusable(f"no method {name!r}; there are lrp, {', '.join(METHODS)}")
    make = METHODS[name]
    given = options([word for word in words if word != "lrp"], f"--method {text}:")
    _, *known = inspect.signature(make).parameters.values()
    if name in OF_NETWORKS and of_lrp:
        raise Unusable(f"--method {text}: {name} is of the network alone, not of LRP; write {name}")
    given = {key: READERS[key](value, plain, example) if key in READERS else value for key, value in given.items()}
    given |= {p.name: DEFAULTS[p.name](plain, example) for p in known if p.name in DEFAULTS and p.name not in given}
    try:
        return make(explained() if of_lrp or name in OF_NETWORKS else plain, **given)
    except (TypeError, KeyError) as error:
        listed = ", ".join(p.name if p.default is p.empty else f"{p.name}={p.default!r}" for p in known)
        raise Unusable(f"--method {text}: {str(error).strip(chr(34))}; {name} has {listed or 'no options'}") from error


def _constant(value: Any, model: nn.Module, example: Tensor) -> Tensor:
    """Baselines that all have one value, the one of a normalized image."""
    del model
    return pytree.tree_map(lambda given: torch.full_like(given[:1], float(value)), example)


def _layer(value: Any, model: nn.Module, example: Tensor) -> str:
    """A layer's name, which may look like a number."""
    del model, example
    return str(value)


READERS: dict[str, Callable[[Any, nn.Module, Tensor], Any]] = {"baselines": _constant, "layer": _layer}
"""Options that are no JSON value, from what the command line says."""

DEFAULTS: dict[str, Callable[[nn.Module, Tensor], Any]] = {
    "baselines": lambda model, example: _constant(0.0, model, example),
    "guided": lambda model, example: explainer(model, example, guided_backprop()),
}
"""Options that a method has no default for and a command line has."""
