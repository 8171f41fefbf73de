"""What is said of a trial's classes: by the verdict, by older scores, and by the effect of what is pointed at."""

from __future__ import annotations

import functools
from typing import Any

import numpy as np
import torch
import xarray as xr

import spray
from bench.find.trial import Made
from lrp.effect import Network, effects, is_used, strongest
from lrp.effect.measure import LEAST
from spray.analysis import judge
from spray.stages.clustering import hdbscan, kmeans, spectral_kmeans

OTHERS = 200  # images of other classes that an effect is measured on


def verdicts(attributions: xr.Dataset) -> dict[str, xr.Dataset]:
    """As `spray rank` makes them, without the planted truth."""
    found = judge(attributions.drop_vars("marked"), progress=False)
    return {name: found[name] for name in found}


def older_scores(attributions: xr.Dataset, planted: str) -> tuple[dict[str, dict[str, float]], float]:
    """Score -> category -> value, of `spectral`, CoRelAy's pipeline and PCX; the best F1 of any cluster."""
    stages = [functools.partial(spectral_kmeans, clusters=range(2, 9)), hdbscan]
    default = spray.recipes.spectral(clusterings=stages, embeddings=[])
    counted = functools.partial(kmeans, clusters=range(2, 9))
    pipeline = spray.recipes.spectral(neighbors=10, components=32, window=None, clusterings=[counted], embeddings=[])
    layers = [name.removeprefix("hidden_magnitude_") for name in map(str, attributions) if "_magnitude_" in name]
    mixtures = spray.recipes.pcx(layer=layers[len(layers) // 2], embeddings=[])
    nodes, found = {}, {}
    for name, recipe in (("spectral", default), ("CoRelAy", pipeline), ("PCX", mixtures)):
        seen = attributions if name == "PCX" else attributions[["relevance"]]
        tree = spray.analyse(seen, recipe, progress=False)
        assert isinstance(tree, xr.DataTree)
        nodes[name] = {key: node.to_dataset() for key, node in tree.children.items()}
    for score in ("clever_hans", "cluster_gap"):
        found[score] = {key: float(data.attrs[score]) for key, data in nodes["spectral"].items()}
    found["CoRelAy, eigengap"] = {key: float(data.attrs["eigengap"]) for key, data in nodes["CoRelAy"].items()}
    found["CoRelAy, tau"] = {key: float(data.tau.max()) for key, data in nodes["CoRelAy"].items()}
    found["PCX, gain of BIC"] = {key: _gain(data) for key, data in nodes["PCX"].items()}
    truth = attributions.marked.sel(sample=nodes["spectral"][planted].sample).values
    clusters = np.concatenate([each[planted].cluster.values for each in nodes.values()])
    return found, max(f1(truth, row == number) for row in clusters for number in np.unique(row))


def _gain(mixture: xr.Dataset) -> float:
    """By how much several prototypes say more of a category than one, per sample: (BIC_1 - min BIC) / n."""
    return float(mixture.bic.values[0] - mixture.bic.values.min()) / mixture.sizes["sample"]


def rank_of(scores: dict[str, float], category: str) -> float:
    """1 for the largest; ties count half."""
    values, own = np.array(list(scores.values())), scores[category]
    return float(1 + np.sum(values > own) + (np.sum(values == own) - 1) / 2)


def f1(planted: np.ndarray, members: np.ndarray) -> float:
    """2 |A and B| / (|A| + |B|)."""
    either = planted.sum() + members.sum()
    return float(2 * np.sum(planted & members) / either) if either else 0.0


def members_of(verdict: xr.Dataset) -> np.ndarray:
    """The suspect's samples, `(sample)`, bool."""
    return verdict.cluster.sel(clustering="verdict").values == verdict.attrs.get("suspect_cluster", -9)


def effect_of(made: Made, verdict: xr.Dataset, *, seed: int = 0) -> dict[str, Any]:
    """What the effect test says of one suspect, as `lrp verify` does it."""
    data, category = made.attributions, verdict.attrs["category"]
    members = members_of(verdict)
    rows = np.flatnonzero(np.isin(data.sample.values, verdict.sample.values))
    others = np.flatnonzero(data.prediction.values != int(category))
    others = np.random.default_rng(seed).permutation(np.setdiff1d(others, rows))[:OTHERS]
    if min(members.sum(), (~members).sum()) < LEAST or not len(others):  # nothing to test, so nothing is shown
        return {"used": False, "each": {}}
    inside, outside, others = (
        torch.as_tensor(data.image.values[part], dtype=torch.float32) / 255
        for part in (rows[members], rows[~members], others)
    )
    found = effects(Network.of(made.explain.program.graph), inside, outside, others, int(category), seed=seed)
    each = {name: list(effect) for name, effect in found.items()}
    return {"used": is_used(found), "change": strongest(found), "each": each}
