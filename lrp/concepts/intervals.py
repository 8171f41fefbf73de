"""How one operator's places see the input, from how its inputs' places do: a table, one row an operator."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from torch import fx

from lrp.graph.aten import arguments, operator_name

EMPTY = np.iinfo(np.int64).max


class Interval(NamedTuple):
    """Of each place along an axis of a value: where along an axis of the input it begins to see, and where it ends."""

    axis: int
    """Of the value."""
    start: np.ndarray
    stop: np.ndarray


Seen = Mapping[int, Interval]
"""Axis of the input -> what places see along it; an axis that is not there is seen whole."""


def joined(node: fx.Node, parts: Sequence[Seen]) -> Seen:
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


def broadcast(seen: Seen, source: fx.Node, node: fx.Node) -> Seen:
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
    return joined(node, [{j: one for j, one in part.items() if one.axis != axis} for part in parts])


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
