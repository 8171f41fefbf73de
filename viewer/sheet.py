"""A category on one page: each cluster's size, scores, labels, typical and unusual samples."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc

from viewer.gallery import distance
from viewer.grouping import Group, clusters
from viewer.project import Category, Project
from viewer.state import State

SHOWN = 3


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
    found = clusters(category, state, np.zeros(len(category.sample), bool))
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
        category.sample[near[:SHOWN]].tolist(),
        category.sample[near[::-1][: min(SHOWN, max(0, len(near) - SHOWN))]].tolist(),
        label_counts(project, category, rows),
        None if correct is None else float((correct[rows] == "wrong").mean()),
        cluster_scores(category, state.clustering, group.number),
    )


def label_counts(project: Project, category: Category, rows: np.ndarray, most: int = 5) -> list[tuple[str, int]]:
    """The most frequent labels of some rows, and how often each is there."""
    labels = category.variables.get("label")
    if labels is None or not len(rows):
        return []
    values, counts = np.unique(labels[rows], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:most]
    return [(project.label_text(values[at]), int(counts[at])) for at in order]


class Association(NamedTuple):
    """How strongly a variable tells two sets of samples apart: Cramer's V in [0, 1], and the chi-squared test's p."""

    strength: float
    p: float


def association(values: np.ndarray, first: np.ndarray, second: np.ndarray) -> Association | None:
    """Of a variable over disjoint sets of rows (masks); None where sets overlap, or there is nothing to tell apart.

    V = sqrt(chi^2 / n) for two sets, chi^2 = sum (observed - expected)^2 / expected (Cramer 1946, 21.9).
    """
    names, at = np.unique(values[first | second], return_inverse=True)
    if (first & second).any() or len(names) < 2 or not (first.any() and second.any()):
        return None
    observed = np.stack([np.bincount(at[rows[first | second]], minlength=len(names)) for rows in (first, second)])
    expected = observed.sum(axis=1, keepdims=True) * observed.sum(axis=0) / observed.sum()
    squared = float(((observed - expected) ** 2 / expected).sum())
    return Association(float(np.sqrt(squared / observed.sum())), float(chdtrc(len(names) - 1, squared)))
