"""What an attribution method is, what it can be made of, and how much of it fits into memory at once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import Any, ParamSpec

import torch
from torch import Tensor, nn

from lrp.explain.explanation import Explanation
from lrp.explain.one_call import Explainer
from lrp.explain.target import Target
from lrp.graph.export.models import check_evaluating

Predict = Callable[[Tensor], Tensor]
Explain = Callable[..., tuple[Tensor, Tensor]]
"""`explain(x, target) -> (output, attribution)`: an `Explainer`, a `Method`, or any function of that shape."""

Source = nn.Module | Explain | Predict
"""What a method works on: a module in evaluation mode, an explainer, another method or a function."""

Baseline = float | Tensor | Callable[[Tensor], Tensor]
"""What stands for absence: a number, a tensor that broadcasts to the input, or a function of the input."""

CPU_BYTES = 2**28  # of activations; more rows at once are no faster on a CPU
BYTES_PER_INPUT_BYTE = 256  # activations of a deep network, measured on ResNet-50: about 180


P = ParamSpec("P")


@dataclass(frozen=True, eq=False)
class Method:
    """`method(x, target) -> (output, attribution)`, and how it was made.

    target: See `lrp.explain.Target`; None is the predicted class. It is settled once, at `x`: what a method does in
    the neighbourhood of `x` or on the way to it explains the same class there.
    """

    run: Callable[[Tensor, Target], tuple[Tensor, Tensor]] = field(repr=False)
    of: Source
    name: str
    options: tuple[tuple[str, Any], ...]

    def __call__(self, x: Tensor, target: Target = None) -> Explanation:
        return Explanation(*self.run(x, target))

    def __str__(self) -> str:
        inner = [_short(self.of)] if isinstance(self.of, Method | Explainer) else []
        return f"{self.name}({', '.join([*inner, *(f'{key}={_short(value)}' for key, value in self.options)])})"


def _short(value: Any) -> str:
    if isinstance(value, Tensor):
        return f"tensor{tuple(value.shape)}"
    return "LRP" if isinstance(value, Explainer) else getattr(value, "__qualname__", str(value))


def method(make: Callable[P, Callable[[Tensor, Target], tuple[Tensor, Tensor]]]) -> Callable[P, Method]:
    """Name the method that `make(source, **options)` returns after `make` and its options."""

    @wraps(make)
    def named(*args: P.args, **kwargs: P.kwargs) -> Method:
        call = inspect.signature(make).bind(*args, **kwargs)
        call.apply_defaults()
        (_, source), *options = call.arguments.items()
        return Method(make(*args, **kwargs), source, make.__name__, tuple(options))

    return named


def predictor(source: Source) -> Predict:
    """The function `x -> output` of a model: a module, an explainer's model, or that function itself."""
    if isinstance(source, Method):
        raise TypeError(f"this needs a model, an explainer or a function x -> output, not the method {source}")
    if isinstance(source, Explainer):
        graph = source.program.graph
        return partial(graph, graph.params)
    if isinstance(source, nn.Module):
        check_evaluating(source)
    return source  # type: ignore[return-value]


def unrecorded(source: Source) -> AbstractContextManager:
    """A module's parameters record what they take part in; an explanation of the module needs none of it."""
    return torch.no_grad() if isinstance(source, nn.Module) else nullcontext()


def rows_at_once(x: Tensor) -> int:
    """How many rows like those of `x` to compute at once: never fewer than the caller chose to give.

    It depends on the machine, not on the moment, so that equal calls compute equal numbers.
    """
    budget = torch.cuda.mem_get_info(x.device)[1] // 8 if x.is_cuda else CPU_BYTES
    each = x[:1].numel() * x.element_size() * BYTES_PER_INPUT_BYTE
    return max(len(x), budget // max(each, 1), 1)


def in_chunks(function: Callable[..., Tensor], *rows: Tensor, size: int) -> Tensor:
    """`function(*rows)`, computed for `size` rows at a time; halved as often as memory does not suffice."""
    try:
        parts = [function(*part) for part in zip(*(tensor.split(size) for tensor in rows), strict=True)]
        return parts[0] if len(parts) == 1 else torch.cat(parts)
    except torch.OutOfMemoryError:
        if size == 1:
            raise
    return in_chunks(function, *rows, size=max(1, size // 2))


def at_baseline(x: Tensor, baseline: Baseline) -> Tensor:
    """The baseline of each sample, of the input's shape."""
    value = baseline(x) if callable(baseline) and not isinstance(baseline, Tensor) else baseline
    return torch.as_tensor(value, device=x.device, dtype=x.dtype).expand_as(x)
