"""DenseNet concatenates all layers before each one; each such list begins with the one before it."""

from __future__ import annotations

from typing import Any

import torch
from torch import fx

from lrp.graph.aten import operator_name
from lrp.graph.graph import Graph
from lrp.graph.rewriting import Builder, rewrite


def nest_concatenations(graph: Graph) -> Graph:
    """`cat(a, b)`, `cat(a, b, c)` -> `d = cat(a, b)`, `cat(d, c)`: relevance comes back in two parts instead of many.

    The values are the same; the operators of n such lists grow with n instead of its square.
    """
    lists: dict[tuple[Any, ...], fx.Node] = {}

    def replacement(builder: Builder, node: fx.Node) -> fx.Node | None:
        if node.op != "call_function" or operator_name(node.target) != "cat":
            return None
        given: Any = node.args
        parts, axis = tuple(given[0]), tuple(given[1:])
        known = [n for n in range(len(parts) - 1, 1, -1) if (parts[:n], axis) in lists]
        nested = [lists[parts[: known[0]], axis], *parts[known[0] :]] if known else []
        lists[parts, axis] = node
        if not nested:
            return None
        return builder.call(torch.ops.aten.cat.default, [builder.env[n] for n in nested], *axis, like=node, shaped=node)

    return rewrite(graph, replacement)
