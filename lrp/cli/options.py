"""Options that the commands share, and how errors are told."""

from __future__ import annotations

import functools
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import click
import torch
from torch import Tensor, nn

import lrp
from lrp._torch import pytree
from lrp.attribution import Explain
from lrp.cli import cache
from lrp.cli.errors import Unusable
from lrp.cli.load import TRAINED, device_of, identity, key, load_composite, load_normalization, made
from lrp.cli.method import load_method
from lrp.composites.table import Composite
from lrp.dataset import NORMALIZATIONS, Normalization
from lrp.process import collector_held, memory_kept
from spray._starting import interruptible
from spray.store import ProjectError

EXPECTED = (Unusable, ProjectError, lrp.SampleError, lrp.MissingRule, lrp.TraceError)
EXPECTED += (OSError, ValueError, LookupError, ImportError)


@dataclass(frozen=True)
class Setting:
    """What every command needs."""

    spec: str
    """What `--model` says."""
    make: Callable[[], nn.Module]
    words: tuple[str | None, Sequence[str]]
    """Of the composite: its name and options."""
    scale: Normalization
    device: torch.device
    gray: bool
    output: str | int | None
    """Which output of the model, where it has several."""
    identity: Mapping[str, Any] | None = None
    """What the model is, for explainers kept in the cache; None for no cache."""
    remark: str = ""
    """What is said of the model once there is one, or a kept explainer of it."""

    @cached_property
    def model(self) -> nn.Module:
        """The model, made when it is first asked for: a kept explainer does without."""
        found = self.make()
        self._say()
        return found

    def _say(self) -> None:
        if self.remark:
            click.echo(self.remark, err=True)

    def explainer(self, x: Any, composite: Composite, output: str | int | None, free: Any = None) -> lrp.Explainer:
        """An explainer for such inputs, from the cache where there is one."""

        def make() -> lrp.Explainer:
            return lrp.explainer(self.model, x, composite, output=output, free=free)

        if self.identity is None:
            return make()
        asked = {"output": output, "inputs": cache.inputs(x, free), "device": str(self.device)}
        found = cache.kept({**self.identity, **asked}, composite, make, self.device)
        if "model" not in vars(self):
            self._say()
        return found

    def method(self, text: str, x: Any, composite: Composite, output: str | int | None) -> Explain:
        """A method as `--method` names it; of those plain LRP alone is kept in the cache."""
        if text == "lrp":
            return self.explainer(x, composite, output)
        return load_method(text, self.model, x, composite, output)

    def composite(self, x: Any) -> Composite:
        """The composite for such inputs; of several, which are no pictures alone, the one without bounds."""
        tokens = not any(leaf.is_floating_point() for leaf in pytree.tree_leaves(x))
        return load_composite(*self.words, self.scale, x.ndim if isinstance(x, Tensor) else 2, tokens=tokens)

    def scales(self, x: Any) -> bool:
        """Whether such inputs can be normalized: one of floating-point numbers with channels."""
        return isinstance(x, Tensor) and x.is_floating_point() and (x.ndim > 2 or self.scale != NORMALIZATIONS["none"])

    def normalize(self, x: Any) -> Normalization | None:
        """What inputs such as `x` go through; None for what are no pixels in [0, 1], which are stored as they are."""
        if not self.scales(x):
            return None
        are_pixels = x.ndim == 4 and bool(((x >= 0) & (x <= 1)).all())
        return self.scale if are_pixels or self.scale != NORMALIZATIONS["none"] else None


def model_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that every command shares; they arrive as one `Setting`."""

    @functools.wraps(command)
    def wrapped(
        *args: Any,
        model: str,
        weights: Path | None,
        classes: int | None,
        seed: int,
        composite: str | None,
        option: Sequence[str],
        normalize: str | None,
        gray: bool,
        device: str,
        debug: bool,
        output: str | None,
        **rest: Any,
    ) -> None:
        with reported(debug=debug):
            scale = load_normalization(normalize, model)
            random = weights is None and model.partition(":")[0] not in TRAINED
            remark = "no --weights: the model's weights are random" if random else ""
            load_composite(composite, option, scale)  # what is wrong with it is said before data are opened
            place = device_of(device)
            make = partial(made, model, weights, classes=classes, seed=seed, device=place)
            known = identity(model, weights, classes, seed) if rest.pop("cache", False) else None
            words = (composite, option)
            setting = Setting(model, make, words, scale, place, gray, key(output), known, remark)
            with collector_held(), memory_kept():
                command(*args, setting=setting, **rest)

    for add in reversed(_SHARED):
        wrapped = add(wrapped)
    return wrapped


def cache_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--no-cache`, of commands that make one explainer; it is told by the `Setting`'s identity."""
    return click.option(
        "--cache/--no-cache", default=True, show_default=True, help="Keep the explainer that is made, and use one that "
        "was kept: of a model of torchvision, timm or a folder of Hugging Face's, in the folder LRP_CACHE."
    )(command)  # fmt: skip


FILE = click.Path(exists=True, dir_okay=False, path_type=Path)
_SHARED = (
    click.option("--model", required=True, help="torchvision:NAME, timm:NAME, hf:FOLDER for what Hugging Face's "
                 "transformers saved (or hf:NAME from its hub), or package.module:factory for your own (found from the "
                 "current folder too)."),
    click.option("--weights", type=FILE, help="Its state_dict: .safetensors, or a file of torch.save that "
                 "torch.load(weights_only=True) reads. Default: random weights."),
    click.option("--classes", type=click.IntRange(1), help="Number of outputs of a model of torchvision or timm."),
    click.option("--seed", default=0, show_default=True, help="Of random weights."),
    click.option("--composite", help=f"Which rule where: {', '.join(lrp.composites.COMPOSITES)}; or a .json file of "
                 "lrp.composites.to_json. Default: epsilon_gamma_box for pictures, attn_lrp for texts, "
                 "epsilon_plus for other inputs, which have no known bounds."),
    click.option("--option", "-O", multiple=True, metavar="NAME=VALUE", help="Of the composite, such as gamma=0.1; "
                 "several times."),
    click.option("--normalize", metavar="NAME|MEAN:STD", help="What the model wants done to images in [0, 1]: "
                 "imagenet, half, clip, ..., none, or 0.5,0.5,0.5:0.2,0.2,0.2. z_box takes its bounds from it. "
                 "Default: imagenet for torchvision's models, none for others."),
    click.option("--output", metavar="KEY", help="Which output to explain, of a model that returns several: a key, "
                 "or a position."),
    click.option("--gray", is_flag=True, help="Read pictures as one gray channel, not three colours."),
    click.option("--device", default="cpu", show_default=True, help="Where to compute: cpu, cuda, cuda:1, mps."),
    click.option("--debug", is_flag=True, help="Show where an error comes from: Python's traceback."),
)  # fmt: skip


@contextmanager
def reported(*, debug: bool = False) -> Iterator[None]:
    """Errors become a message and an exit code; a traceback for those who ask for it."""
    with warnings.catch_warnings():
        warnings.showwarning = lambda message, *_, **__: click.echo(f"warning: {message}", err=True)
        try:
            with interruptible():
                yield
        except KeyboardInterrupt:
            click.echo("interrupted", err=True)
            sys.exit(130)
        except click.ClickException:
            raise
        except Exception as error:
            if debug:
                traceback.print_exc()
            text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
            if not isinstance(error, EXPECTED):
                text = f"{type(error).__name__}: {text}{'' if debug else ' (--debug shows where)'}"
            click.echo("\n".join([f"error: {text}", *getattr(error, "__notes__", ())]), err=True)
            sys.exit(1)
