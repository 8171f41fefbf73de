"""The chain of all canonizers, in order, and what applies it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import reduce

from lrp.canonizers.attention import split_attention
from lrp.canonizers.batch_norm import fold_batch_norm
from lrp.canonizers.batch_norm_right import fold_batch_norm_right
from lrp.canonizers.concatenations import nest_concatenations
from lrp.canonizers.constants import fold_factors, fold_shifts
from lrp.canonizers.identities import drop_identities
from lrp.composites.table import Row
from lrp.graph.graph import Graph
from lrp.process import one_at_a_time

Rewrite = Callable[[Graph], Graph]

CANONIZERS: tuple[Rewrite, ...] = (
    drop_identities,
    nest_concatenations,
    split_attention,
    fold_batch_norm,
    fold_factors,
    fold_shifts,
    fold_batch_norm_right,
)
"""The default chain, in order. `merge_linear` is there for those who want it."""


@one_at_a_time
def canonize(graph: Graph, rewrites: Sequence[Rewrite] = CANONIZERS, *, composite: Iterable[Row] = ()) -> Graph:
    """Apply `rewrites` in order; the function is unchanged, and so is the argument.

    New weights are expressed in the graph over the old ones: `graph.params` keeps the model's names and values.
    A rewrite of your own is any function `Graph -> Graph`, see `lrp.rewrite`: pass `[*CANONIZERS, mine]`.

    Args:
        composite: What will be used with the graph: attention that it has rows for is left whole.

    Example:
        >>> import torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.BatchNorm2d(2), torch.nn.ReLU()).eval()
        >>> graph = lrp.trace(model, torch.zeros(1, 1, 5, 5))
        >>> x = torch.randn(2, 1, 5, 5)
        >>> torch.allclose(lrp.canonize(graph)(graph.params, x), model(x), atol=1e-6)
        True
    """
    rows = tuple(composite)
    steps = [(lambda graph: split_attention(graph, rows)) if step is split_attention else step for step in rewrites]
    return reduce(lambda current, step: step(current), steps, graph)
