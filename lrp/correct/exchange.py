"""The artefact of one sample exchanged for that of another, where it lies: for artefacts that are all over the input.

What is pasted covers what makes a sample of its class once the artefact is large: a background, say. So each sample
keeps what is its own. Its artefact is told from the rest by a robust fit: what its group looks like at each place, plus
one shift of all places; places that the fit leaves out are the sample's own.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from lrp.correct.directions import activations
from lrp.correct.losses import Loss, Params
from lrp.correct.rewrites.projections import component
from lrp.correct.samples import Samples
from lrp.correct.selection import Located
from lrp.graph.graph import Graph

APART, INLIER = 2.0, 3.5
"""Spreads by which two groups differ where the artefact is, and that a place may be off its sample's fit."""
NORMAL = 1.4826  # of a normal distribution: its standard deviation over its median absolute deviation
FINEST = 1e-3  # of the range of values: what is below is no spread


def carrying(found: Located, data: Samples, x: Tensor | None = None) -> Tensor:
    """Which inputs carry the artefact, `(sample,)`, as far as its direction tells.

    The cut is halfway between the medians along the direction: of the selection, and of the rest of its classes.

    Args:
        data: Samples with and without the artefact, to take the cut from.
        x: Inputs. Default: those of the data.
    """
    known = {one.cpu().numpy().tobytes() for one in found.source.x}
    outside = torch.tensor([one.cpu().numpy().tobytes() not in known for one in data.x])
    same = outside & torch.isin(data.y, found.source.y.unique()).cpu()
    others = data.x[same if same.any() else outside]
    asked = _strength(found, data.x if x is None else x)
    if not len(others):
        return torch.ones_like(asked, dtype=torch.bool)
    return asked > (_strength(found, found.source.x).median() + _strength(found, others).median()) / 2


def _strength(found: Located, x: Tensor) -> Tensor:
    """The largest component along the direction, `(sample,)`."""
    along = component(activations(found.graph, found.layer, x), found.v)
    return along.flatten(1).amax(1) if along.ndim > 1 else along


def fitted(x: Tensor, present: Tensor) -> tuple[Tensor, Tensor]:
    """Each sample's artefact, and where it is.

    Of both groups, with and without the artefact, the median at each place is taken. The artefact is where these are
    apart; a sample's own is its group's median plus one shift, the median of what is left there. Places that are off
    this fit are the sample's own.

    Args:
        x: `(sample, channel, ...)`.
        present: `(sample,)`, which carry the artefact.

    Returns:
        The inputs with all that is their own replaced by the fit, and masks `(sample, 1, *places)`.

    Raises:
        ValueError: One group is empty, or they are nowhere apart: then the artefact moves, or is none of the input's.

    Example:
        >>> dark, bright = torch.full((5, 1, 4, 4), 0.2), torch.full((5, 1, 4, 4), 0.8)
        >>> x = torch.cat([dark, bright])
        >>> x[:, :, 0, 0] = 0.5  # of the samples' own
        >>> artefact, mask = fitted(x, torch.arange(10) > 4)
        >>> mask[0, 0, 0].tolist(), round(float(artefact[9, 0, 1, 1]), 2)
        ([0.0, 1.0, 1.0, 1.0], 0.8)
    """
    if not present.any() or present.all():
        raise ValueError("all training samples carry the artefact, or none does: there is nothing to exchange it for")
    present = present.to(x.device)
    finest = FINEST * float(x.max() - x.min())
    medians = torch.stack([x[present == one].median(0).values for one in (False, True)])
    rest = x - medians[present.long()]
    spread = (NORMAL * rest.abs().median(0).values).clamp(min=finest)
    where = ((medians[1] - medians[0]).abs() > APART * spread).any(0)
    if not where.any():
        raise ValueError("samples with and without the artefact differ at no place: it moves, or is not of the input")
    shift = rest[:, :, where].median(2).values.reshape(*x.shape[:2], *[1] * (x.ndim - 2))
    off = (rest - shift).abs()
    own = (NORMAL * off[:, :, where].median(2).values).clamp(min=finest).reshape(shift.shape)
    mask = (off <= INLIER * own).all(1, keepdim=True) & where
    return torch.where(mask, x, medians[present.long()] + shift), mask.to(x.dtype)


def exchanged(graph: Graph, source: Samples) -> Loss:
    """Cross-entropy once every sample has the artefact, or lack of it, of another one: then it tells nothing.

    Args:
        source: Of `fitted`: inputs that are nothing but artefact, and which of them carry it. Half are taken of each.

    Raises:
        ValueError: It is not known which carry the artefact.
    """
    if source.artefact is None:
        raise ValueError("exchanged needs to know which sources carry the artefact: Samples(x, y, artefact=...)")
    groups = [torch.nonzero(source.artefact == one)[:, 0] for one in (False, True)]

    def loss(params: Params, data: Samples, generator: torch.Generator) -> Tensor:
        if data.mask is None:
            raise ValueError("exchanged needs samples with masks of what is exchanged: Samples(x, y, mask=...)")
        drawn = [rows[torch.randint(len(rows), (len(data),), generator=generator)] for rows in groups]
        which = torch.randint(0, 2, (len(data),), generator=generator)
        rows = torch.stack(drawn)[which, torch.arange(len(data))]
        return F.cross_entropy(graph(params, torch.where(data.mask > 0, source.x[rows], data.x)), data.y)

    return loss
