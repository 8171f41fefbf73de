"""Copying a graph with changes: `rewrite`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from torch import fx
from torch.fx.node import map_arg

from lrp.graph.graph import Graph


class Builder:
    """The copy that a rewrite is making: `call` adds a node, `env` maps old nodes to new ones."""

    def __init__(self) -> None:
        self.graph = fx.Graph()
        self.env: dict[fx.Node, fx.Node] = {}

    def call(
        self, target: Callable[..., Any], *args: Any, like: fx.Node, shaped: fx.Node | None = None, **kwargs: Any
    ) -> fx.Node:
        """Add `target(*args, **kwargs)`, attributed to the layer of `like`.

        Its shape is that of `shaped`, where that is known, or is computed at once, which takes milliseconds.
        """
        node = self.graph.call_function(target, args, kwargs)
        if shaped is None:
            values, keywords = map_arg((node.args, node.kwargs), lambda n: n.meta["val"])
            value = target(*values, **keywords)
        else:
            value = shaped.meta["val"]
        node.meta = {name: like.meta[name] for name in ("layer", "module", "calls") if name in like.meta} | {
            "val": value
        }
        return node

    def output(self, node: fx.Node) -> fx.Node:
        """Return the value of an old node."""
        return self.graph.output(self.env[node])

    def copy(self, node: fx.Node) -> fx.Node:
        """Copy `node` as it is."""
        return self.graph.node_copy(node, self.env.__getitem__)


Replace = Callable[[Builder, fx.Node], fx.Node | None]
"""Emit what stands for a node in the copy and return it; None copies the node as it is."""


def rewrite(graph: Graph, replacement: Replace) -> Graph:
    """Copy `graph`, asking `replacement` at each node; nodes that nothing reads any more are dropped.

    Inputs and parameters stay: a rewrite expresses new weights as nodes over the old ones, so that `params` keeps the
    model's own names and everything downstream stays differentiable in them.
    """
    builder = Builder()
    for node in graph.fx.nodes:
        builder.env[node] = replacement(builder, node) or builder.copy(node)
    new = builder.graph
    for node in reversed(new.nodes):
        if node.op == "call_function" and not node.users:
            new.erase_node(node)
    new.lint()
    return replace(graph, fx=new)
