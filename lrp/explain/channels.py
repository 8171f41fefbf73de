"""Which axis of a layer's output holds its channels: its operators say it, never the number of axes."""

from __future__ import annotations

from typing import Any

from torch import fx

from lrp.graph.aten import arguments, operator_name
from lrp.graph.graph import Graph
from lrp.graph.modes import kind_of_node
from lrp.graph.operators import has

KEEPS = frozenset({"activation", "gate", "division", "sum", "winner", "softmax", "normalization"})
"""Kinds whose values keep the axis that they are given."""


def channel_axis(graph: Graph, layer: str) -> int:
    """The axis of the channels of a layer's output: 1 behind convolutions, the last behind dense layers and attention.

    Raises:
        KeyError: The graph has no such layer.
        ValueError: The operators do not say it, as behind a reshape; the message says what to pass.

    Example:
        >>> import torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Conv1d(1, 5, 3), torch.nn.ReLU(), torch.nn.Linear(8, 2)).eval()
        >>> graph = lrp.trace(model, torch.zeros(1, 1, 10))
        >>> channel_axis(graph, "1"), channel_axis(graph, "2")
        (1, 2)
    """
    node = graph.find(layer)
    axis = _axis(node)
    if axis is None:
        shape = ", ".join(map(str, node.meta["val"].shape[1:]))
        raise ValueError(
            f"which axis of layer {layer!r}, (batch, {shape}), holds channels cannot be told from its operator, "
            f"{operator_name(node.target) if node.op == 'call_function' else 'an input'}: say it, {{{layer!r}: axis}}"
        )
    return axis


def _axis(node: Any) -> int | None:
    """Backwards to the operator that says it; through permutations, and through what leaves the axes as they are."""
    if not isinstance(node, fx.Node) or node.op != "call_function":
        return None
    rank, name, kind = node.meta["val"].ndim, operator_name(node.target), kind_of_node(node)
    if rank == 2:
        return 1
    if has(name, "channels second") or has(name, "channels last"):
        return 1 if has(name, "channels second") else rank - 1
    sources = [n for n in node.all_input_nodes if getattr(n.meta["val"], "ndim", 0) == rank]
    if name in ("permute", "transpose"):
        before = _axis(node.args[0])
        return None if before is None else _order(node, rank).index(before)
    if kind in KEEPS or name in ("clone", "contiguous", "cat", "roll", "slice"):
        found = {_axis(source) for source in sources} - {None}
        return found.pop() if len(found) == 1 else None
    return None


def _order(node: fx.Node, rank: int) -> list[int]:
    """The old axis at each new place."""
    given = arguments(node)
    if "dims" in given:
        return [d % rank for d in given["dims"]]
    order = list(range(rank))
    one, other = given["dim0"] % rank, given["dim1"] % rank
    order[one], order[other] = other, one
    return order
