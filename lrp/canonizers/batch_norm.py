"""conv or linear -> batch norm: one layer, W' = s W and b' = s (b - mean) + beta with s = weight / sqrt(var + eps)."""

from __future__ import annotations

import torch
from torch import fx

from lrp._torch import OpOverload
from lrp.canonizers.weights import along_outputs
from lrp.graph.aten import arguments, operator_name
from lrp.graph.graph import Graph
from lrp.graph.operators import has, kind_of
from lrp.graph.rewriting import Builder, rewrite

aten = torch.ops.aten


def fold_batch_norm(graph: Graph) -> Graph:
    """Fold each batch norm into the convolution or linear layer whose only reader it is.

    Matched on the edges of the graph, never by registration order. Exact for grouped and transposed convolutions and
    scales of any sign. A batch norm over another axis than the layer's channels stays as it is.
    """

    def replacement(builder: Builder, node: fx.Node) -> fx.Node | None:
        if not has(operator_name(node.target), "batch norm") or not is_foldable(arguments(node)["input"]):
            return None
        return _fold(builder, node)

    return rewrite(graph, replacement)


def is_foldable(source: fx.Node) -> bool:
    """Whether `source` is a linear layer with one reader, whose channels lie on axis 1, where batch norm acts."""
    name = operator_name(source.target)
    if source.op != "call_function" or kind_of(name) != "linear" or len(source.users) != 1:
        return False
    return name != "linear" or source.meta["val"].ndim == 2


def scale_and_shift(builder: Builder, norm: fx.Node) -> tuple[fx.Node, fx.Node]:
    """Batch norm in evaluation is `scale x + shift`: both `(channel,)`, as new nodes."""
    given, new = arguments(norm), builder.env.__getitem__

    def call(target: OpOverload, *args: object) -> fx.Node:
        return builder.call(target, *args, like=norm, shaped=given["running_var"])

    scale = call(aten.rsqrt.default, call(aten.add.Scalar, new(given["running_var"]), given["eps"]))
    if given["weight"] is not None:
        scale = call(aten.mul.Tensor, scale, new(given["weight"]))
    shift = call(aten.neg.default, call(aten.mul.Tensor, new(given["running_mean"]), scale))
    return scale, shift if given["bias"] is None else call(aten.add.Tensor, shift, new(given["bias"]))


def _fold(builder: Builder, node: fx.Node) -> fx.Node:
    source = arguments(node)["input"]
    layer, new = arguments(source), builder.env.__getitem__
    scale, bias = scale_and_shift(builder, node)

    def call(target: OpOverload, one: fx.Node, other: fx.Node) -> fx.Node:
        return builder.call(target, one, other, like=source, shaped=one)

    weight = call(aten.mul.Tensor, new(layer["weight"]), along_outputs(builder, source, scale))
    if layer["bias"] is not None:
        bias = call(aten.add.Tensor, call(aten.mul.Tensor, new(layer["bias"]), scale), bias)
    rest = [v for k, v in layer.items() if k not in ("input", "weight", "bias")]
    folded = builder.call(source.target, new(layer["input"]), weight, bias, *rest, like=source, shaped=source)
    folded.meta["folded"] = (*source.meta.get("folded", ()), node.meta["layer"])
    return folded
