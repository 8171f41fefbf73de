"""What is known of a value before it is computed: dependence on the input, constness, sign. One forward sweep."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import fx

from lrp._torch import statically_known_true
from lrp.graph.aten import arguments, operator_name
from lrp.graph.graph import Graph, is_floating
from lrp.graph.lookups import Lookups, lookups
from lrp.graph.modes import kind_of_node
from lrp.graph.op import Op, op_of
from lrp.graph.operators import has


@dataclass(frozen=True)
class Facts:
    """Sets of nodes. A node outside all three is computed anew for each input, but carries no relevance."""

    signals: frozenset[fx.Node]
    """Values that carry relevance: floating-point ones that depend on the input, and integers that are looked up."""
    static: frozenset[fx.Node]
    """Values that depend on parameters and constants alone: computed once per model."""
    nonnegative: frozenset[fx.Node]
    """Values that are never below zero."""
    gates: Mapping[fx.Node, int]
    """Values that scale what they are multiplied with, and how surely, see `GATES`; others are 0."""

    prepared: frozenset[fx.Node]
    """Inputs, and what the model's own normalization makes of them, `(x - mean) / std`, by constants."""
    lookups: Lookups

    def op(self, node: fx.Node) -> Op:
        """`node` as a pure function of its signals."""
        tables, way = self.lookups
        looking = node in tables or node in way
        # an integer that is looked up is a signal there, and nowhere else
        found = op_of(node, self.signals if looking else self.signals - way, self.nonnegative, self.gates)
        if node in tables:
            return replace(found, kind="lookup" if _is_simple(node) else None)
        if node in way and not (found.kind == "movement" and all(_is_like(n, node) for n in found.inputs)):
            return replace(found, kind="lookup")
        return replace(found, kind="preparation") if node in self.prepared and found.kind == "sum" else found


def _is_like(one: fx.Node, other: fx.Node) -> bool:
    return one.meta["val"].dtype == other.meta["val"].dtype


def _is_simple(node: fx.Node) -> bool:
    """Whether a lookup gives what stands in the table, at the places of its indices."""
    name = operator_name(node.target)
    return name in ("embedding", "index_select") or (name == "index" and len(arguments(node)["indices"]) == 1)


def facts(graph: Graph, constant: Set[fx.Node] = frozenset()) -> Facts:
    """Sweep `graph` once, in data-flow order.

    Args:
        constant: Values that count as weights, though they depend on the input: no signals, see `lrp.rules.constant`.
    """
    looked = lookups(graph)
    signals = {n for n in graph.inputs if is_floating(n.meta["val"]) or n in looked.way}
    dynamic, static = set(graph.inputs) - signals, set(graph.parameters.values())
    nonnegative: set[fx.Node] = set()
    gates: dict[fx.Node, int] = {}
    even: set[fx.Node] = set()
    for node in graph.fx.nodes:
        if node.op != "call_function":
            continue
        sources = set(node.all_input_nodes)
        if node in constant:
            dynamic.add(node)
        elif node in looked.way or node in looked.tables or _carries(node, (sources - looked.way) & signals):
            signals.add(node)
        elif sources & (signals | dynamic) or not isinstance(node.meta["val"], torch.Tensor):
            dynamic.add(node)
        else:
            static.add(node)
        if _is_nonnegative(node, nonnegative):
            nonnegative.add(node)
        if node in signals and node not in looked.way:
            gates[node] = _gate(node, signals, gates, even)
    prepared = _prepared(graph, signals, static)
    return Facts(frozenset(signals), frozenset(static), frozenset(nonnegative), gates, frozenset(prepared), looked)


def _carries(node: fx.Node, sources: set[fx.Node]) -> bool:
    return bool(sources) and is_floating(node.meta["val"]) and kind_of_node(node) != "constant"


