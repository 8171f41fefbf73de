"""Decide a composite for a graph: which rule where, and what follows from all rules together."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from torch import fx

from lrp.composites.presets import DEFAULT
from lrp.composites.rows import checked
from lrp.composites.table import Row, select
from lrp.composites.unfit import UnusedRow, unfit
from lrp.graph.facts import Facts, facts
from lrp.graph.graph import Graph
from lrp.graph.op import Op
from lrp.graph.operators import REMEDIES, has, kind_of
from lrp.rules import Rule, epsilon
from lrp.rules.stabilizer import above_rounding

VIRTUAL = epsilon(above_rounding)
"""The rule of layers that are inserted to look at a model, see `lrp.basis`."""


class MissingRule(LookupError):
    """Operators that no row matches; the message lists every one of them."""


@dataclass(frozen=True, eq=False)
class Plan:
    """A composite decided for a graph."""

    facts: Facts
    ops: Mapping[fx.Node, Op]
    """Every operator that is computed anew for each input, in data-flow order."""
    rules: Mapping[fx.Node, Rule]
    """The rule of each node that relevance can reach, in data-flow order."""
    constants: Mapping[fx.Node, Rule] = field(default_factory=dict)
    """Nodes that count as weights, see `lrp.rules.constant`: they have no relevance."""


def assign(graph: Graph, composite: Iterable[Row], *, strict: bool = False) -> Plan:
    """Decide the rule of each node that relevance can reach.

    Args:
        strict: Whether a row that can fit nothing is an error, and not a warning (`UnusedRow`).

    Raises:
        TypeError: The composite is none, or a row of it is no row; the message says what to write.
        ValueError: With `strict`, some rows fit no operator; all of them are listed, with the nearest words.
        MissingRule: Some nodes have no rule; all of them are listed.
    """
    rows = checked(composite)
    known = facts(graph)
    if graph.output not in known.signals:
        raise ValueError(f"the output ({graph.output.name}) does not depend on the input through floating-point values")
    ops, signals = _operators(graph, known)
    _report(unfit(rows, signals, graph.layers), strict)
    chosen = _chosen(rows + DEFAULT, signals)
    constants = {node: rule for node, rule in chosen.items() if rule.holds}
    if constants:
        # what they multiply is now linear in the other factor, so it is another kind of operator
        known = facts(graph, constants.keys())
        ops, signals = _operators(graph, known)
        chosen = _chosen([(match, rule) for match, rule in rows + DEFAULT if not rule.holds], signals)
    if graph.output not in known.signals:
        raise ValueError(f"all that the output ({graph.output.name}) depends on is held constant; relevance ends there")
    reached = _reached(graph, known, ops, chosen)
    missing = [ops[node] for node in reached if node not in chosen]
    if missing:
        raise MissingRule(_describe(missing))
    plan = Plan(known, ops, {node: chosen[node] for node in reached}, constants)
    return replace(plan, ops=ops | {node: replace(ops[node], cut=True) for node in _cut(graph, plan)})


def _operators(graph: Graph, known: Facts) -> tuple[dict[fx.Node, Op], list[Op]]:
    """Every operator that is computed anew for each input, and those that relevance can pass."""
    ops = {n: known.op(n) for n in graph.fx.nodes if n.op == "call_function" and n not in known.static}
    return ops, [op for node, op in ops.items() if node in known.signals]


def _chosen(rows: Iterable[Row], signals: list[Op]) -> dict[fx.Node, Rule]:
    """The rule of the first row that fits each operator. Virtual layers are no part of the model: rows neither fit nor
    count them, and relevance passes in proportion, to the last bit of what the model has without them."""
    virtual = {op.node: VIRTUAL for op in signals if op.node.meta.get("virtual")}
    own = [op for op in signals if op.node not in virtual]
    chosen: dict[fx.Node, Rule] = dict(virtual)
    for match, rule in rows:
        for op in select(match, own):
            chosen.setdefault(op.node, rule)
    return chosen


def _report(unused: list[str], strict: bool) -> None:
    if unused:
        text = "\n  ".join(["rows of the composite that fit no operator of the model:", *unused])
        if strict:
            raise ValueError(text)
        warnings.warn(text, UnusedRow, stacklevel=3)


def _reached(graph: Graph, known: Facts, ops: Mapping[fx.Node, Op], chosen: Mapping[fx.Node, Rule]) -> list[fx.Node]:
    """Signal nodes that relevance passes on its way from the output, in data-flow order."""
    live = {graph.output}
    for node in reversed(graph.fx.nodes):
        if node in live and node in ops:
            sources, rule = ops[node].inputs, chosen.get(node)
            receives = rule.receives(ops[node]) if rule is not None else (True,) * len(sources)
            live |= {source for source, taken in zip(sources, receives, strict=True) if taken}
    return [node for node in ops if node in live and node in known.signals]


def _cut(graph: Graph, plan: Plan) -> list[fx.Node]:
    """Nodes where no relevance arrives unless their value is above zero, since only ReLUs that cut it read them."""
    silent: set[fx.Node] = set()  # no relevance where the value is zero
    for node in reversed(list(plan.rules)):
        readers = [reader for reader in node.users if reader in plan.rules]
        if node is not graph.output and all(_is_silent(plan, reader, silent) for reader in readers):
            silent.add(node)
    return [
        node
        for node in plan.rules
        if node is not graph.output
        and all(has(plan.ops[r].name, "relu") and r in silent for r in node.users if r in plan.rules)
    ]


def _is_silent(plan: Plan, reader: fx.Node, silent: set[fx.Node]) -> bool:
    """Whether what `reader` gives back to its input is zero wherever the input is."""
    rule, op = plan.rules[reader], plan.ops[reader]
    return rule.proportional or (rule.unchanged(op) and reader in silent)


def _describe(missing: list[Op]) -> str:
    lines = [
        f"  {op.node.name}: {op.name} in layer {op.layer or '(top)'}, output {shape(op)}, {_reason(op)}"
        for op in missing
    ]
    return f"no rule for {len(missing)} of the operators that relevance passes:\n" + "\n".join(lines)


def shape(op: Op) -> str:
    """The output's shape for people: (batch, 64, 56, 56)."""
    return f"(batch, {', '.join(map(str, op.shape[1:]))})" if len(op.shape) > 1 else "(batch,)"


def _reason(op: Op) -> str:
    if op.name in REMEDIES:
        return REMEDIES[op.name]
    if op.kind is None:
        what = "unknown operator" if kind_of(op.name) is None else "no rule fits it with these arguments"
        return f'{what}: give a rule of your own, ("{op.name}", Rule(...)); a guess would make relevance out of nothing'
    return f'kind {op.kind}; add a row ("{op.kind}", rule) or ("{op.name}", rule) to the composite, or canonize it away'
