"""Large batches on a CPU, a few samples at a time, in memory that is used again instead of asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from lrp._torch import pytree, sample_share
from lrp.explain.target import integers
from lrp.graph.graph import Example, Graph, check_input
from lrp.transform.assignment import Plan

WHOLE = 700 * 2**20  # bytes of all activations of a piece, since most are kept for the way back


def samples_at_once(graph: Graph, plan: Plan) -> int | None:
    """How many samples to compute at once on a CPU, at least one for four threads; None where they are not independent:
    where a value is no multiple of the batch size, as an average over the batch."""
    batch = graph.inputs[0].meta["val"].shape[0]
    if graph.batch is not None or not isinstance(batch, torch.SymInt):
        return None
    total = 0
    for node in plan.facts.signals:
        value = node.meta["val"]
        each = sample_share(value.numel(), batch)
        if each is None:
            return None
        size = each * value.element_size()
        total += 0 if node in plan.ops and plan.ops[node].kind == "movement" else size  # most of those are views
    return max(torch.get_num_threads() // 4, WHOLE // max(total, 1), 1)


def split(graph: Graph, x: Example, target: Any, size: int | None) -> list[tuple[Example, Any]]:
    """`(x, target)` in pieces of up to `size` samples, equal where they can be, since a program is compiled for each
    length; whole on a GPU, and where the target is a function of all outputs or does not fit the batch."""
    tensors = check_input(graph, x)
    (count, *others) = {len(tensor) for tensor in tensors}
    on_cpu = all(tensor.device.type == "cpu" for tensor in tensors)
    if size is None or count <= size or others or not on_cpu or callable(target):
        return [(x, target)]
    least = -(-count // size)
    pieces = next((number for number in range(least, 2 * least) if count % number == 0), least)
    targets = _split_target(target, pieces, count, graph.output.meta["val"].shape[1:])
    if targets is None:
        return [(x, target)]
    inputs = zip(*(tensor.tensor_split(pieces) for tensor in tensors), strict=True)
    return [(pytree.tree_unflatten(part, graph.structure), t) for part, t in zip(inputs, targets, strict=True)]


def _split_target(target: Any, pieces: int, count: int, behind: Sequence[int]) -> Sequence[Any] | None:
    """The target of each piece: classes, places and seeds go with their samples. None where it does not fit the output,
    `behind` its axes after the batch: the error then speaks of the whole batch."""
    if isinstance(target, tuple):
        return [target] * pieces if len(target) == len(behind) else None
    is_seed = isinstance(target, Tensor) and target.is_floating_point()
    given = torch.empty(()) if target is None else target if is_seed else integers(target)
    if is_seed:
        fits = tuple(given.shape) == (count, *behind)
    elif given.ndim < 2:  # classes
        fits = len(behind) < 2 and tuple(given.shape) in ((), (count,))
    else:
        fits = tuple(given.shape) == (count, len(behind)) and tuple(behind) != (1,)
    if not fits:
        return None
    return given.tensor_split(pieces) if given.ndim else [target] * pieces


def join(parts: list[Any]) -> Any:
    """Trees of tensors, one of each piece, as one tree of whole batches."""
    return pytree.tree_map(lambda *each: each[0] if each[0] is None else torch.cat(each), *parts)