def _prepared(graph: Graph, signals: set[fx.Node], static: set[fx.Node]) -> set[fx.Node]:
    """What is made of an input by moving it, and by adding and multiplying numbers or one constant for each channel.

    What is learned is no such constant (an embedding's positions, a bias), nor is one that differs from place to place.
    """
    found = {node for node in graph.inputs if is_floating(node.meta["val"])}
    learned = {node for node in static if node.meta.get("learned")}
    for node in graph.fx.nodes:
        if node in static and learned & set(node.all_input_nodes):
            learned.add(node)
        sources = [n for n in node.all_input_nodes if n in signals]
        if node.op != "call_function" or not sources or not all(n in found for n in sources):
            continue
        constants = [n for n in node.all_input_nodes if n not in signals and isinstance(n.meta["val"], torch.Tensor)]
        # what is not static depends on sizes: positions up to a length
        plain = all(
            n in static and n not in learned and sum(size != 1 for size in n.meta["val"].shape) <= 1 for n in constants
        )
        plain = plain and isinstance(node.meta["val"], torch.Tensor)
        name, kind = operator_name(node.target), kind_of_node(node)
        affine = has(name, "elementwise") and kind in ("sum", "gate", "division") and len(sources) == 1
        divides = kind == "division" and node.args[0] not in sources
        plain = plain and of_one_shape(sources[0].meta["val"], node.meta["val"])
        if (affine and plain and not divides) or kind == "movement":
            found.add(node)
    return found


def of_one_shape(one: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether that is known, without tying a size down."""
    sizes = zip(one.shape, other.shape, strict=False)
    return one.ndim == other.ndim and all(statically_known_true(a == b) for a, b in sizes)


GATES = {"activation": 1, "squash": 2, "gate": 3, "statistic": 4}
"""What scales and what is scaled: in a product the one with the lower number is the signal, the other the scale.

An activation of any kind (the SiLU of a gated MLP) scales for those rules only that are asked to take it so.

A statistic is what is made of sums of even functions (squares, magnitudes, norms) alone: the scale of an RMS norm in
any spelling, of a cosine, of global response normalization.
"""


def _gate(node: fx.Node, signals: set[fx.Node], gates: dict[fx.Node, int], even: set[fx.Node]) -> int:
    """How surely `node` is a scale; `even` is told of even functions on the way to a statistic."""
    name, kind = operator_name(node.target), kind_of_node(node)
    sources = [n for n in node.all_input_nodes if n in signals]
    if all(gates.get(n) == GATES["statistic"] for n in sources):
        return 0 if kind in ("linear", "bilinear") else GATES["statistic"]
    is_even = has(name, "even") or (name == "pow" and _is_even(node.args[1]))
    keeps = kind in ("movement", "winner") or has(name, "elementwise") or has(name, "reduces")
    if is_even or (keeps and all(n in even for n in sources)):
        even.add(node)
    if node in even and has(name, "reduces"):
        return GATES["statistic"]
    if (joined := getattr(node.target, "gate", None)) is not None:
        return max(joined, GATES["activation"])
    for word in ("gate", "squash"):
        if has(name, word):
            return GATES[word]
    if kind == "activation":
        return GATES["activation"]
    # moved, or moved along the number line by constants: 1 - z of a gate z is a gate
    moved = kind == "movement" or (has(name, "elementwise") and kind in ("sum", "gate", "division"))
    return gates.get(sources[0], 0) if moved and len(sources) == 1 else 0


def _is_even(power: Any) -> bool:
    return isinstance(power, (int, float)) and power > 0 and power % 2 == 0


def _is_nonnegative(node: fx.Node, nonnegative: set[fx.Node]) -> bool:
    if not isinstance(node.meta["val"], torch.Tensor):
        return False  # a size, which Python's own operators make of sizes
    name = operator_name(node.target)
    if has(name, "nonnegative"):
        return True
    given: dict[str, Any] = arguments(node) if has(name, "lower bound") or has(name, "keeps sign") else {}
    if has(name, "positive beta"):
        return arguments(node)["beta"] > 0
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
