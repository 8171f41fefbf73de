"""Whether relevance lies where a mask says that the object is."""

from __future__ import annotations

import torch
from torch import Tensor

from lrp.evaluate.ranks import ranks


def relevance_mass(attribution: Tensor, mask: Tensor) -> Tensor:
    """Positive relevance inside the mask / all positive relevance: `(batch,)`, 0 where there is none.

    Args:
        attribution: `(batch, channel, *places)`; channels are summed before signs are looked at.
        mask: Boolean, `(batch, *places)` or `(*places)`.
    """
    values, inside = _flat(attribution, mask)
    return _share(values.clamp(min=0), inside)


def mask_share(attribution: Tensor, mask: Tensor) -> Tensor:
    """|relevance| inside the mask / all |relevance|: `(batch,)`, 0 where there is none."""
    values, inside = _flat(attribution, mask)
    return _share(values.abs(), inside)


def relevance_rank(attribution: Tensor, mask: Tensor) -> Tensor:
    """Of the |M| most relevant places, the part that lies inside the mask M: `(batch,)`, 0 for an empty mask."""
    values, inside = _flat(attribution, mask)
    rank, size = ranks(-values, 0), inside.sum(1, keepdim=True)
    return ((rank < size) & inside).sum(1) / size.squeeze(1).clamp(min=1)


def pointing_game(attribution: Tensor, mask: Tensor) -> Tensor:
    """Whether the most relevant place lies inside the mask (Zhang et al. 2018, doi:10.1007/s11263-017-1059-x)."""
    values, inside = _flat(attribution, mask)
    return inside.gather(1, values.argmax(1, keepdim=True)).squeeze(1)


def _flat(attribution: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Relevance summed over channels, and the mask, both `(batch, place)`."""
    values = attribution.sum(1)
    mask = mask.squeeze(1) if mask.ndim == attribution.ndim and mask.shape[1] == 1 else mask
    if mask.dtype != torch.bool or mask.shape[-(values.ndim - 1) :] != values.shape[1:]:
        raise ValueError(f"mask must be boolean of {tuple(values.shape[1:])}, got {mask.dtype} {tuple(mask.shape)}")
    return values.flatten(1), mask.expand_as(values).flatten(1)


def _share(values: Tensor, inside: Tensor) -> Tensor:
    whole = values.sum(1)
    return torch.where(whole > 0, (values * inside).sum(1) / torch.where(whole > 0, whole, 1), 0)
