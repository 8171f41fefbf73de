"""Copies and the like compute nothing: out they go, as dropout and stochastic depth do when a model is traced."""

from __future__ import annotations

from torch import fx

from lrp.graph.aten import operator_name
from lrp.graph.graph import Graph
from lrp.graph.operators import has
from lrp.graph.rewriting import Builder, rewrite


def drop_identities(graph: Graph) -> Graph:
    """Read the argument of an operator that returns it unchanged instead of its result."""

    def replacement(builder: Builder, node: fx.Node) -> fx.Node | None:
        return builder.env[node.args[0]] if _is_identity(node) else None  # type: ignore[index]

    return rewrite(graph, replacement)


def _is_identity(node: fx.Node) -> bool:
    name = operator_name(node.target) if node.op == "call_function" else ""
    # a copy into another memory layout makes a view behind it possible
    if not has(name, "identity") or node.kwargs.get("memory_format") is not None:
        return False
    one, other = node.args[0].meta["val"], node.meta["val"]  # type: ignore[union-attr]
    return one.dtype == other.dtype and one.device == other.device
