"""What clusters of nothing reach: they are made of the same samples that they are then scored by."""

import numpy as np
import scipy.stats

from spray.verdict.candidates import clusters, distinct, embedding
from spray.verdict.score import split_variance
from spray.verdict.whitening import SHRINK, Statistics, whiten


def null_variance(n: int, features: int, rest: int, *, shrink: float = SHRINK) -> float:
    """2 / pi / ((1 - s) (1 - sqrt(g))^2 + s) + 1.4 q / n / (1 - (1 - s) g): the split variance that nothing reaches.

    q features, g = min(1, q / rest), s the shrinkage. A Gaussian cut in half along one direction has 2 / pi of its
    variance between the halves; whitened by `rest` other samples its largest variance is one over the least eigenvalue
    of a covariance of nothing (Marchenko and Pastur 1967), shrunk; and the means of two sides differ by chance in every
    feature. 1.4 is fitted to `simulated_null`, which lies within a third of it.

    Args:
        n: Samples of the category.
        features: Of the view.
        rest: Samples of the other categories.
        shrink: Of the whitening.

    Returns:
        A variance.

    Example:
        >>> null_variance(100, 4, 1000) < null_variance(100, 16, 1000) < null_variance(50, 16, 1000)
        True
    """
    ratio = min(1.0, features / max(rest, 1))
    largest = 1 / ((1 - shrink) * (1 - ratio**0.5) ** 2 + shrink)
    return 2 / np.pi * largest + 1.4 * features / n / (1 - (1 - shrink) * ratio)


def simulated_null(n: int, features: int, rest: int, *, draws: int = 3, seed: int = 0) -> float:
    """The largest `split_variance` of the clusters of Gaussian samples, whitened by `rest` other ones: the median.

    A category of nothing at all: what `null_variance` says by a formula, made anew.

    Args:
        n: Samples of the category.
        features: Of the view.
        rest: Samples of the other categories.
        draws: Null categories.
        seed: Of the samples.

    Returns:
        A variance.

    Example:
        >>> simulated_null(40, 2, 400, draws=1) > 0.3
        True
    """
    rng = np.random.default_rng([n, features, rest, seed])
    found = []
    for _ in range(draws):
        values = rng.normal(size=(n, features))
        freedom = max(rest - 1, features)  # a scatter of fewer samples is singular, which shrinking mends
        scatter = np.atleast_2d(scipy.stats.wishart(freedom, np.eye(features)).rvs(random_state=rng))
        white = whiten(values, Statistics(np.array([freedom + 1]), np.zeros((1, features)), scatter)).values
        members = distinct(clusters(embedding(white)))
        found.append(split_variance(white, members).max() if len(members) else features / n)
    return float(np.median(found))
