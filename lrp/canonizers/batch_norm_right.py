"""batch norm -> (ReLU ->) linear layer: where no layer stands before it, batch norm goes into the layers behind it.

With `scale x + shift` on the way to a layer `W, b`: W' = W diag(scale), b' = b + W shift. A zero-padded convolution
pads after the shift, so its new bias has a value for each position. Through a ReLU: relu(scale x + shift) =
scale clamp(x) + shift, where clamp keeps x where the ReLU is open and else has the x at which it opens (DenseNet;
Motzkus et al. 2022, arXiv:2202.06621, Pahde et al. 2023, arXiv:2211.17174). Average pooling and flattening on the way
keep both.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx
from torch.fx.node import map_arg

from lrp._torch import OpOverload, statically_known_true
from lrp.canonizers.batch_norm import scale_and_shift
from lrp.canonizers.weights import along_inputs
from lrp.graph.aten import BiasMap, Clamp, arguments, each_axis, operator_name
from lrp.graph.facts import facts
from lrp.graph.graph import Graph
from lrp.graph.operators import has
from lrp.graph.rewriting import Builder, rewrite

aten = torch.ops.aten


class Path(NamedTuple):
    """batch norm, perhaps ReLU, then pooling and flattening, up to a linear layer."""

    norm: fx.Node
    relu: bool
    moves: list[fx.Node]


def fold_batch_norm_right(graph: Graph) -> Graph:
    """Fold each remaining batch norm into every linear layer that reads it; others that read it keep it."""
    static = facts(graph).static

    def replacement(builder: Builder, node: fx.Node) -> fx.Node | None:
        if node.op != "call_function" or not has(operator_name(node.target), "mixes"):
            return None
        given = arguments(node)
        if not isinstance(node.target, OpOverload) or given["weight"] not in static:
            return None
        path = _path(given["input"])
        return _fold(builder, node, path) if path is not None and _fits(node) else None

    return rewrite(graph, replacement)


def _path(node: fx.Node) -> Path | None:
    moves: list[fx.Node] = []
    while _keeps_affine_maps(node):
        moves.insert(0, node)
        node = node.args[0]  # type: ignore[assignment]
    relu = has(operator_name(node.target), "relu")
    norm: Any = node.args[0] if relu else node
    if norm.op == "call_function" and has(operator_name(norm.target), "batch norm"):
        return Path(norm, relu, moves)
    return None


def _keeps_affine_maps(node: fx.Node) -> bool:
    """Whether `op(scale x + shift) = scale op(x) + shift`, per channel."""
    name = operator_name(node.target) if node.op == "call_function" else ""
    if name in ("view", "flatten", "reshape"):
        before, after = node.args[0].meta["val"].shape, node.meta["val"].shape  # type: ignore[union-attr]
        # the batch may be any axis by now, and asking for its size would tie the graph to it
        return len(after) == 2 and len(before) > 2 and statically_known_true(after[1] == math.prod(before[1:]))
    if name == "mean":
        axes, rank = arguments(node).get("dim") or [], node.args[0].meta["val"].ndim  # type: ignore[union-attr]
        return bool(axes) and all(axis % rank > 1 for axis in axes)
    if has(name, "pool"):
        return not any(arguments(node).get("padding") or [])
    return False


def _fits(layer: fx.Node) -> bool:
    """Dense layers must read channels, or flattened ones, on their last axis, as batch norm counts them on axis 1."""
    if not has(operator_name(layer.target), "dense"):
        return isinstance(arguments(layer)["padding"], list)
    return arguments(layer)["input"].meta["val"].ndim == 2


def _fold(builder: Builder, layer: fx.Node, path: Path) -> fx.Node:
    def call(target: Any, *args: object, shaped: fx.Node | None = None) -> fx.Node:
        return builder.call(target, *args, like=layer, shaped=shaped)

    given, new = arguments(layer), builder.env.__getitem__
    scale, shift = scale_and_shift(builder, path.norm)
    current = new(arguments(path.norm)["input"])
    if path.relu:
        # where the scale is 0 the channel is the constant relu(shift)
        closed = call(aten.eq.Scalar, scale, 0)
        spatial = [1] * (current.meta["val"].ndim - 2)
        bounds = [call(bound, scale, shift, shaped=scale) for bound in (_lower, _upper)]
        bounds = [call(aten.view.default, bound, [-1, *spatial]) for bound in bounds]
        current = builder.call(Clamp(), current, *bounds, like=path.norm, shaped=path.norm)
        shift = call(aten.where.self, closed, call(aten.relu.default, shift, shaped=shift), shift, shaped=shift)
    for move in path.moves:
        rest = map_arg(move.args[1:], new)
        current = builder.call(move.target, current, *rest, like=move)  # type: ignore[arg-type, misc]
    repeat = current.meta["val"].shape[1] // scale.meta["val"].shape[0]
    if repeat > 1:
        scale, shift = (call(aten.repeat_interleave.self_int, v, repeat) for v in (scale, shift))
    weight = new(given["weight"])
    weight = call(aten.mul.Tensor, weight, along_inputs(builder, layer, scale), shaped=weight)
    target, bias = _bias(builder, layer, shift, current)
    rest = [v for k, v in given.items() if k not in ("input", "weight", "bias")]
    folded = builder.call(target, current, weight, bias, *rest, like=layer, shaped=layer)
    folded.meta["folded"] = layer.meta.get("folded", ())
    return folded


def _lower(scale: Tensor, shift: Tensor) -> Tensor:
    """The x at which relu(scale x + shift) opens, where it is open above it; else no bound, or 0 where scale is 0."""
    return torch.where(scale > 0, -shift / scale, torch.where(scale < 0, -torch.inf, 0.0))


def _upper(scale: Tensor, shift: Tensor) -> Tensor:
    """The same where it is open below: a negative scale."""
    return -_lower(-scale, shift)


def _bias(builder: Builder, layer: fx.Node, shift: fx.Node, source: fx.Node) -> tuple[Any, fx.Node]:
    """The layer's answer to the shift alone: a vector, or a map where zero padding makes positions differ."""

    def call(target: Any, *args: object) -> fx.Node:
        return builder.call(target, *args, like=layer)

    given = arguments(layer)
    weight, bias = builder.env[given["weight"]], given["bias"] and builder.env[given["bias"]]
    if has(operator_name(layer.target), "dense"):
        answer = call(layer.target, call(aten.view.default, shift, [1, -1]), weight, bias)
        return layer.target, call(aten.view.default, answer, [-1])
    options = [given[k] for k in ("stride", "padding", "dilation", "groups")]
    spatial = [int(n) for n in source.meta["val"].shape[2:]]
    if not any(given["padding"]):
        kernel = weight.meta["val"].shape[2:]
        dilation = each_axis(given["dilation"], len(kernel))
        spatial = [d * (k - 1) + 1 for d, k in zip(dilation, kernel, strict=True)]
    column = call(aten.view.default, shift, [1, -1, *[1] * len(spatial)])
    answer = call(layer.target, call(aten.expand.default, column, [1, -1, *spatial]), weight, bias, *options)
    if any(given["padding"]):
        return BiasMap(layer.target), answer  # type: ignore[arg-type]
    return layer.target, call(aten.view.default, answer, [-1])
