"""Receptive fields: what of the input a place of a hidden layer sees, told from the graph and not from its weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from torch import fx

from lrp._torch import fixed_size
from lrp.concepts.intervals import FOLLOWED, Interval, Seen, broadcast, joined
from lrp.explain.channels import channel_axis
from lrp.graph.aten import operator_name
from lrp.graph.graph import Graph
from lrp.graph.operators import has


class Fields(NamedTuple):
    """What the places of a layer see of the input, as boxes: the smallest ones that hold all that they depend on."""

    places: tuple[int, ...]
    """The layer's sizes, without batch and channels."""
    along: tuple[tuple[int, list[int], list[int]] | None, ...]
    """For each axis of the input behind its batch: which axis of `places` runs along it, where the field of each place
    begins, and where it ends; None for an axis that each place sees whole."""

    def box(self, place: int) -> tuple[slice, ...]:
        """What one place sees.

        Args:
            place: Its flat number, in the order of rows.

        Returns:
            A slice for each axis of the input behind its batch.

        Example:
            >>> Fields((2, 2), (None, (0, [0, 1], [3, 4]), (1, [0, 1], [3, 4]))).box(1)
            (slice(None, None, None), slice(0, 3, None), slice(1, 4, None))
        """
        at = np.unravel_index(place, self.places) if self.places else ()
        return tuple(
            slice(None) if one is None else slice(one[1][at[one[0]]], one[2][at[one[0]]]) for one in self.along
        )


def receptive_fields(graph: Graph, layer: str, *, axis: int | None = None) -> Fields:
    """The receptive field of each place of a layer, exactly: edges, strides, dilations and pools are followed place by
    place; where an operator mixes all places (dense layers over them, attention, global pools), it is everything.

    What `lrp` does not follow place by place (transposed convolutions, interpolation) counts as everything, too.

    Args:
        graph: Of one input.
        layer: A module path or node name, see `Graph.find`.
        axis: Of the channels in the layer's output, where its operator does not say it.

    Returns:
        A box for each place.

    Raises:
        KeyError: There is no such layer.
        ValueError: The model has several inputs, or axes of free length beside the batch.

    Example:
        >>> import torch, lrp
        >>> layers = [torch.nn.Conv2d(1, 2, 3, padding=1), torch.nn.MaxPool2d(2), torch.nn.Conv2d(2, 2, 3)]
        >>> graph = lrp.trace(torch.nn.Sequential(*layers).eval(), torch.zeros(1, 1, 12, 12))
        >>> receptive_fields(graph, "2").box(0)
        (slice(None, None, None), slice(0, 7, None), slice(0, 7, None))
    """
    if len(graph.inputs) != 1:
        raise ValueError(f"receptive fields are of models of one input, this one has {len(graph.inputs)}")
    end, (start,) = graph.find(layer), graph.inputs
    sizes = _sizes(start)
    at = channel_axis(graph, layer) if axis is None else axis % end.meta["val"].ndim
    whole = {j: Interval(j, np.arange(n), np.arange(1, n + 1)) for j, n in enumerate(sizes, 1)}
    found: dict[fx.Node, Seen] = {start: whole}
    for node in graph.fx.nodes:
        sources = [source for source in node.all_input_nodes if source in found]
        if node.op == "call_function" and sources:
            found[node] = _seen(node, sources, found)
    axes = [a for a in range(1, end.meta["val"].ndim) if a != at]
    seen = found.get(end, {})
    along = tuple(
        _listed(seen[j], axes, sizes[j - 1]) if j in seen and seen[j].axis in axes else None
        for j in range(1, len(sizes) + 1)
    )
    return Fields(tuple(int(end.meta["val"].shape[a]) for a in axes), along)


def _listed(one: Interval, axes: Sequence[int], size: int) -> tuple[int, list[int], list[int]]:
    start, stop = np.minimum(one.start, size), np.maximum(one.stop, 0)
    return axes.index(one.axis), np.minimum(start, stop).tolist(), stop.tolist()


def _sizes(node: fx.Node) -> list[int]:
    sizes = [fixed_size(size) for size in node.meta["val"].shape[1:]]
    if None in sizes:
        raise ValueError(f"{node.name} has axes of free length; trace the model with an example of one length")
    return [size for size in sizes if size is not None]


def _seen(node: fx.Node, sources: Sequence[fx.Node], found: Mapping[fx.Node, Seen]) -> Seen:
    name = operator_name(node.target).removesuffix("+map")
    if name in FOLLOWED:
        return FOLLOWED[name](node, found)
    if has(name, "elementwise") or has(name, "batch norm") or has(name, "identity") or has(name, "relu"):
        return joined(node, [broadcast(found[source], source, node) for source in sources])
    return {}
