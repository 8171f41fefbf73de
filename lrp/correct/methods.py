"""The table of corrections: from a located artefact and training samples to a corrected graph."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch

from lrp.canonizers import canonize
from lrp.composites.presets import GRADIENT
from lrp.correct.exchange import carrying, exchanged, fitted
from lrp.correct.losses import Loss, augment, insensitive, paste, pasted, right_reasons
from lrp.correct.rewrites.projections import predicted, project
from lrp.correct.rewrites.pruning import prune
from lrp.correct.rewrites.reweighting import reweight
from lrp.correct.samples import Samples, split
from lrp.correct.selection import Located
from lrp.correct.tuning import tune
from lrp.graph.graph import Graph
from lrp.transform.program import relprop

Correction = Callable[..., Graph]
"""`(located, training samples, **options of tune)` -> the corrected graph."""


def _trained(term: Callable[[Located], Loss], with_masks: bool = False) -> Correction:
    def correction(found: Located, data: Samples, *, seed: int = 0, **options: Any) -> Graph:
        data = replace(data, mask=None)
        if with_masks:
            data = joined(data, found.source)
        kept, held = split(data, seed=seed)
        return found.graph.having(tune(found.graph, kept, held, [term(found)], seed=seed, **options).params)

    return correction


def _exchanged(found: Located, data: Samples, *, seed: int = 0, **options: Any) -> Graph:
    present = carrying(found, data)
    artefact, mask = fitted(data.x, present)
    kept, held = split(Samples(data.x, data.y, present, mask), seed=seed)
    term = exchanged(found.graph, Samples(artefact, data.y, present))
    return found.graph.having(tune(found.graph, kept, held, [term], seed=seed, **options).params)


def joined(data: Samples, source: Samples) -> Samples:
    """Training samples and those with masks; the mask of all others is empty."""
    empty = torch.zeros_like(data.x[:, :1])
    assert source.mask is not None
    return Samples(torch.cat([data.x, source.x]), torch.cat([data.y, source.y]), None, torch.cat([empty, source.mask]))


def balanced(found: Located, data: Samples, seed: int = 0) -> Samples:
    """Each sample as it is and once more with the located artefact, so that no group is empty."""
    generator = torch.Generator().manual_seed(seed)
    with_it = paste(data.x, _masked(found.source), generator)
    artefact = torch.arange(2 * len(data)) >= len(data)
    return Samples(torch.cat([data.x, with_it]), torch.cat([data.y, data.y]), artefact)


def _masked(source: Samples) -> Samples:
    assert source.mask is not None
    chosen = source.mask.flatten(1).any(1)
    if not chosen.any():
        raise ValueError("the located masks are empty: there is no artefact to paste")
    return source.rows(chosen)


def _projected(found: Located, data: Samples, *, reactive: bool = False, **options: Any) -> Graph:
    del data, options
    classes = sorted(set(found.source.y.tolist()))
    return project(found.graph, found.layer, found.v, found.to, predicted(*classes) if reactive else None)


def _reweighted(found: Located, data: Samples, *, seed: int = 0, **options: Any) -> Graph:
    del options
    _, held = split(data, seed=seed)
    return found.graph.having(reweight(found.graph, balanced(found, held, seed), seed=seed))


def _pruned(found: Located, data: Samples, *, strength: float = 0.1, **options: Any) -> Graph:
    """By what has no artefact, as far as the selection tells."""
    del options
    with_it = {x.numpy().tobytes() for x in found.source.x.cpu()}
    clean = torch.tensor([x.numpy().tobytes() not in with_it for x in data.x.cpu()])
    return found.graph.having(prune(found.graph, data.rows(clean), strength))


def _gradient(found: Located) -> Loss:
    return insensitive(relprop(found.graph, GRADIENT), found.graph.find(found.layer).name, found.v)


def _right(found: Located) -> Loss:
    return right_reasons(relprop(found.graph, GRADIENT))


def _right_lrp(found: Located) -> Loss:
    return right_reasons(relprop(canonize(found.graph, composite=found.composite), found.composite))


METHODS: Mapping[str, Correction] = {
    "paste": _trained(lambda found: pasted(found.graph, found.source)),
    "exchange": _exchanged,
    "insensitive": _trained(_gradient),
    "right-reasons": _trained(_right, with_masks=True),
    "right-reasons-lrp": _trained(_right_lrp, with_masks=True),
    "augment": _trained(lambda found: augment(found.graph, found.layer, found.v, found.above)),
    "project": _projected,
    "project-reactive": partial(_projected, reactive=True),
    "last-layer": _reweighted,
    "prune": _pruned,
}
"""Corrections by name: fine-tuning with the located artefact pasted on everything, or exchanged between samples,
RR-ClArC, RRR by the gradient and by LRP, A-ClArC, P-ClArC everywhere and where a class of the selection is predicted,
DFR, EGEM."""


def correct(found: Located, data: Samples, method: str, **options: Any) -> Graph:
    """A corrected graph.

    Args:
        found: Of `locate`.
        data: Training samples of all classes.
        method: Of `METHODS`; `choose` says which.
        options: Of `tune`, for the methods that train, such as `epochs` and `seed`.

    Raises:
        ValueError: There is no such method; the training samples are of one class; or as the method.
    """
    if method not in METHODS:
        raise ValueError(f"no method {method!r}; there are {', '.join(METHODS)}")
    if not method.startswith("project") and len(data.y.unique()) < 2:
        raise ValueError(
            f"the training samples are all of class {int(data.y[0])}: give the data that the model was trained on, of "
            "all classes; or take the method project, which does not train"
        )
    return METHODS[method](found, data, **options)
