"""Ranks and their correlation."""

from __future__ import annotations

import torch
from torch import Tensor


def ranks(values: Tensor, seed: int) -> Tensor:
    """Position of each value in ascending order, ties at random: `(batch, n)`."""
    generator = torch.Generator(values.device).manual_seed(seed)
    shuffled = torch.rand(values.shape, generator=generator, device=values.device).argsort(1)
    order = shuffled.gather(1, values.gather(1, shuffled).sort(stable=True, dim=1).indices)
    return order.argsort(1)


def spearman(first: Tensor, second: Tensor) -> Tensor:
    """Rank correlation of two maps of each sample, ties by their mean rank: `(batch,)`; 0 for a constant map."""
    ranks = [_mean_ranks(values.flatten(1)) for values in (first, second)]
    a, b = (rank - rank.mean(1, keepdim=True) for rank in ranks)
    scale = (a.square().sum(1) * b.square().sum(1)).sqrt()
    return torch.where(scale > 0, (a * b).sum(1) / torch.where(scale > 0, scale, 1), 0)


def _mean_ranks(values: Tensor) -> Tensor:
    """`(batch, n)`: how many values are smaller, plus half of those that are equal."""
    ordered = values.sort(1).values
    below = torch.searchsorted(ordered, values.contiguous())
    up_to = torch.searchsorted(ordered, values.contiguous(), right=True)
    return (below + up_to).double() / 2
