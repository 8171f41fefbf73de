"""Two dense layers with nothing between them are one: W = W2 W1, b = W2 b1 + b2. Not in the default chain."""

from __future__ import annotations

import torch
from torch import fx

from lrp.graph.aten import arguments, operator_name
from lrp.graph.graph import Graph
from lrp.graph.operators import has
from lrp.graph.rewriting import Builder, rewrite

aten = torch.ops.aten


def merge_linear(graph: Graph) -> Graph:
    """Merge dense -> dense where nobody else reads the first one.

    LRP is not invariant under this: merging removes the choice of how relevance passes the layer between.
    """

    def replacement(builder: Builder, node: fx.Node) -> fx.Node | None:
        return _merge(builder, node.args[0], node) if _is_second(node) else None  # type: ignore[arg-type]

    # of three in a row, one pass merges the first two with the third as it was
    while any(_is_second(node) for node in graph.fx.nodes):
        graph = rewrite(graph, replacement)
    return graph


def _is_second(node: fx.Node) -> bool:
    """Whether `node` is a dense layer and the only reader of another one, which itself reads none to be merged."""
    first = node.args[0] if _is_dense(node) else None
    if not isinstance(first, fx.Node) or not _is_dense(first) or len(first.users) != 1:
        return False
    return not _is_second(first)


def _is_dense(node: fx.Node) -> bool:
    """Whether it has one weight for all places: not that of experts, of which each has some."""
    return has(operator_name(node.target), "dense") and has(operator_name(node.target), "mixes")


def _merge(builder: Builder, first: fx.Node, second: fx.Node) -> fx.Node:
    one, two, new = arguments(first), arguments(second), builder.env.__getitem__
    weight = builder.call(aten.mm.default, new(two["weight"]), new(one["weight"]), like=second)
    bias = two["bias"] and new(two["bias"])
    if one["bias"] is not None:
        through = builder.call(aten.mv.default, new(two["weight"]), new(one["bias"]), like=second)
        bias = through if bias is None else builder.call(aten.add.Tensor, through, bias, like=second)
    merged = builder.call(aten.linear.default, new(one["input"]), weight, bias, like=second)
    merged.meta["folded"] = (first.meta["layer"],)
    return merged
