"""One input or several, a tensor or a tuple or dict of them: what methods do to each, and what to all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from lrp._torch import pytree
from lrp.graph.graph import Example

Baseline = float | Tensor | Callable[[Tensor], Tensor] | tuple[Any, ...] | dict[str, Any]
"""What stands for absence: a number, a tensor that broadcasts to the input, or a function of it. Of several inputs, one
number or function for each of them, or a tuple or dict of baselines in the structure of the input."""


def tensors_of(x: Example) -> list[Tensor]:
    """The inputs, in order.

    Raises:
        TypeError: This is no tensor, nor a tuple or dict of tensors.
    """
    found = pytree.tree_leaves(x)
    if strange := [type(leaf).__name__ for leaf in found if not isinstance(leaf, Tensor)]:
        raise TypeError(f"an input is a tensor, or a tuple or dict of tensors; got {', '.join(strange)} in it")
    if not found:
        raise TypeError("there is no tensor in the input")
    return found


def numbers(x: Example) -> list[Tensor]:
    """The floating-point inputs: the others (ids, masks) have no gradient, and stay as they are.

    Raises:
        TypeError: There is none.
    """
    found = [leaf for leaf in tensors_of(x) if leaf.is_floating_point()]
    if not found:
        kinds = ", ".join(str(leaf.dtype) for leaf in tensors_of(x))
        raise TypeError(
            f"no input is floating-point ({kinds}): integers have no gradient and no way to a baseline. LRP explains "
            "what they look up; for the other methods start from the embeddings"
        )
    return found


def each(function: Callable[..., Any], x: Example, *others: Any) -> Any:
    """`function` of each floating-point input and what stands for it in the other trees; None for the other inputs."""
    of_each = [_like(x, other) for other in others]
    found = [
        function(leaf, *rest) if leaf.is_floating_point() else None
        for leaf, *rest in zip(tensors_of(x), *of_each, strict=True)
    ]
    return structured(found, x)


def moved(function: Callable[..., Tensor], x: Example, *others: Any) -> Any:
    """The same for a point elsewhere in the space of inputs: other inputs stay as they are."""
    found = each(function, x, *others)
    return structured([one if new is None else new for one, new in zip(tensors_of(x), _like(x, found), strict=True)], x)


def structured(leaves: list[Any], x: Example) -> Any:
    """A list in the order of `tensors_of`, in the structure of `x`."""
    return pytree.tree_unflatten(leaves, pytree.tree_structure(x))


def _like(x: Example, other: Any) -> list[Any]:
    """The parts of a tree that stand for the inputs; a part may be None.

    Raises:
        ValueError: It has another structure.
    """
    if isinstance(x, Tensor):
        return [other]
    same = type(other) is type(x) and len(other) == len(x)
    given: Any = x
    keys: list[Any] = list(x) if isinstance(x, dict) else list(range(len(x)))
    if not same or (isinstance(x, dict) and set(other) != set(x)):
        said = sorted(map(str, other)) if isinstance(other, dict) else type(other).__name__
        raise ValueError(f"the inputs are {_named(x)}, but what belongs to them is {said}; give one for each of them")
    parts = [_like(given[key], other[key]) for key in keys]
    return [leaf for part in parts for leaf in part]


def _named(x: Any) -> str:
    return f"a dict of {', '.join(map(str, x))}" if isinstance(x, dict) else f"a {type(x).__name__} of {len(x)}"


def at_baseline(x: Example, baseline: Baseline) -> Any:
    """The baseline of each sample, in the structure and the shapes of the input; integers stay as they are."""
    if isinstance(x, Tensor) or isinstance(baseline, (tuple, dict)):
        return moved(_filled, x, baseline)
    if isinstance(baseline, Tensor) and baseline.ndim:
        raise ValueError(f"one tensor is a baseline of one input; these are {_named(x)}: give a baseline for each")
    return moved(lambda leaf: _filled(leaf, baseline), x)


def _filled(x: Tensor, baseline: Any) -> Tensor:
    value = baseline(x) if callable(baseline) and not isinstance(baseline, Tensor) else baseline
    return torch.as_tensor(value, device=x.device, dtype=x.dtype).expand_as(x)


def total(attribution: Any) -> Tensor:
    """The sum over all inputs, of each sample: `(batch,)`."""
    parts = [leaf.reshape(len(leaf), -1).sum(1) for leaf in pytree.tree_leaves(attribution) if isinstance(leaf, Tensor)]
    return sum(parts[1:], parts[0])


def called(model: nn.Module, x: Example) -> Tensor:
    """A module's output; a tuple of inputs are its arguments, a dict its keyword arguments.

    Raises:
        TypeError: It returns something else than one tensor.
    """
    output = model(*x) if isinstance(x, tuple) else model(**x) if isinstance(x, dict) else model(x)
    if not isinstance(output, Tensor):
        raise TypeError(
            f"{type(model).__name__} returns {type(output).__name__}, and methods explain one tensor: give a function "
            "that picks one of its outputs, or an explainer, which has the option output"
        )
    return output


def size(x: Example) -> int:
    """How many samples there are."""
    return len(tensors_of(x)[0])


def joined(trees: list[Any]) -> Any:
    """Several batches as one; None stays None."""
    return pytree.tree_map(lambda *group: None if group[0] is None else torch.cat(group), *trees)


def parts(tree: Any, count: int) -> list[Any]:
    """A batch in pieces of up to `count` samples; None stays None."""
    leaves, structure = pytree.tree_flatten(tree)
    lengths = [len(leaf) for leaf in leaves if leaf is not None]
    pieces = -(-lengths[0] // count)
    split = [[None] * pieces if leaf is None else leaf.split(count) for leaf in leaves]
    return [pytree.tree_unflatten(list(piece), structure) for piece in zip(*split, strict=True)]
