"""Steps of a recording: what was recorded once for an operator is copied where the same comes again.

Deep networks repeat blocks. What a rule does to an operator follows from the rule, the operator with its options, and
the sizes, types and facts of its values. Recording that takes milliseconds for each of its nodes, copying microseconds.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor, fx
from torch.fx.node import map_arg

from lrp._torch import (
    another,
    expression,
    is_mutable,
    is_without_values,
    pytree,
    recorded_as,
    recorded_graph,
)
from lrp.graph.op import Op
from lrp.rules import Rule


class Step(Protocol):
    """Calls `function(*values)`, what an operator or its rule (None: the operator itself) does to the values."""

    def __call__(self, op: Op, rule: Rule | None, function: Callable[..., Any], *values: Any) -> Any: ...


def each(op: Op, rule: Rule | None, function: Callable[..., Any], *values: Any) -> Any:
    """Every step by itself."""
    del op, rule
    return function(*values)


@dataclass(frozen=True, eq=False)
class Template:
    """The nodes of a step that was recorded, and what it was given and has found."""

    nodes: Sequence[fx.Node]
    given: Sequence[fx.Node | None]
    found: Mapping[fx.Node, Tensor]
    result: Any

    def copy(self, leaves: Sequence[Any]) -> Any:
        """The same step for other values of the same sizes and types."""
        graph = recorded_graph()
        values = {old: leaf for old, leaf in zip(self.given, leaves, strict=True) if old is not None}
        env: dict[fx.Node, Any] = {old: recorded_as(leaf) for old, leaf in values.items()}
        for node in self.nodes:
            args, kwargs = map_arg((node.args, node.kwargs), lambda n: env.get(n, n))
            env[node] = new = graph.create_node(node.op, node.target, args, kwargs)
            new.meta = dict(node.meta)
        for old, leaf in self.found.items():
            if old not in values:
                values[old] = another(leaf, env[old])
        return pytree.tree_map(lambda old: None if old is None else values[old], self.result)


def once() -> Step:
    """Record each kind of step once. Steps of rules that were not made by `lrp.rules`, which may look at the layer or
    its neighbours, and steps that write or have constants of their own, are recorded each time."""
    known: dict[Any, Template | None] = {}

    def step(op: Op, rule: Rule | None, function: Callable[..., Any], *values: Any) -> Any:
        if op.saved is not None or (rule is not None and not _is_ours(rule)):
            return function(*values)
        leaves, structure = pytree.tree_flatten((op.args, dict(op.kwargs), values))
        key = _signature(op, rule, leaves, structure)
        if (template := known.get(key)) is not None:
            return template.copy(leaves)
        if key in known:
            return function(*values)
        last = next(iter(reversed(recorded_graph().nodes)))
        result = function(*values)
        known[key] = _template(last, leaves, result, rule is None)
        return result

    return step


def _is_ours(rule: Rule) -> bool:
    made = [f for f in (rule.propagate, rule.terms) if f is not None]
    return all(getattr(f, "__module__", "").startswith("lrp.rules.") for f in made)


def _signature(op: Op, rule: Rule | None, leaves: Sequence[Any], structure: pytree.TreeSpec) -> Any:
    """All that a step follows from."""
    labels: dict[Any, Any] = {node: ("role", role) for role, node in op.roles.items()}
    labels |= {node: ("input", number) for number, node in enumerate(op.inputs)}
    first: dict[int, int] = {}
    each = []
    for number, leaf in enumerate(leaves):
        same = first.setdefault(id(leaf), number)
        each.append(("same", same) if isinstance(leaf, Tensor) and same != number else _label(leaf, labels))
    facts = (op.kind, op.nonnegative, op.gates, op.degree, op.cut, _label(op.node.meta.get("val"), {}))
    sources = tuple(labels[node] for node in op.node.all_input_nodes if node in labels)
    return _label(op.target, {}), id(rule), facts, sources, tuple(op.roles), repr(structure), tuple(each)


def _label(leaf: Any, labels: Mapping[Any, Any]) -> Any:
    if isinstance(leaf, fx.Node):
        return labels[leaf]
    if isinstance(leaf, Tensor):
        sizes = tuple(map(expression, (*leaf.shape, *leaf.stride(), leaf.storage_offset())))
        constant = recorded_as(leaf) is None
        return leaf.ndim, sizes, leaf.dtype, leaf.device, leaf.is_conj(), leaf.is_neg(), constant
    if isinstance(leaf, torch.SymInt | torch.SymFloat | torch.SymBool):
        return type(leaf), expression(leaf)
    return type(leaf), repr(leaf)  # 0.0 and -0.0 are equal, and are not the same


def _template(last: fx.Node, leaves: Sequence[Any], result: Any, whole: bool) -> Template | None:
    """What was recorded behind `last`, also what nothing reads, if `whole`; None if it may not be copied."""
    given = [recorded_as(leaf) if isinstance(leaf, Tensor) else None for leaf in leaves]
    found, structure = pytree.tree_flatten(result)
    nodes: list[fx.Node] = []
    node = last.next
    while node.op != "root":
        nodes.append(node)
        node = node.next
    known = {node for node in (*given, *nodes) if node is not None}
    if not all(leaf is None or (isinstance(leaf, Tensor) and is_without_values(leaf)) for leaf in found):
        return None
    ends = [None if leaf is None else recorded_as(leaf) for leaf in found]
    values = {end: leaf for end, leaf in zip(ends, found, strict=True) if end is not None}
    if any(end not in known for end, leaf in zip(ends, found, strict=True) if leaf is not None):
        return None
    if any(node.op != "call_function" or is_mutable(node.target) for node in nodes):
        return None
    # sizes are the same, and are read where they were first
    wanted: set[fx.Node] = set(values)
    copied: list[fx.Node] = []
    for node in reversed(nodes):
        if (whole or node in wanted) and not _is_size(node):
            copied.append(node)
            wanted.update(node.all_input_nodes)
    if not all(node in known or _is_size(node) for node in wanted):
        return None
    return Template(copied[::-1], given, values, pytree.tree_unflatten(ends, structure))


def _is_size(node: fx.Node) -> bool:
    return isinstance(node.meta.get("val"), torch.SymInt | torch.SymFloat | torch.SymBool)
