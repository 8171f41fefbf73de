"""What a trace is shown in place of the caller's example: sizes that may vary, and are no other size of the model."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor
from torch.export import Dim

from lrp._torch import fixed_size, pytree
from lrp.graph.export.errors import TraceError
from lrp.graph.graph import Graph

SHOWN = (11, 13, 17, 19, 23, 29, 31)
"""Sizes of the trace, the first of them that of the batch. A size of 0 or 1 would count as a constant, and one that the
model has elsewhere (2, 4, 7, ...) would make tracing believe that the two must be equal."""

Axes = Mapping[int, str]
"""The name of each axis that may vary."""

Free = Axes | Mapping[str, Axes]
"""Axes that may vary beside the batch, by name: axes of one name are of one size. `{1: "length"}` for every input that
has that axis, or for each input by its name: `{"input_ids": {1: "length"}}`; inputs of a tuple are called "0", "1", ...
"""


def names_of(structure: pytree.TreeSpec) -> list[str]:
    """What each tensor of an example is called."""
    if structure.type is dict:
        return [str(name) for name in structure.context]
    return [str(number) for number in range(structure.num_leaves)]


def free_axes(leaves: list[Tensor], structure: pytree.TreeSpec, free: Free | None) -> list[dict[int, str]]:
    """The axes of each input that may vary beside the batch.

    Raises:
        ValueError: There is no such input or axis, or axes of one name are of several sizes.
    """
    names = names_of(structure)
    given: dict[str, Axes] = {}
    for key, value in (free or {}).items():
        if isinstance(value, str):
            found = {name: {key: value} for name, leaf in zip(names, leaves, strict=True) if _is_axis(leaf, key)}
            if not found:
                raise ValueError(f"free: no input has an axis {key!r} behind the batch's, 0")
            given |= {name: {**given.get(name, {}), **axes} for name, axes in found.items()}  # type: ignore[dict-item]
        elif str(key) not in names:
            raise ValueError(f"free: there is no input {key!r}; there are {', '.join(names)}")
        else:
            given[str(key)] = value
    sizes: dict[str, int] = {}
    for name, leaf in zip(names, leaves, strict=True):
        for axis, word in given.get(name, {}).items():
            if not _is_axis(leaf, axis):
                raise ValueError(f"free: input {name!r} of shape {tuple(leaf.shape)} has no axis {axis} behind 0")
            if sizes.setdefault(word, leaf.shape[axis]) != leaf.shape[axis]:
                raise ValueError(f"free: {word} is {sizes[word]} and {leaf.shape[axis]} in the example")
    return [dict(given.get(name, {})) for name in names]


def _is_axis(leaf: Tensor, axis: Any) -> bool:
    return isinstance(axis, int) and 0 < axis < leaf.ndim


def shown(leaves: list[Tensor], free: list[dict[int, str]]) -> list[Tensor]:
    """The example in sizes of our own: each batch, and each free axis by its name, has one, the values repeated."""
    first = leaves[0].shape[0]
    batches = {size for leaf in leaves if (size := leaf.shape[0]) != first and size > 1}
    words = [first, *sorted(batches), *dict.fromkeys(word for axes in free for word in axes.values())]
    sizes: dict[Any, int] = dict(zip(words, SHOWN, strict=False))
    return [_resized(leaf, {0: sizes.get(leaf.shape[0])} | {a: sizes[w] for a, w in axes.items()})
            for leaf, axes in zip(leaves, free, strict=True)]  # fmt: skip


def _resized(leaf: Tensor, sizes: Mapping[int, int | None]) -> Tensor:
    for axis, size in sizes.items():
        if size is not None:  # one sample beside batches of several is for all of them
            at = torch.arange(size, device=leaf.device) % leaf.shape[axis]
            leaf = leaf.detach().index_select(axis, at if axis else at * 0)
    return leaf


def varying(leaves: list[Tensor], free: list[dict[int, str]]) -> list[dict[int, Any]]:
    """What `torch.export` is told of each input: which axes may vary."""
    alone = leaves[0].shape[0] > 1
    return [
        ({} if alone and leaf.shape[0] == 1 else {0: Dim.AUTO}) | dict.fromkeys(axes, Dim.AUTO)
        for leaf, axes in zip(leaves, free, strict=True)
    ]


def check_free(graph: Graph, free: list[dict[int, str]]) -> None:
    """Refuse what the model ties.

    Raises:
        TraceError: It ties an axis that was to vary.
    """
    tied = [
        f"axis {axis} of input {node.name!r} ({word}) to {size}"
        for node, axes in zip(graph.inputs, free, strict=True)
        for axis, word in axes.items()
        if (size := fixed_size(node.meta["val"].shape[axis])) is not None
    ]
    if tied:
        raise TraceError(
            f"the model ties {'; '.join(tied)}: its code reads that size as a number, or has a table of that size; "
            "leave it out of free, and make an explainer for each size"
        )
