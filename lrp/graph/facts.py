"""What is known of a value before it is computed: dependence on the input, constness, sign. One forward sweep."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from lrp.graph.aten import arguments, operator_name
from lrp.graph.graph import Graph, is_floating
from lrp.graph.op import Op, op_of
from lrp.graph.operators import has, kind_of


@dataclass(frozen=True)
class Facts:
    """Sets of nodes. A node outside all three is computed anew for each input, but carries no relevance."""

    signals: frozenset[fx.Node]
    """Floating-point values that depend on the input: these carry relevance."""
    static: frozenset[fx.Node]
    """Values that depend on parameters and constants alone: computed once per model."""
    nonnegative: frozenset[fx.Node]
    """Values that are never below zero."""
    gates: frozenset[fx.Node]
    """Values that come out of a squashing function, perhaps moved: the gates of products."""

    def op(self, node: fx.Node) -> Op:
        """`node` as a pure function of its signals."""
        return op_of(node, self.signals, self.nonnegative, self.gates)


def facts(graph: Graph) -> Facts:
    """Sweep `graph` once, in data-flow order."""
    signals = {n for n in graph.inputs if is_floating(n.meta["val"])}
    dynamic, static = set(graph.inputs) - signals, set(graph.parameters.values())
    nonnegative: set[fx.Node] = set()
    gates: set[fx.Node] = set()
    for node in graph.fx.nodes:
        if node.op != "call_function":
            continue
        sources = set(node.all_input_nodes)
        if sources & signals and is_floating(node.meta["val"]) and kind_of(operator_name(node.target)) != "constant":
            signals.add(node)
        elif sources & (signals | dynamic) or not isinstance(node.meta["val"], torch.Tensor):
            dynamic.add(node)
        else:
            static.add(node)
        if _is_nonnegative(node, nonnegative):
            nonnegative.add(node)
        name = operator_name(node.target)
        if has(name, "gate") or (kind_of(name) == "movement" and node.args[0] in gates):
            gates.add(node)
    return Facts(frozenset(signals), frozenset(static), frozenset(nonnegative), frozenset(gates))


def _is_nonnegative(node: fx.Node, nonnegative: set[fx.Node]) -> bool:
    if not isinstance(node.meta["val"], torch.Tensor):
        return False  # a size, which Python's own operators make of sizes
    name = operator_name(node.target)
    if has(name, "nonnegative"):
        return True
    given: dict[str, Any] = arguments(node) if has(name, "lower bound") or has(name, "keeps sign") else {}
    lower = given.get("min_val", given.get("min")) if has(name, "lower bound") else None
    if isinstance(lower, (int, float)) and lower >= 0:
        return True
    if not has(name, "keeps sign"):
        return False
    tensors = [n for n in node.all_input_nodes if isinstance(n.meta["val"], torch.Tensor)]
    # added, multiplied by, divided by, filled in, or bounded by
    numbers = [given.get(role) for role in ("other", "alpha", "value", "max", "max_val")]
    return (
        bool(tensors)
        and all(n in nonnegative for n in tensors)
        and all(number >= 0 for number in numbers if isinstance(number, (int, float)))
    )
