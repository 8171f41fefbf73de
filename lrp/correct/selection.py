"""From a selection of samples to the artefact: in which layer it is told best, along which direction, and where."""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lrp.composites.table import Row
from lrp.correct.directions import POOLS, Place, activations, best_place, cav
from lrp.correct.location import localize, masks
from lrp.correct.projections import component
from lrp.correct.samples import Samples
from lrp.graph.graph import Graph

FEWEST, WEAK, WIDE = 5, 0.7, 0.4
"""Below these numbers of members, AUROC of the direction, and above this share of the input: a warning."""


@dataclass(frozen=True, eq=False)
class Located:
    """An artefact: its direction `v` in `layer`, and `source`, the samples of the selection with masks of where it is.

    `to` is the component along v of samples without it, `above` of those with it. `places` are all layers that were
    compared, the best first; `nearest` are samples outside the selection, those most like it first.
    """

    graph: Graph
    composite: tuple[Row, ...]
    layer: str
    pool: str
    auroc: float
    v: Tensor
    to: float
    above: float
    source: Samples
    relevance: Tensor
    places: tuple[Place, ...]
    nearest: tuple[int, ...]

    @property
    def why(self) -> str:
        """Why this layer, in a sentence."""
        others = ", ".join(f"{p.layer} {p.pool} {p.auroc:.2f}" for p in self.places[1:4])
        compared = f"; next: {others}" if others else ""
        how = f"the direction orders unseen samples with AUROC {self.auroc:.2f}"
        return f"layer {self.layer} ({self.pool}): {how}{compared}"


def locate(
    graph: Graph,
    data: Samples,
    members: Tensor | np.ndarray,
    composite: Iterable[Row],
    layer: str | None = None,
    *,
    kind: str = "pattern",
) -> Located:
    """Find the artefact that the members of a selection share and the others of their class lack.

    Args:
        data: Samples of the selection's classes, and others.
        members: `(sample,)`, the selection.
        layer: A module path or node name. Default: the layer whose direction orders unseen samples best.

    Raises:
        ValueError: The selection is empty, or holds every sample.

    Warns:
        UserWarning: The selection is very small, or a whole class, or no direction tells it, or the artefact is
            everywhere in the input; each says what will happen.

    Example:
        >>> import lrp
        >>> _ = torch.manual_seed(0)
        >>> model = torch.nn.Sequential(torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(),
        ...                             torch.nn.Linear(64, 2)).eval()
        >>> x, members = torch.rand(40, 1, 6, 6) / 2, torch.arange(40) < 15
        >>> x[members, :, :2, :2] = 1
        >>> data = Samples(x, torch.zeros(40, dtype=torch.long))
        >>> found = locate(lrp.trace(model, x[:1]), data, members, lrp.composites.epsilon_plus())
        >>> found.layer, found.pool, found.auroc > 0.9
        ('1', 'full', True)
    """
    chosen, rows = torch.as_tensor(np.asarray(members, bool)), tuple(composite)
    if not chosen.any() or chosen.all():
        raise ValueError(
            f"the selection has {int(chosen.sum())} of {len(chosen)} samples: some with it and some without"
        )
    same = torch.isin(data.y, data.y[chosen].unique())
    if bool(chosen[same].all()):
        warnings.warn(
            "the selection is its whole class: the direction is then that of the class against others, and a "
            "correction will make the model forget the class",
            stacklevel=2,
        )
        same = torch.ones_like(same)
    if int(chosen.sum()) < FEWEST:
        warnings.warn(
            f"the selection has {int(chosen.sum())} samples: the direction holds whatever else they share, and "
            "a correction will take that too; add samples like these",
            stacklevel=2,
        )
    x, inside = data.x[same], chosen[same]
    places = tuple(best_place(graph, x, inside, None if layer is None else [layer]))
    best = places[0]
    if not best.auroc >= WEAK:
        measured = (
            "cannot be measured" if np.isnan(best.auroc) else f"orders unseen samples with AUROC {best.auroc:.2f}"
        )
        warnings.warn(
            f"the best direction, in layer {best.layer}, {measured}: the layer does not tell the selection from "
            "others, and a correction will do nothing, or harm",
            stacklevel=2,
        )
    hidden = activations(graph, best.layer, x)
    v = cav(POOLS[best.pool](hidden), inside, kind)
    along = component(hidden, v)
    source = data.rows(chosen)
    relevance = localize(graph, best.layer, v, source.x, rows)
    found = masks(relevance).to(source.x.dtype)
    if (wide := float(found.mean())) > WIDE:
        warnings.warn(
            f"the artefact is located on {wide:.0%} of the input: pasting it replaces the picture; it may be diffuse, "
            "or the selection may have several things in common",
            stacklevel=2,
        )
    score = along.flatten(1).amax(1) if along.ndim > 1 else along
    outside = torch.nonzero(same)[:, 0][~inside]
    nearest = outside[score[~inside].argsort(descending=True)]
    return Located(
        graph, rows, best.layer, best.pool, best.auroc, v, float(along[~inside].mean()), float(along[inside].mean()),
        Samples(source.x, source.y, torch.ones(len(source), dtype=torch.bool), found), relevance, places,
        tuple(nearest.tolist()),
    )  # fmt: skip
