"""Lookups: what an integer input looks up in a table of the model, and the way from the input to it.

Token ids, categories and codes are no quantities, so most of what is made of integers carries no relevance (a mask, a
position, a length). What they *look up* does: a lookup's output is a layer like all others, and its relevance, summed
over features, is that of the integer.
"""

from __future__ import annotations

from collections.abc import Set
from typing import NamedTuple

import torch
from torch import fx

from lrp.graph.aten import _named_nodes, arguments, operator_name
from lrp.graph.graph import Graph, is_floating
from lrp.graph.modes import kind_of_node
from lrp.graph.operators import has


class Lookups(NamedTuple):
    """Sets of nodes."""

    tables: frozenset[fx.Node]
    """The lookups: `embedding(weight, ids)`, `weight[ids]`, made of constants and of an input's integers."""
    way: frozenset[fx.Node]
    """Integer values on the way from an input to a lookup, the input among them: moved, shifted, bounded."""


INDICES = {"embedding": "indices", "index": "indices.0", "index_select": "index", "_embedding_bag": "indices"}
"""Operators that look up, and the role of what they look up by."""


def lookups(graph: Graph) -> Lookups:
    """Find every lookup whose integers are an input's own; position ids, counted from the input's shape, are none.

    Example:
        >>> import torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Embedding(7, 4), torch.nn.Flatten(), torch.nn.Linear(12, 2)).eval()
        >>> found = lookups(lrp.trace(model, torch.zeros(1, 3, dtype=torch.long)))
        >>> [node.name for node in found.tables], [node.name for node in found.way]
        (['embedding'], ['input_1'])
    """
    own, varying = set(graph.inputs), set(graph.inputs)
    tables: set[fx.Node] = set()
    for node in graph.fx.nodes:
        if node.op != "call_function" or not set(node.all_input_nodes) & varying:
            continue
        varying.add(node)
        if _looks_up(node, own, varying):
            tables.add(node)
        elif _keeps_identity(node, own, varying):
            own.add(node)
    return Lookups(frozenset(tables), frozenset(_way(tables, own)))


def _looks_up(node: fx.Node, own: Set[fx.Node], varying: Set[fx.Node]) -> bool:
    """Whether a constant table is looked up by integers of an input."""
    name = operator_name(node.target)
    if name not in INDICES or not is_floating(node.meta["val"]):
        return False
    roles = dict(_named_nodes(node))
    by = roles.get(INDICES[name])
    return (
        by is not None
        and by in own
        and not is_floating(by.meta["val"])
        and roles.get("weight", roles.get("self")) not in varying
    )


def _keeps_identity(node: fx.Node, own: Set[fx.Node], varying: Set[fx.Node]) -> bool:
    """Whether a value is an input's values moved, or each made of one of them: never sums, comparisons or counts."""
    value = node.meta["val"]
    if not isinstance(value, torch.Tensor) or value.dtype == torch.bool:
        return False
    given = [n for role, n in _named_nodes(node) if n in own and not role.startswith("ind")]
    moved = kind_of_node(node) == "movement"
    others = [n for n in node.all_input_nodes if n in varying and n not in given]
    if not given or any(isinstance(n.meta["val"], torch.Tensor) and not moved for n in others):
        return False
    if is_floating(value):  # a float that will be an index once it is rounded
        return moved and all(is_floating(n.meta["val"]) for n in given)
    return moved or (has(operator_name(node.target), "elementwise") and len(given) == 1)


def _way(tables: Set[fx.Node], own: Set[fx.Node]) -> set[fx.Node]:
    """The integer nodes that lookups are made of."""
    found: set[fx.Node] = set()
    ahead = [n for table in tables for role, n in _named_nodes(table) if role == INDICES[operator_name(table.target)]]
    while ahead:
        node = ahead.pop()
        if node in own and node not in found and not is_floating(node.meta["val"]):
            found.add(node)
            ahead += node.all_input_nodes
    return found


def axes_looked_up(node: fx.Node, indices: int) -> tuple[int, ...]:
    """The axes of a lookup's output that come from the table, so that the rest is laid out as the indices are.

    Args:
        indices: How many axes the indices have.
    """
    axes = node.meta["val"].ndim
    if operator_name(node.target) == "index_select":
        at = arguments(node)["dim"] % axes
        return tuple(axis for axis in range(axes) if axis != at)
    return tuple(range(indices, axes))
