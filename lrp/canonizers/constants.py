"""Constant factors and shifts of a linear layer's channels (layer scale, frozen batch norm) go into its weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import fx

from lrp._torch import OpOverload
from lrp.canonizers.weights import along_outputs
from lrp.graph.aten import arguments, operator_name
from lrp.graph.facts import facts
from lrp.graph.graph import Graph
from lrp.graph.operators import has, kind_of
from lrp.graph.rewriting import Builder, rewrite

aten = torch.ops.aten
Fold = Callable[[Builder, fx.Node, fx.Node], tuple[fx.Node, fx.Node | None]]
"""(builder, old layer, constant per channel) -> new weight and bias."""


def fold_factors(graph: Graph) -> Graph:
    """`c * layer(x)`, c one number or one per channel: W' = c W, b' = c b."""

    def fold(builder: Builder, layer: fx.Node, constant: fx.Node) -> tuple[fx.Node, fx.Node | None]:
        given, new = arguments(layer), builder.env.__getitem__
        shaped = along_outputs(builder, layer, constant)
        weight = builder.call(aten.mul.Tensor, new(given["weight"]), shaped, like=layer)
        if given["bias"] is None:
            return weight, None
        return weight, builder.call(aten.mul.Tensor, new(given["bias"]), constant, like=layer)

    return _fold(graph, "mul", fold)


def fold_shifts(graph: Graph) -> Graph:
    """`layer(x) + c`, c one number or one per channel: b' = b + c."""

    def fold(builder: Builder, layer: fx.Node, constant: fx.Node) -> tuple[fx.Node, fx.Node | None]:
        given, new = arguments(layer), builder.env.__getitem__
        if given["bias"] is None:
            return new(given["weight"]), constant
        return new(given["weight"]), builder.call(aten.add.Tensor, new(given["bias"]), constant, like=layer)

    return _fold(graph, "add", fold)


def _fold(graph: Graph, operator: str, fold: Fold) -> Graph:
    static = facts(graph).static

    def replacement(builder: Builder, node: fx.Node) -> fx.Node | None:
        found = _match(node, operator, static)
        if found is None:
            return None
        layer, moves, constant = found
        weight, bias = fold(builder, layer, _per_channel(builder, layer, constant))
        given = arguments(layer)
        rest = [v for k, v in given.items() if k not in ("input", "weight", "bias")]
        current = builder.call(layer.target, builder.env[given["input"]], weight, bias, *rest, like=layer)  # type: ignore[arg-type]
        current.meta["folded"] = (*layer.meta.get("folded", ()), node.meta["layer"])
        for move in moves:
            current = builder.call(move.target, current, *move.args[1:], like=move)  # type: ignore[arg-type]
        return current

    return rewrite(graph, replacement)


def _match(node: fx.Node, operator: str, static: Any) -> tuple[fx.Node, list[fx.Node], Any] | None:
    """The layer, the axis permutations behind it, and the constant, if the pattern holds and nobody else reads it."""
    if operator_name(node.target) != operator or node.kwargs or len(node.args) != 2:
        return None
    signal: Any
    signal, constant = node.args if node.args[1] in static or not isinstance(node.args[1], fx.Node) else node.args[::-1]
    if (
        not isinstance(signal, fx.Node)
        or signal in static
        or (isinstance(constant, fx.Node) and constant not in static)
    ):
        return None
    moves: list[fx.Node] = []
    while operator_name(signal.target) in ("permute", "transpose") and len(signal.users) == 1:
        moves.insert(0, signal)
        signal = signal.args[0]  # type: ignore[assignment]
    if signal.op != "call_function" or kind_of(operator_name(signal.target)) != "linear" or len(signal.users) != 1:
        return None
    if not isinstance(signal.target, OpOverload) or arguments(signal)["weight"] not in static:
        return None
    return (signal, moves, constant) if _is_per_channel(signal, moves, constant) else None


def _is_per_channel(layer: fx.Node, moves: list[fx.Node], constant: Any) -> bool:
    """Whether the constant has one value, or one for each of the layer's output channels."""
    if not isinstance(constant, fx.Node):
        return True
    rank = layer.meta["val"].ndim
    order = list(range(rank))
    for move in moves:
        order = _permuted(order, move)
    channel = order.index(rank - 1 if has(operator_name(layer.target), "dense") else 1)
    shape = list(constant.meta["val"].shape)
    shape = [1] * (rank - len(shape)) + shape
    return len(shape) == rank and all(n == 1 or axis == channel for axis, n in enumerate(shape))


def _permuted(order: list[int], move: fx.Node) -> list[int]:
    dims = list(move.args[1:])
    if operator_name(move.target) == "permute":
        return [order[d] for d in dims[0]]  # type: ignore[union-attr, index]
    swapped = list(order)
    swapped[dims[0]], swapped[dims[1]] = order[dims[1]], order[dims[0]]  # type: ignore[index]
    return swapped


def _per_channel(builder: Builder, layer: fx.Node, constant: Any) -> fx.Node:
    """The constant as a vector over the layer's output channels."""
    axis = layer.meta["val"].ndim - 1 if has(operator_name(layer.target), "dense") else 1
    channels = layer.meta["val"].shape[axis]
    if not isinstance(constant, fx.Node):
        weight = builder.env[arguments(layer)["weight"]].meta["val"]
        return builder.call(
            aten.full.default, [channels], constant, dtype=weight.dtype, device=weight.device, like=layer
        )
    flat = builder.call(aten.view.default, builder.env[constant], [-1], like=layer)
    return builder.call(aten.expand.default, flat, [channels], like=layer)
