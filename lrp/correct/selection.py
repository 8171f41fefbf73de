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
from lrp.correct.losses import paste
from lrp.correct.rewrites.projections import component
from lrp.correct.samples import Samples
from lrp.graph.graph import Graph

FEWEST, WEAK, WIDE, SLIGHT = 5, 0.7, 0.4, 0.1
"""Below these numbers of members and AUROC of the direction, above this share of the input, below this effect: a
warning."""


@dataclass(frozen=True, eq=False)
class Located:
    """An artefact: its direction `v` in `layer`, and `source`, the samples of the selection with masks of where it is.

    `to` is the component along v of samples without it, `above` of those with it. `places` are all layers that were
    compared, the best first; `nearest` are samples outside the selection, those most like it first. `effect` is how
    much the class gains, in standard deviations of its margin, once the located artefact is pasted on samples without
    it; `opposite` the same of what the others have and the selection lacks.
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
    effect: float
    opposite: float

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
    others = data.rows(same).rows(~inside)
    lacking = masks(localize(graph, best.layer, -v, others.x, rows)).to(others.x)
    effect = _effect(graph, Samples(source.x, source.y, mask=found), others)
    opposite = _effect(graph, Samples(others.x, others.y, mask=lacking), source)
    if opposite > max(effect, 0):
        warnings.warn(
            f"what the selection lacks speaks more for the class than what it has (by {opposite:.2f} and {effect:.2f} "
            "standard deviations of its margin, once pasted): the artefact may be on the others; keep them as a "
            "finding, and correct that",
            stacklevel=2,
        )
    elif effect < -SLIGHT:
        warnings.warn(
            f"what was located, pasted on others of the class, speaks against it by {-effect:.2f} standard deviations "
            "of its margin: the selection may be the exceptions to a cue of another class; exchange works on these too",
            stacklevel=2,
        )
    elif effect < SLIGHT:
        warnings.warn(
            f"what was located, pasted on others of the class, speaks for it by {effect:.2f} standard deviations of "
            "its margin: the model hardly uses it, or it was not located; pasting it will do nothing, or harm",
            stacklevel=2,
        )
    return Located(
        graph, rows, best.layer, best.pool, best.auroc, v, float(along[~inside].mean()), float(along[inside].mean()),
        Samples(source.x, source.y, torch.ones(len(source), dtype=torch.bool), found), relevance, places,
        tuple(nearest.tolist()), effect, opposite,
    )  # fmt: skip


def _effect(graph: Graph, source: Samples, on: Samples, batch: int = 256) -> float:
    """What pasting the masked places of a source adds to the margin of the class, in its standard deviations."""
    assert source.mask is not None
    chosen = source.mask.flatten(1).any(1)
    if not chosen.any():
        return 0.0
    pasted = paste(on.x, source.rows(chosen), torch.Generator().manual_seed(0))
    before, after = (_margin(graph, x, on.y, batch) for x in (on.x, pasted))
    if len(on) < 2:
        return 0.0
    least = 1e-3 * torch.cat([before, after]).std()  # where the class is all alike, its margin has no spread
    return float((after - before).mean() / before.std().clamp(min=least).clamp(min=1e-12))


def _margin(graph: Graph, x: Tensor, y: Tensor, batch: int) -> Tensor:
    """The class's logit over the largest other one."""
    with torch.no_grad():
        logits = torch.cat([graph(graph.params, some) for some in x.split(batch)])
    own = logits.gather(1, y[:, None])
    return (own - logits.scatter(1, y[:, None], float("-inf")).amax(1, keepdim=True))[:, 0]
