"""Two sets of samples side by side: their labels, and how strongly a variable tells them apart."""

from typing import NamedTuple

import numpy as np
from scipy.special import chdtrc

from viewer.projects import Category, Project


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
