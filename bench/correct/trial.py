"""One trial: a world, a seed, a selection; every method, measured on the world's test."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch

import lrp
from bench.correct.criteria import METHODS
from bench.correct.selecting import SELECTING
from bench.correct.worlds import COMPOSITE, WORLDS, World, trained
from lrp.correct import METHODS as CORRECTIONS
from lrp.correct import Choice, Located, Samples, choose, locate, report, split, tune
from lrp.correct.methods import correct
from lrp.graph.graph import Graph


class Trial(NamedTuple):
    world: str
    seed: int
    selection: str

    def __str__(self) -> str:
        return f"{self.world}-{self.seed}-{self.selection}"


def run(trial: Trial, quick: bool, methods: Sequence[str] = METHODS) -> dict[str, Any]:
    """Numbers of these methods, and how the selection was."""
    world = WORLDS[trial.world](trial.seed, quick)
    model = trained(world, trial.seed)
    graph = lrp.trace(model, world.train.x[:1])
    members, facts = SELECTING[trial.selection](world, graph, model)
    result: dict[str, Any] = {"trial": trial._asdict(), **facts, **_quality(world, members)}
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found = locate(graph, world.train, members, COMPOSITE)
        except ValueError as error:
            return result | {"error": str(error), "methods": {"before": _measured(world, graph, graph, None)}}
    result |= {"layer": found.layer, "pool": found.pool, "auroc": found.auroc, "effect": found.effect}
    result |= {"iou": _overlap(world, found, members), "warnings": [str(one.message) for one in said]}
    name = None
    if "default" in methods:
        chosen = _chosen(found, world, trial.seed)
        name = chosen.method
        result |= {"default": name, "why": chosen.why, "tried": {k: one._asdict() for k, one in chosen.tried.items()}}
    result["methods"] = {}
    wanted = [name if method == "default" else method for method in methods]
    for method in filter(None, dict.fromkeys(wanted)):
        after = _corrected(method, graph, found, world, trial.seed)
        result["methods"][method] = _measured(world, graph, after, found)
    if name is not None:
        result["methods"]["default"] = result["methods"][name]
    return result


def _chosen(found: Located, world: World, seed: int) -> Choice:
    data = Samples(world.train.x, world.train.y)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that no method helps: the numbers tell
        return choose(found, data, validation=world.validation, seed=seed, epochs=world.tuned, progress=False)


def _corrected(method: str, graph: Graph, found: Located, world: World, seed: int) -> Graph:
    data = Samples(world.train.x, world.train.y)
    if method == "before":
        return graph
    if method == "fine-tuned":
        kept, held = split(data, seed=seed)
        return graph.having(tune(graph, kept, held, seed=seed, epochs=world.tuned, progress=False).params)
    assert method in CORRECTIONS
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of groups that are missing, and of fits that do not end: the number tells
        return correct(found, data, method, seed=seed, epochs=world.tuned, progress=False)


def _quality(world: World, members: np.ndarray) -> dict[str, float]:
    """Precision and recall against the artefact within the classes of the selection."""
    assert world.train.artefact is not None
    artefact, y = world.train.artefact.numpy(), world.train.y.numpy()
    inside = np.isin(y, np.unique(y[members])) if members.any() else np.zeros(len(y), bool)
    both = float((members & artefact).sum())
    return {"precision": both / max(1, members.sum()), "recall": both / max(1, (artefact & inside).sum())}


def _overlap(world: World, found: Located, members: np.ndarray) -> float:
    """Mean intersection over union of located and true masks, of members that carry the artefact."""
    assert world.train.mask is not None and found.source.mask is not None
    true = world.train.mask[torch.as_tensor(members)] > 0
    located = found.source.mask > 0
    carrying = true.flatten(1).any(1)
    if not carrying.any():
        return 0.0
    both, either = (true & located).flatten(1).sum(1), (true | located).flatten(1).sum(1)
    return float((both / either.clamp(min=1))[carrying].mean())


def _measured(world: World, before: Graph, after: Graph, found: Located | None) -> dict[str, float]:
    layer, v = (found.layer, found.v) if found is not None else (None, None)
    with torch.no_grad():
        made = report(before, after, world.test, COMPOSITE, layer=layer, v=v)
    value = made.value.sel(model="after")
    misled = [f"{c} artefact" for c in world.misled]
    clean = [f"{c} clean" for c in np.unique(world.test.y.numpy())]
    return {
        "clean": float(value.sel(group="clean", measure="accuracy")),
        "worst clean": float(value.sel(group=clean, measure="accuracy").min()),
        "misled": float(value.sel(group=misled, measure="accuracy").mean()),
        "worst": float(value.sel(group="worst", measure="accuracy")),
        "mean": float(value.sel(group="mean", measure="accuracy")),
        "relevance": float(value.sel(group="mean", measure="relevance")),
        "sensitivity": float(value.sel(group="mean", measure="sensitivity")),
        "changed": float(value.sel(group="clean", measure="changed")),
    }
