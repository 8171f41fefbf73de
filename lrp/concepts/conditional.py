"""Concept-conditional relevance: what of a prediction went through chosen channels of hidden layers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from lrp._torch import fixed_size, pytree
from lrp.explain.channels import channel_axis
from lrp.explain.pieces import samples_at_once
from lrp.transform.program import Program
from lrp.transform.recorded import Pullback

Channels = Iterable[int | Iterable[int]] | Tensor | None
"""Of a layer, one entry a condition: a channel, or several that count together. None: each channel by itself."""


def conditions(
    pullback: Pullback,
    seed: Tensor,
    channels: Mapping[str, Channels],
    *,
    beside: bool = True,
    axes: Mapping[str, int] | None = None,
    chunk: int | None = None,
) -> Any:
    """R(x | c): relevance whose paths go through channels c, for many conditions at one prediction.

    R_i(x | c) = sum_j (z_ij / z_j) [j in c] R_j at the conditioned layers, the composite's rules elsewhere (Achtibat et
    al. 2023, doi:10.1038/s42256-023-00711-8, Eq. 6 and 7). Channels of one entry add up (or). Where several layers are
    named, their i-th entries make the i-th condition, which holds in all of them (and); a single entry is of every
    condition. Over all channels of a layer that every path passes, the sum of R(x | c) is R(x).

    Args:
        pullback: Of a prediction, `output, pullback = explain.program(explain.weights, x)`.
        seed: Relevance of the output, of its shape.
        channels: Layer -> one entry a condition; see `Channels`.
        beside: Whether relevance also goes along paths that pass a conditioned layer by, such as the shortcut of a
            residual block: all paths then count but those that are masked. Without, only what went through every
            conditioned layer does (zennit-crp's `exclude_parallel=True`).
        axes: The axis of a layer's channels, where its operators do not say it.
        chunk: Conditions computed at once. Default: as many as fit where a piece of a batch does, on a CPU some hundred
            megabytes.

    Returns:
        Relevance in the structure of the input, `(condition, batch, ...)`.

    Raises:
        KeyError: There is no such layer.
        ValueError: A layer has no such channel, or an axis of free length; layers have different numbers of entries, an
            entry is empty; or, without paths beside them, no path leads through all layers.

    Example:
        >>> import torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()
        >>> explain, x = lrp.explainer(model, torch.zeros(1, 3), lrp.composites.epsilon_plus()), torch.rand(5, 3)
        >>> output, pullback = explain.program(explain.weights, x)
        >>> each = lrp.conditions(pullback, torch.ones_like(output), {"1": range(4)})
        >>> each.shape, torch.allclose(each.sum(0), pullback(torch.ones_like(output)), atol=1e-6)
        (torch.Size([4, 5, 3]), True)
        >>> lrp.conditions(pullback, torch.ones_like(output), {"1": [0, [1, 2, 3]]}).shape
        torch.Size([2, 5, 3])
    """
    if not channels:
        raise ValueError("name at least one layer, {layer: channels}")
    program = pullback.program
    if not isinstance(program, Program):
        raise TypeError("a loaded explainer knows no layers: make an explainer from the model")
    graph = program.graph
    known = {layer: (axes or {}).get(layer) for layer in channels}
    at = {layer: channel_axis(graph, layer) if axis is None else axis for layer, axis in known.items()}
    masks = {layer: _masks(pullback, seed, layer, at[layer], entries) for layer, entries in channels.items()}
    count = max(len(mask) for mask in masks.values())
    if strange := {layer: len(mask) for layer, mask in masks.items() if len(mask) not in (1, count)}:
        raise ValueError(f"the entries of all layers are paired: {count} conditions, but {strange}")
    layers = list(masks)
    given = [mask.expand(count, *mask.shape[1:]) for mask in masks.values()]
    structure = graph.structure
    received: list[bool] = []

    def one(*values: Tensor) -> list[Tensor]:
        found = pullback(seed, mask=dict(zip(layers, values, strict=True)), beside=beside)
        leaves = pytree.tree_leaves(found)
        received[:] = [leaf is not None for leaf in leaves]
        return [leaf for leaf in leaves if leaf is not None]  # vmap returns tensors only

    at_once = chunk or _at_once(program, len(seed))
    each = iter(torch.func.vmap(one, chunk_size=min(at_once, count))(*given))
    return pytree.tree_unflatten([next(each) if one_of else None for one_of in received], structure)


def _masks(pullback: Pullback, seed: Tensor, layer: str, axis: int, entries: Channels) -> Tensor:
    """`(condition, 1, ..., channel, ...)` of zeros and ones, which broadcasts to the layer's output."""
    value = pullback.program.graph.find(layer).meta["val"]
    size = fixed_size(value.shape[axis])
    if size is None:
        raise ValueError(
            f"axis {axis} of {layer} is of free length: make an explainer of one length for conditions on it"
        )
    groups = [_group(entry) for entry in (range(size) if entries is None else entries)]
    if not groups or not all(groups):
        raise ValueError(f"{layer}: a condition of no channel; give numbers from 0 to {size - 1}, or groups of them")
    if wrong := sorted({c for group in groups for c in group if not 0 <= c < size}):
        raise ValueError(f"{layer} has {size} channels, 0 to {size - 1}; got {', '.join(map(str, wrong[:5]))}")
    masks = torch.zeros(len(groups), size, dtype=value.dtype, device=seed.device)
    for row, group in enumerate(groups):
        masks[row, list(group)] = 1
    shape = [1] * value.ndim
    shape[axis] = size
    return masks.reshape(len(groups), *shape)


def _group(entry: Any) -> Sequence[int]:
    listed = entry.tolist() if isinstance(entry, Tensor) else entry
    return [int(listed)] if not isinstance(listed, Iterable) else [int(channel) for channel in listed]


def _at_once(program: Program, batch: int) -> int:
    """As many conditions as there are samples in a piece of a batch; each condition is a batch of its own."""
    fitting = samples_at_once(program.graph, program.plan)
    return max(1, (fitting or 1) // max(1, batch))
