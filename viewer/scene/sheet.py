"""A category on one page: each cluster's size, scores, labels, typical and unusual samples."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from viewer.projects import Category, Project
from viewer.scene.contrast.comparison import label_counts
from viewer.scene.gallery import distance
from viewer.scene.points.grouping import Group, clusters
from viewer.state import State, decode

SAMPLES_SHOWN = 3


class Card(NamedTuple):
    group: Group
    share: float
    typical: list[int]
    unusual: list[int]
    labels: list[tuple[str, int]]
    wrong: float | None
    scores: dict[str, float]


def sheet(project: Project, category: Category, state: State) -> list[Card]:
    """One card a cluster, the noise last."""
    found = clusters(category, state, category.rows(decode(state.selection)))
    return [_card(project, category, state, group) for group in found]


def scores(category: Category, clustering: str) -> dict[str, float]:
    """Every number that the analysis has for a clustering as a whole."""
    return {name: float(values) for name, values in _scored(category, clustering, ("clustering",))}


def cluster_scores(category: Category, clustering: str, number: int) -> dict[str, float]:
    """Every number that the analysis has for one cluster, besides its share."""
    found = _scored(category, clustering, ("clustering", "number"))
    at = {name: values[number] for name, values in found if 0 <= number < len(values) and name != "share"}
    return {name.removeprefix("cluster_"): float(value) for name, value in at.items() if np.isfinite(value)}


def _scored(category: Category, clustering: str, dims: tuple[str, ...]) -> Iterator[tuple[str, np.ndarray]]:
    """Variables over clusterings, at one of them; a cut of the tree has none."""
    if "clustering" not in category.data.coords or clustering not in category.clusterings.own:
        return
    at = list(category.clusterings).index(clustering)
    for name, variable in category.data.variables.items():
        if variable.dims == dims and variable.dtype.kind in "fiu":
            yield str(name), variable.values[at]


def _card(project: Project, category: Category, state: State, group: Group) -> Card:
    rows = np.flatnonzero(category.clusterings[state.clustering] == group.number)
    near = rows[np.argsort(distance(category, rows), kind="stable")]
    correct = category.variables.get("correct")
    return Card(
        group,
        len(rows) / len(category.sample),
        category.sample[near[:SAMPLES_SHOWN]].tolist(),
        category.sample[near[::-1][: min(SAMPLES_SHOWN, max(0, len(near) - SAMPLES_SHOWN))]].tolist(),
        label_counts(project, category, rows),
        None if correct is None else float((correct[rows] == "wrong").mean()),
        cluster_scores(category, state.clustering, group.number),
    )
