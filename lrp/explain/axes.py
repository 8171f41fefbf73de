"""What the axes of an input are: the first operator that reads it says it, never their number."""

from __future__ import annotations

from torch import fx

from lrp.graph.aten import operator_name
from lrp.graph.facts import Facts, facts
from lrp.graph.graph import Graph
from lrp.graph.operators import has, kind_of

IMAGE, SIGNAL = ("channel", "height", "width"), ("channel", "length")
VOLUME = ("channel", "depth", "height", "width")
BY_RANK = {3: SIGNAL, 4: IMAGE, 5: VOLUME}
"""What a convolution or a pool reads, by the axes that it is given with the batch."""

PASSING = frozenset({"activation", "preparation", "sum", "gate", "division"})
"""Kinds that leave axes as they are, where the shape stays."""


def axes_of_input(graph: Graph, at: int = 0) -> tuple[str, ...] | None:
    """Names of the axes of an input behind the batch; None where no operator says them, as before a reshape.

    Args:
        at: Which of several inputs.

    Example:
        >>> import torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.BatchNorm1d(2), torch.nn.Conv1d(2, 4, 3)).eval()
        >>> axes_of_input(lrp.trace(model, torch.zeros(1, 2, 9)))
        ('channel', 'length')
    """
    known = facts(graph)
    said = {axes for axes in _said(graph.inputs[at], known) if axes is not None}
    return said.pop() if len(said) == 1 else None


def _said(node: fx.Node, known: Facts) -> list[tuple[str, ...] | None]:
    rank = node.meta["val"].ndim
    found: list[tuple[str, ...] | None] = []
    for user in node.users:
        if user.op != "call_function" or user not in known.signals:
            continue
        name = operator_name(user.target)
        if user in known.lookups.tables:
            found.append(("token",) if rank == 2 else None)
        elif has(name, "pool") or (kind_of(name) == "linear" and has(name, "channels second")):
            found.append(BY_RANK.get(rank))
        elif has(name, "dense") and rank == 2:
            found.append(("feature",))
        elif _keeps(node, user, known):
            found += _said(user, known)
    return found


def _keeps(node: fx.Node, user: fx.Node, known: Facts) -> bool:
    """Whether a value has the axes of the one it is made of."""
    same = list(map(str, user.meta["val"].shape)) == list(map(str, node.meta["val"].shape))
    name = operator_name(user.target)
    own = user in known.lookups.way or known.op(user).kind in PASSING or has(name, "identity") or name == "batch_norm"
    return same and (own or name.startswith("_native_batch_norm"))
