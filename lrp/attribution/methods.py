"""What an attribution method is, what it can be made of, and how much of it fits into memory at once."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import Any, ParamSpec

import torch
from torch import Tensor, nn

from lrp.attribution.inputs import called, joined, parts, size, tensors_of
from lrp.explain.explanation import Explanation
from lrp.explain.one_call import Explainer
from lrp.explain.target import Target
from lrp.graph.export.models import check_evaluating
from lrp.graph.graph import Example
from lrp.rules.rule import short

Predict = Callable[[Any], Tensor]
Explain = Callable[..., tuple[Tensor, Any]]
"""`explain(x, target) -> (output, attribution)`: an `Explainer`, a `Method`, or any function of that shape."""

Source = nn.Module | Explain | Predict
"""What a method works on: a module in evaluation mode, an explainer, another method, a function `f(x, target)` that
explains, or a function `f(x)` that predicts and is a model then."""

CPU_BYTES = 2**28  # of activations; more rows at once are no faster on a CPU
BYTES_PER_INPUT_BYTE = 256  # activations of a deep network, measured on ResNet-50: about 180


P = ParamSpec("P")


@dataclass(frozen=True, eq=False)
class Method:
    """`method(x, target) -> (output, attribution)`, and how it was made.

    x: One input `(batch, ...)`, or a tuple or dict of them. The attribution has its structure; integers and booleans
        (ids, masks) are held as they are, and None stands for their attribution.
    target: See `lrp.explain.Target`; None is the predicted class. It is settled once, at `x`: what a method does in
        the neighbourhood of `x` or on the way to it explains the same class there.
    """

    run: Callable[[Any, Target], tuple[Tensor, Any]] = field(repr=False)
    of: Source
    name: str
    options: tuple[tuple[str, Any], ...]

    def __call__(self, x: Example, target: Target = None) -> Explanation:
        return Explanation(*self.run(x, target))

    def __str__(self) -> str:
        inner = [_short(self.of)] if isinstance(self.of, Method | Explainer) else []
        return f"{self.name}({', '.join([*inner, *(f'{key}={_short(value)}' for key, value in self.options)])})"


def _short(value: Any) -> str:
    if isinstance(value, Tensor):
        return short(value)
    return "LRP" if isinstance(value, Explainer) else getattr(value, "__qualname__", str(value))


def method(make: Callable[P, Callable[[Any, Target], tuple[Tensor, Any]]]) -> Callable[P, Method]:
    """Name the method that `make(source, **options)` returns after `make` and its options."""

    @wraps(make)
    def named(*args: P.args, **kwargs: P.kwargs) -> Method:
        call = inspect.signature(make).bind(*args, **kwargs)
        call.apply_defaults()
        (_, source), *options = call.arguments.items()
        return Method(make(*args, **kwargs), source, make.__name__, tuple(options))

    return named


def predictor(source: Source) -> Predict:
    """The function `x -> output` of a model: a module, an explainer's model, or that function itself.

    Raises:
        TypeError: The source explains and does not predict.
    """
    if isinstance(source, Explainer):
        graph = source.program.graph
        return partial(graph, graph.params)
    if isinstance(source, nn.Module):
        check_evaluating(source)
        return partial(called, source)
    if explains(source):
        raise TypeError(f"this needs a model, an explainer or a function x -> output, not the method {_short(source)}")
    return source  # type: ignore[return-value]


def explains(source: Source) -> bool:
    """Whether a source is asked for a target, as explainers, methods and functions `f(x, target)` are."""
    if isinstance(source, nn.Module):
        return False
    try:
        inspect.signature(source).bind(None, None)
    except (TypeError, ValueError):
        return False
    return True


@contextmanager
def unrecorded(source: Source) -> Iterator[None]:
    """A module's parameters record what they take part in; an explanation of the module needs none of it."""
    if not isinstance(source, nn.Module):
        yield
        return
    # oneDNN's recurrent layers cannot be differentiated by torch.func, those of PyTorch's own can
    before = torch.backends.mkldnn.enabled
    if any(isinstance(part, nn.RNNBase) for part in source.modules()):
        torch.backends.mkldnn.enabled = False
    try:
        with torch.no_grad():
            yield
    finally:
        torch.backends.mkldnn.enabled = before


def rows_at_once(x: Example, source: Source) -> int:
    """How many samples like those of `x` to compute at once: never fewer than the caller chose to give, and no more
    where the model's code is tied to that many.

    It depends on the machine, not on the moment, so that equal calls compute equal numbers.
    """
    while isinstance(source, Method):
        source = source.of
    tied = source.program.graph.batch if isinstance(source, Explainer) else None
    leaves = tensors_of(x)
    budget = torch.cuda.mem_get_info(leaves[0].device)[1] // 8 if leaves[0].is_cuda else CPU_BYTES
    each = sum(leaf[:1].numel() * leaf.element_size() for leaf in leaves) * BYTES_PER_INPUT_BYTE
    return size(x) if tied is not None else max(size(x), budget // max(each, 1), 1)


def in_chunks(function: Callable[..., Tensor], *rows: Any, count: int) -> Any:
    """`function(*rows)`, computed for `count` samples at a time; halved as often as memory does not suffice."""
    try:
        found = [function(*part) for part in zip(*(parts(tree, count) for tree in rows), strict=True)]
        return found[0] if len(found) == 1 else joined(found)
    except torch.OutOfMemoryError:
        if count == 1:
            raise
    return in_chunks(function, *rows, count=max(1, count // 2))
