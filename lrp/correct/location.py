"""Where in the input an artefact is: relevance for its direction in a layer, and masks made of it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor

from lrp.canonizers import canonize
from lrp.composites.table import Row
from lrp.explain.channels import channel_axis
from lrp.graph.cutting import until
from lrp.graph.graph import Graph
from lrp.transform.program import relprop

BINS = 256


def localize(graph: Graph, layer: str, v: Tensor, x: Tensor, composite: Iterable[Row], *, batch: int = 64) -> Tensor:
    """Relevance of the input for an artefact's direction: LRP from R_l = max(a, 0) * v down (Pahde et al. 2023,
    arXiv:2303.12641), positive part, summed over channels.

    Args:
        v: `(channel,)` or of the layer's output's shape, see `cav`.
        x: `(sample, channel, ...)`.
        composite: Rules for the model up to the layer.

    Returns:
        `(sample, *places)`, not below zero.

    Example:
        >>> import lrp
        >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU(), torch.nn.Flatten(),
        ...                             torch.nn.Linear(18, 2)).eval()
        >>> graph, x = lrp.trace(model, torch.zeros(1, 1, 5, 5)), torch.rand(3, 1, 5, 5)
        >>> localize(graph, "1", torch.tensor([1.0, 0]), x, lrp.composites.epsilon_plus()).shape
        torch.Size([3, 5, 5])
    """
    rows = list(composite)
    part = canonize(until(graph, layer), composite=rows)
    program = relprop(part, rows)
    weights, axis = program.prepare(part.params), channel_axis(graph, layer)
    found = []
    with torch.no_grad():
        for some in x.split(batch):
            hidden, pullback = program(weights, some)
            whole = v.shape == hidden.shape[1:]
            along = v if whole else v.reshape([-1 if at == axis else 1 for at in range(1, hidden.ndim)])
            found.append(pullback(hidden.clamp(min=0) * along).sum(1).clamp(min=0))
    return torch.cat(found)


def masks(relevance: Tensor, *, blur: float = 7 / 224) -> Tensor:
    """Relevance as masks: blurred, and cut where its two groups of values are best apart (Otsu 1979).

    Args:
        relevance: `(sample, *places)`, not below zero.
        blur: Side of the box that is averaged over, as a share of the places' side; below two places nothing is
            blurred.

    Returns:
        `(sample, 1, *places)`, 0 and 1; all 0 where there is no relevance.

    Example:
        >>> relevance = torch.zeros(1, 4, 4)
        >>> relevance[0, 0, :2] = 1
        >>> masks(relevance)[0, 0].sum()
        tensor(2.)
    """
    from scipy.ndimage import uniform_filter1d

    blurred: np.ndarray = relevance.detach().double().cpu().numpy()
    for axis in range(1, blurred.ndim):
        if (side := round(blur * blurred.shape[axis])) > 1:
            blurred = uniform_filter1d(blurred, side, axis, mode="constant")
    cut = np.stack([one > otsu(one) if one.max() > 0 else np.zeros(one.shape, bool) for one in blurred])
    return torch.as_tensor(cut[:, None], dtype=relevance.dtype, device=relevance.device)


def otsu(values: np.ndarray) -> float:
    """The threshold that leaves most variance between what is below and what is above it.

    Example:
        >>> 0.1 < otsu(np.array([0.0, 0.1, 0.9, 1.0])) < 0.9
        True
    """
    count, edges = np.histogram(values, BINS)
    middle = (edges[:-1] + edges[1:]) / 2
    below, above = np.cumsum(count), np.cumsum(count[::-1])[::-1]
    low = np.cumsum(count * middle) / np.maximum(below, 1)
    high = np.cumsum((count * middle)[::-1])[::-1] / np.maximum(above, 1)
    between = below[:-1] * above[1:] * (low[:-1] - high[1:]) ** 2
    return float(edges[1 + int(np.argmax(between))])
