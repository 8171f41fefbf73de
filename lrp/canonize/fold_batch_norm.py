"""conv or linear -> batch norm: one layer, W' = s W and b' = s (b - mean) + beta with s = weight / sqrt(var + eps)."""

from __future__ import annotations

import torch
from torch import fx

from lrp.graph import Builder, Graph, rewrite
from lrp.ops import KIND, arguments, operator_name

aten = torch.ops.aten
BATCH_NORMS = {"_native_batch_norm_legit_no_training", "batch_norm", "native_batch_norm"}


def fold_batch_norm(graph: Graph) -> Graph:
    """Fold each batch norm into the convolution or linear layer whose only reader it is.

    Matched on the edges of the graph, never by registration order. Exact for grouped and transposed convolutions and
    scales of any sign. A batch norm over another axis than the layer's channels stays as it is.
    """

    def replacement(builder: Builder, node: fx.Node) -> fx.Node | None:
        if operator_name(node.target) not in BATCH_NORMS or not is_foldable(arguments(node)["input"]):
            return None
        return _fold(builder, node)

    return rewrite(graph, replacement)


def is_foldable(source: fx.Node) -> bool:
    """Whether `source` is a linear layer with one reader, whose channels lie on axis 1, where batch norm acts."""
    name = operator_name(source.target)
    if source.op != "call_function" or KIND.get(name) != "linear" or len(source.users) != 1:
        return False
    return name != "linear" or source.meta["val"].ndim == 2


def _fold(builder: Builder, node: fx.Node) -> fx.Node:
    new = builder.env.__getitem__
    norm, layer = arguments(node), arguments(node.args[0])  # type: ignore[arg-type]
    source = norm["input"]

    def call(target: torch._ops.OpOverload, *args: object) -> fx.Node:
        return builder.call(target, *args, like=source)

    scale = call(aten.rsqrt.default, call(aten.add.Scalar, new(norm["running_var"]), norm["eps"]))
    if norm["weight"] is not None:
        scale = call(aten.mul.Tensor, scale, new(norm["weight"]))
    weight = call(aten.mul.Tensor, new(layer["weight"]), _along_outputs(call, source, layer, scale))
    shift = call(aten.mul.Tensor, new(norm["running_mean"]), scale)
    bias = call(aten.neg.default, shift)
    if layer["bias"] is not None:
        bias = call(aten.sub.Tensor, call(aten.mul.Tensor, new(layer["bias"]), scale), shift)
    if norm["bias"] is not None:
        bias = call(aten.add.Tensor, bias, new(norm["bias"]))
    rest = {k: v for k, v in layer.items() if k not in ("input", "weight", "bias")}
    folded = builder.call(source.target, new(layer["input"]), weight, bias, *rest.values(), like=source)
    folded.meta["folded"] = (*source.meta.get("folded", ()), node.meta["layer"])
    return folded


def _along_outputs(call: object, source: fx.Node, layer: dict, scale: fx.Node) -> fx.Node:
    """`scale` shaped to multiply the output channels of the layer's weight."""
    shape = layer["weight"].meta["val"].shape
    if "conv_transpose" not in operator_name(source.target):
        return call(aten.view.default, scale, [-1, *[1] * (len(shape) - 1)])  # type: ignore[operator]
    # a transposed weight is (in, out / groups, ...): input channel i belongs to group i // (in / groups)
    groups, spatial = layer["groups"], [1] * (len(shape) - 2)
    grouped = call(aten.view.default, scale, [groups, 1, shape[1], *spatial])  # type: ignore[operator]
    spread = call(aten.expand.default, grouped, [groups, shape[0] // groups, shape[1], *spatial])  # type: ignore[operator]
    return call(aten.reshape.default, spread, [shape[0], shape[1], *spatial])  # type: ignore[operator]
