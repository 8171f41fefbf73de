"""Samples in units of what the other categories vary by: what all of them vary in is 1, what one alone varies in more.

What a category needs of the others are their means and the sum of their scatters. Both add up, so one pass over the
categories gathers them, in any order and in any number of processes.
"""

import functools
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import scipy.linalg

SHRINK = 0.1
FLOOR = 0.05  # of a category's own variance: a feature that the others do not have at all is not infinitely odd


class Statistics(NamedTuple):
    """Of some categories: samples, mean of each, and the scatter around those means, added up."""

    size: np.ndarray
    """(category)"""
    mean: np.ndarray
    """(category, feature)"""
    scatter: np.ndarray
    """(feature, feature)"""


def statistics(values: np.ndarray) -> Statistics:
    """n, mean and sum_i (x_i - mean)(x_i - mean)^T of the samples of one category.

    Args:
        values: `(sample, feature)`.

    Returns:
        Of one category.

    Example:
        >>> import numpy as np
        >>> statistics(np.array([[0.0], [2.0]])).scatter.tolist()
        [[2.0]]
    """
    values = values.astype(np.float64)
    mean = values.mean(0)
    centred = values - mean  # one array on both sides of the product: half of it is computed
    return Statistics(np.array([len(values)]), mean[None], centred.T @ centred)


def added(parts: Iterable[Statistics]) -> Statistics:
    """The statistics of several categories together: means beside each other, scatters added (a pooled covariance).

    Args:
        parts: Of different categories, over the same features.

    Returns:
        Of all of them.

    Example:
        >>> import numpy as np
        >>> one, two = statistics(np.array([[0.0], [2.0]])), statistics(np.array([[5.0], [5.0]]))
        >>> both = added([one, two])
        >>> both.size.tolist(), both.scatter.tolist()
        ([2, 2], [[2.0]])
    """
    size, mean, scatter = zip(*parts, strict=True)
    return Statistics(np.concatenate(size), np.concatenate(mean), functools.reduce(np.add, scatter))


def without(all_of_them: Statistics, at: int, own: Statistics) -> Statistics:
    """All categories but one: what `added` gives of the others.

    Args:
        all_of_them: Of all categories.
        at: Which is left out.
        own: Its own statistics.

    Returns:
        Of the others.

    Example:
        >>> import numpy as np
        >>> one, two = statistics(np.array([[0.0], [2.0]])), statistics(np.array([[5.0], [5.0]]))
        >>> without(added([one, two]), 1, two).scatter.tolist()
        [[2.0]]
    """
    size, mean = (np.delete(values, at, 0) for values in all_of_them[:2])
    return Statistics(size, mean, all_of_them.scatter - own.scatter)


class White(NamedTuple):
    """One category in units of the others' covariance, its own mean being 0."""

    values: np.ndarray
    """(sample, feature)"""
    others: np.ndarray
    """(category, feature), the others' means"""


def whiten(values: np.ndarray, others: Statistics, *, shrink: float = SHRINK) -> White:
    """z = C^-1/2 (x - mean) with C the covariance within the other categories, shrunk to its diagonal.

    C = (1 - s) C_others + s diag(C_others), every variance at least 0.05 of the category's own (Ledoit and Wolf 2004,
    doi:10.1016/S0047-259X(03)00096-4, shrink to one mean variance: the diagonal leaves scales of features alone). Any
    root will do, as only distances are looked at; this one is Cholesky's. Features that never vary are 0.

    Args:
        values: `(sample, feature)` of one category.
        others: Of the others.
        shrink: s, between 0 and 1.

    Returns:
        Its samples, and the means of the others, in those units.

    Example:
        >>> import numpy as np
        >>> rng = np.random.default_rng(0)
        >>> rest = statistics(rng.normal(size=(4000, 2)) * [1, 100])
        >>> whiten(rng.normal(size=(4000, 2)) * [3, 100], rest).values.std(0).round(1).tolist()
        [2.9, 1.0]
    """
    values = values.astype(np.float64)
    centre, own = values.mean(0), values.var(0)
    freedom = max(1, int(others.size.sum()) - len(others.size))
    cov = others.scatter / freedom
    variance = np.maximum(np.diag(cov), FLOOR * own)
    unit = np.sqrt(np.where(variance > 0, variance, np.inf))
    correlation = (1 - shrink) * cov / unit[:, None] / unit
    np.fill_diagonal(correlation, 1.0)
    root = scipy.linalg.cholesky(correlation, lower=True)
    both = np.concatenate([values - centre, others.mean - centre]) / unit
    white = scipy.linalg.solve_triangular(root, both.T, lower=True).T
    return White(white[: len(values)], white[len(values) :])
