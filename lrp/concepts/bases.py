"""A basis of a hidden layer, as two linear layers between it and what reads it, so that directions are channels."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx

from lrp.explain.channels import channel_axis
from lrp.graph.cutting import between
from lrp.graph.graph import Graph
from lrp.graph.rewriting import Builder

aten = torch.ops.aten
SMALLEST = 1e-6  # singular value of a basis, as a share of the largest
CONVOLUTIONS = {3: aten.conv1d.default, 4: aten.conv2d.default, 5: aten.conv3d.default}


def basis(graph: Graph, layer: str, directions: Tensor, *, axis: int | None = None) -> Graph:
    """h = U^+ a and a = U h + (I - U U^+) a, between a layer and what reads it: the function is the model's.

    The columns of U are concepts: PRCA's or DRSA's subspaces (Chormai et al. 2024, doi:10.1109/TPAMI.2024.3388275),
    principal components, factors of NMF. For orthonormal columns U^+ is their transpose. The layer `LAYER.basis` of the
    result holds h, one channel a column: `at`, `mask`, `conditions`, `concepts=` of a dataset take it like any other.
    What no column holds goes its own way. Relevance passes the inserted layers in proportion to each part of the value,
    R_h = h * U^T (R / a), whatever the composite says, so that the input's relevance is the model's. R / a of a
    unit that is zero is zero.

    Args:
        graph: From `trace` or `canonize`.
        layer: A module path or node name, see `Graph.find`.
        directions: U, `(channel, concept)`, of full column rank.
        axis: Of the channels in the layer's output, where its operator does not say it.

    Returns:
        A graph with the parameters `LAYER.basis.encode`, `LAYER.basis.decode` and, where U does not span all channels,
        `LAYER.basis.rest` more.

    Raises:
        KeyError: There is no such layer.
        ValueError: U does not fit the layer, or its columns depend on one another.

    Example:
        >>> import torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()
        >>> turned = lrp.basis(lrp.trace(model, torch.zeros(1, 3)), "1", torch.linalg.qr(torch.randn(4, 4)).Q)
        >>> explain, x = lrp.explainer(turned, lrp.composites.epsilon_plus()), torch.rand(5, 3)
        >>> output, pullback = explain.program(explain.weights, x)
        >>> _, hidden = pullback(torch.ones_like(output), at=["1.basis"])
        >>> torch.allclose(output, model(x), atol=1e-6), hidden["1.basis"].relevance.shape
        (True, torch.Size([5, 4]))
    """
    value = graph.find(layer).meta["val"]
    at = channel_axis(graph, layer) if axis is None else axis % value.ndim
    params = _weights(directions, int(value.shape[at]), layer)
    placed = {name: _shaped(weight, value.ndim, at, layer).to(value.dtype) for name, weight in params.items()}
    prefix = f"{layer}.basis"

    def inserted(builder: Builder, x: fx.Node, nodes: Mapping[str, fx.Node]) -> fx.Node:
        call = partial(_call, builder, graph.find(layer))
        dense = at == value.ndim - 1
        apply = aten.linear.default if dense else CONVOLUTIONS[value.ndim]
        concepts = call(apply, x, nodes[f"{prefix}.encode"])
        concepts.meta |= {"layer": prefix}
        back = call(apply, concepts, nodes[f"{prefix}.decode"])
        if f"{prefix}.rest" not in nodes:
            return back
        return call(aten.add.Tensor, back, call(apply, x, nodes[f"{prefix}.rest"]))

    return between(graph, layer, {f"{prefix}.{name}": weight for name, weight in placed.items()}, inserted)


def _call(builder: Builder, like: fx.Node, target: Any, *args: fx.Node) -> fx.Node:
    node = builder.call(target, *args, like=like)
    node.meta["virtual"] = True
    return node


def _weights(directions: Tensor, size: int, layer: str) -> dict[str, Tensor]:
    if directions.ndim != 2 or len(directions) != size or not directions.shape[1] <= size:
        raise ValueError(
            f"a basis of {layer} is ({size}, concepts), at most {size} of them, got {tuple(directions.shape)}"
        )
    u = directions.detach().double()
    singular = torch.linalg.svdvals(u)
    if not singular[-1] > SMALLEST * singular[0]:
        raise ValueError(
            f"the {u.shape[1]} directions of {layer} depend on one another (singular values from {singular[0]:.2g} to "
            f"{singular[-1]:.2g}): leave some out, of U = torch.linalg.qr(U).Q say"
        )
    back = torch.linalg.pinv(u)
    found = {"encode": back, "decode": u}
    if u.shape[1] < size:
        found["rest"] = torch.eye(size, dtype=u.dtype, device=u.device) - u @ back
    return found


def _shaped(weight: Tensor, rank: int, axis: int, layer: str) -> Tensor:
    """For a dense layer along the last axis, or for a convolution of one place."""
    if axis == rank - 1:
        return weight
    if axis != 1 or rank not in CONVOLUTIONS:
        raise ValueError(f"{layer} has its channels on axis {axis} of {rank}; a basis is of axis 1, or of the last one")
    return weight.reshape(*weight.shape, *[1] * (rank - 2))
