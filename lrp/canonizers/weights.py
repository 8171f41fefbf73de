"""Vectors over channels, shaped to multiply a layer's weight along its outputs or its inputs."""

from __future__ import annotations

import torch
from torch import fx

from lrp.graph.aten import arguments, operator_name
from lrp.graph.operators import has
from lrp.graph.rewriting import Builder

aten = torch.ops.aten


def along_outputs(builder: Builder, layer: fx.Node, vector: fx.Node) -> fx.Node:
    """`vector (out,)` shaped to multiply the output channels of the weight of an old node, `layer`."""
    given = arguments(layer)
    shape = given["weight"].meta["val"].shape
    if "conv_transpose" not in operator_name(layer.target):
        return builder.call(aten.view.default, vector, [-1, *[1] * (len(shape) - 1)], like=layer)
    # a transposed weight is (in, out / groups, ...): input channel i belongs to group i // (in / groups)
    return _by_group(builder, layer, vector, given["groups"], shape)


def along_inputs(builder: Builder, layer: fx.Node, vector: fx.Node) -> fx.Node:
    """`vector (in,)` shaped to multiply the input channels of a dense or (not transposed) convolution's weight."""
    given = arguments(layer)
    if has(operator_name(layer.target), "dense"):
        return builder.call(aten.view.default, vector, [1, -1], like=layer)
    # a weight is (out, in / groups, ...): output channel o belongs to group o // (out / groups)
    return _by_group(builder, layer, vector, given["groups"], given["weight"].meta["val"].shape)


def _by_group(builder: Builder, layer: fx.Node, vector: fx.Node, groups: int, shape: torch.Size) -> fx.Node:
    """`vector (groups * shape[1],)` as `(shape[0], shape[1], 1, ...)`, rows of one group sharing its part."""
    spatial = [1] * (len(shape) - 2)
    grouped = builder.call(aten.view.default, vector, [groups, 1, shape[1], *spatial], like=layer)
    spread = builder.call(aten.expand.default, grouped, [groups, shape[0] // groups, shape[1], *spatial], like=layer)
    return builder.call(aten.reshape.default, spread, [shape[0], shape[1], *spatial], like=layer)
