"""The rank of the poisoned class by every score, and how well the group pointed at fits what was planted."""

from __future__ import annotations

import functools

import numpy as np
import xarray as xr

import spray
from spray.analysis import judge
from spray.stages.clustering import hdbscan, spectral_kmeans

SCORES = ("clever_hans", "cluster_gap", "eigengap", "tau")


def scored(attributions: xr.Dataset) -> dict[str, dict[str, float]]:
    """Score -> category -> value: the verdict, with all views and without each kind, and the scores of `spectral`."""
    hidden = [name for name in attributions.data_vars if str(name).startswith("hidden")]
    arms = {"verdict": attributions, "verdict, cells only": attributions.drop_vars([*hidden, "image"])}
    arms["verdict, hidden only"] = attributions.drop_vars(["relevance", "image"])
    found = {name: _suspicions(data) for name, data in arms.items()}
    stages = [functools.partial(spectral_kmeans, clusters=range(2, 9)), hdbscan]
    tree = spray.analyse(
        attributions[["relevance"]], spray.recipes.spectral(clusterings=stages, embeddings=[]), progress=False
    )
    assert isinstance(tree, xr.DataTree)
    nodes = {name: node.to_dataset() for name, node in tree.children.items()}
    for score in SCORES:
        found[score] = {n: float(d.tau.max()) if score == "tau" else float(d.attrs[score]) for n, d in nodes.items()}
    return found


def _suspicions(attributions: xr.Dataset) -> dict[str, float]:
    return {name: float(one.attrs["suspicion"]) for name, one in judge(attributions, progress=False).items()}


def rank_of(scores: dict[str, float], category: str) -> float:
    """1 for the largest; ties count half."""
    values, own = np.array(list(scores.values())), scores[category]
    return float(1 + np.sum(values > own) + (np.sum(values == own) - 1) / 2)


def pointed_at(attributions: xr.Dataset, category: str) -> tuple[float, str]:
    """F1 of the suspect's members and of what was planted in a category, and the reasons."""
    found = judge(attributions, progress=False)[category]
    members = found.cluster.sel(clustering="verdict").values == found.attrs.get("suspect_cluster", -1)
    planted = attributions.marked.sel(sample=found.sample).values
    return _f1(planted, members), str(found.attrs["reasons"])


def _f1(planted: np.ndarray, members: np.ndarray) -> float:
    either = planted.sum() + members.sum()
    return float(2 * np.sum(planted & members) / either) if either else 0.0
