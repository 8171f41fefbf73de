"""Receptive fields: what of the input a place of a hidden layer sees, told from the graph and not from its weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from torch import fx

from lrp._torch import fixed_size
from lrp.explain.channels import channel_axis
from lrp.graph.aten import arguments, operator_name
from lrp.graph.graph import Graph
from lrp.graph.operators import has

EMPTY = np.iinfo(np.int64).max


class Interval(NamedTuple):
    """Of each place along an axis of a value: where along an axis of the input it begins to see, and where it ends."""

    axis: int
    """Of the value."""
    start: np.ndarray
    stop: np.ndarray


Seen = Mapping[int, Interval]
"""Axis of the input -> what places see along it; an axis that is not there is seen whole."""


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
        return _joined(node, [_broadcast(found[source], source, node) for source in sources])
    return {}


def _joined(node: fx.Node, parts: Sequence[Seen]) -> Seen:
    """The union, where all run along the same axes; whole where one sees all."""
    first, *others = parts
    shared = {j: one for j, one in first.items() if all(j in part and part[j].axis == one.axis for part in others)}
    for part in others:
        shared = {
            j: Interval(one.axis, np.minimum(one.start, part[j].start), np.maximum(one.stop, part[j].stop))
            for j, one in shared.items()
        }
    size = node.meta["val"].shape
    return {
        j: Interval(a, *(np.broadcast_to(v, (int(size[a]),)) for v in (start, stop)))
        for j, (a, start, stop) in shared.items()
    }


def _broadcast(seen: Seen, source: fx.Node, node: fx.Node) -> Seen:
    lead = node.meta["val"].ndim - source.meta["val"].ndim
    return {j: one._replace(axis=one.axis + lead) for j, one in seen.items()}


def _moved(seen: Seen, change: Callable[[Interval], Interval | None]) -> Seen:
    moved = {j: change(one) for j, one in seen.items()}
    return {j: one for j, one in moved.items() if one is not None}


def _windowed(one: Interval, places: int, taps: Callable[[int], Sequence[int]]) -> Interval:
    """What windows over an axis see: `taps(place)` are the places they read, those outside are padding."""
    start, stop = np.full(places, EMPTY), np.zeros(places, np.int64)
    for place in range(places):
        read = [tap for tap in taps(place) if 0 <= tap < len(one.start)]
        if read:
            start[place], stop[place] = one.start[read].min(), one.stop[read].max()
    return Interval(one.axis, start, stop)


def _source(node: fx.Node) -> fx.Node:
    given = arguments(node)
    source = given.get("input", given.get("self"))
    if not isinstance(source, fx.Node):
        raise ValueError(f"{node.name} does not read one value")
    return source


def _each(value: Any, rank: int, fallback: Any = None) -> list[int]:
    value = fallback if value in ((), [], None) else value
    listed = [value] if isinstance(value, int) else list(value)
    return [int(one) for one in (listed * rank if len(listed) == 1 else listed)]


def _convolution(node: fx.Node, found: Mapping[fx.Node, Seen]) -> Seen:
    given = arguments(node)
    kernel = [int(size) for size in given["weight"].meta["val"].shape[2:]]
    rank = len(kernel)
    stride, dilation = _each(given["stride"], rank), _each(given["dilation"], rank)
    padding = given["padding"]
    if isinstance(padding, str):
        reach = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        padding = [total // 2 if padding == "same" else 0 for total in reach]
    return _windows(node, found, kernel, stride, _each(padding, rank), dilation)


def _pool(node: fx.Node, found: Mapping[fx.Node, Seen]) -> Seen:
    given, rank = arguments(node), 0
    rank = int(operator_name(node.target)[-2])
    kernel = _each(given["kernel_size"], rank)
    stride = _each(given.get("stride"), rank, kernel)
    return _windows(
        node, found, kernel, stride, _each(given.get("padding"), rank, 0), _each(given.get("dilation"), rank, 1)
    )


def _windows(node: fx.Node, found: Mapping[fx.Node, Seen], *options: list[int]) -> Seen:
    """Windows over the last axes; what lies in front of them, channels, is not followed."""
    shape, rank = node.meta["val"].shape, len(options[0])
    first = len(shape) - rank

    def change(one: Interval) -> Interval | None:
        if one.axis < first:
            return None
        kernel, stride, padding, dilation = (option[one.axis - first] for option in options)
        return _windowed(
            one,
            int(shape[one.axis]),
            lambda place: [place * stride - padding + tap * dilation for tap in range(kernel)],
        )

    return _moved(found[_source(node)], change)


def _adaptive(node: fx.Node, found: Mapping[fx.Node, Seen]) -> Seen:
    shape = node.meta["val"].shape
    first = len(shape) - int(operator_name(node.target)[-2])

    def change(one: Interval) -> Interval | None:
        if one.axis < first:
            return None
        n, m = len(one.start), int(shape[one.axis])
        return _windowed(one, m, lambda place: range(place * n // m, -(-(place + 1) * n // m)))

    return _moved(found[_source(node)], change)


def _permuted(node: fx.Node, found: Mapping[fx.Node, Seen]) -> Seen:
    given, rank = arguments(node), node.meta["val"].ndim
    order = list(range(rank))
    if "dims" in given:
        order = [d % rank for d in given["dims"]]
    else:
        one, other = given["dim0"] % rank, given["dim1"] % rank
        order[one], order[other] = other, one
    return _moved(found[_source(node)], lambda one: one._replace(axis=order.index(one.axis)))


def _dense(node: fx.Node, found: Mapping[fx.Node, Seen]) -> Seen:
    last = node.meta["val"].ndim - 1
    return _moved(found[_source(node)], lambda one: None if one.axis == last else one)


def _reshaped(node: fx.Node, found: Mapping[fx.Node, Seen]) -> Seen:
    """Axes in front of the first one that changes stay what they are."""
    source = _source(node)
    old, new = source.meta["val"].shape[1:], node.meta["val"].shape[1:]
    same = 1
    while same - 1 < min(len(old), len(new)) and old[same - 1] == new[same - 1]:
        same += 1
    return _moved(found[source], lambda one: one if one.axis < same else None)


def _concatenated(node: fx.Node, found: Mapping[fx.Node, Seen]) -> Seen:
    given = arguments(node)
    axis = int(given.get("dim", 0)) % node.meta["val"].ndim
    parts = [found[part] for part in given["tensors"] if part in found]
    if len(parts) != len(given["tensors"]):
        return {}
    return _joined(node, [{j: one for j, one in part.items() if one.axis != axis} for part in parts])


def _padded(node: fx.Node, found: Mapping[fx.Node, Seen]) -> Seen:
    given, shape = arguments(node), node.meta["val"].shape
    if given.get("mode", "constant") != "constant":
        return {}

    def change(one: Interval) -> Interval:
        at = 2 * (len(shape) - 1 - one.axis)
        before = given["pad"][at] if at < len(given["pad"]) else 0
        return _windowed(one, int(shape[one.axis]), lambda place: [place - before])

    return _moved(found[_source(node)], change)


FOLLOWED: Mapping[str, Callable[[fx.Node, Mapping[fx.Node, Seen]], Seen]] = {
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _convolution),
    **dict.fromkeys([f"{kind}_pool{n}d" for kind in ("max", "avg") for n in (1, 2, 3)], _pool),
    **dict.fromkeys([f"adaptive_{kind}_pool{n}d" for kind in ("max", "avg") for n in (1, 2, 3)], _adaptive),
    **dict.fromkeys(("permute", "transpose"), _permuted),
    **dict.fromkeys(("view", "reshape", "_unsafe_view", "flatten"), _reshaped),
    "linear": _dense,
    "cat": _concatenated,
    "constant_pad_nd": _padded,
    "pad": _padded,
}
"""Operators whose places are followed one by one."""
