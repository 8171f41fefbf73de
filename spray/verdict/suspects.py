"""One verdict a category: is there a group in it that nothing in the other categories looks like, and who is in it?

Three steps, so that categories may be tasks of their own: `statistics` of each (they add up), `weighed` candidates of
each in units of the others, and, with the levels that all of them reach, the `suspect` of each.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from spray.arrays.labels import few_threads
from spray.verdict.candidates import clusters, distinct, embedding
from spray.verdict.null import null_variance
from spray.verdict.score import odd_side, refined, split_variance
from spray.verdict.whitening import Statistics, White, added, statistics, whiten, without

SPREAD = 0.4  # of the levels of clean categories, where they are all alike
FEW = 0.2  # by which the spread grows with the level, over the number of others
LOOK = 2.2  # suspicion from which on a category should be looked at: clean models of bench.find reach 2.1
SMALLEST = 20  # samples of which clusters can be told

Spaces = Mapping[str, White]


class Weighed(NamedTuple):
    """The candidates of a category."""

    members: np.ndarray
    """(candidate, sample), bool"""
    above: np.ndarray
    """(candidate, view), log of the split variance over that of nothing"""

    @property
    def level(self) -> np.ndarray:
        """(view), the most that a candidate reaches; NaN without any."""
        return self.above.max(0) if len(self.above) else np.full(self.above.shape[1], np.nan)


class Suspect(NamedTuple):
    """The group of a category that stands out most."""

    suspicion: float
    """0 for a category like the others, from 2.2 on worth a look."""
    members: np.ndarray
    """(sample), bool, refined"""
    cluster: np.ndarray
    """(sample), bool, as the clustering of a view had it"""
    by_view: dict[str, float]
    """log of the split variance over what is usual"""
    line: np.ndarray
    """(sample), along what sets the group apart, the group's end being positive"""

    @property
    def view(self) -> str:
        """Where it stands out most."""
        return max(self.by_view, key=self.by_view.__getitem__)


def spaces_of(values: Mapping[str, np.ndarray], others: Mapping[str, Statistics]) -> dict[str, White]:
    """A category in units of the others, by view.

    Args:
        values: View -> `(sample, feature)` of one category.
        others: View -> statistics of the others.

    Returns:
        View -> white samples.

    Example:
        >>> import numpy as np
        >>> values = np.random.default_rng(0).normal(size=(30, 2))
        >>> spaces_of({"cells": values}, {"cells": statistics(values)})["cells"].values.shape
        (30, 2)
    """
    return {name: whiten(value, others[name]) for name, value in values.items()}


def weighed(spaces: Spaces, rest: int, *, seed: int = 0) -> Weighed:
    """Spectral clusters of every view, each scored in every view by log s / s_null.

    s is `split_variance`, s_null `null_variance`.

    Args:
        spaces: Of one category.
        rest: Samples of the others.
        seed: Of k-means.

    Returns:
        The candidates.

    Example:
        >>> import numpy as np
        >>> values = np.random.default_rng(0).normal(size=(40, 2)) + 9 * np.repeat([[1, 0], [0, 0]], [10, 30], 0)
        >>> found = weighed({"cells": White(values - values.mean(0), np.zeros((1, 2)))}, 400)
        >>> bool(found.level[0] > 1)
        True
    """
    n = len(next(iter(spaces.values())).values)
    members = np.zeros((0, n), bool)
    if n >= SMALLEST:
        with few_threads(0):
            found = [clusters(embedding(space.values), seed=seed) for space in spaces.values()]
        members = distinct(np.concatenate(found))
    return scored(spaces, members, rest)


def scored(spaces: Spaces, members: np.ndarray, rest: int) -> Weighed:
    """Given candidates, each scored in every view.

    Args:
        spaces: Of one category.
        members: `(candidate, sample)`, bool.
        rest: Samples of the others.

    Returns:
        The candidates.

    Example:
        >>> import numpy as np
        >>> spaces = {"cells": White(np.array([[0.0], [0.0], [4.0], [4.0]]), np.zeros((1, 1)))}
        >>> scored(spaces, np.array([[True, True, False, False]]), 400).above.shape
        (1, 1)
    """
    above = np.zeros((len(members), len(spaces)))
    for column, space in enumerate(spaces.values()):
        n, features = space.values.shape
        above[:, column] = np.log(
            np.maximum(split_variance(space.values, members), 1e-12) / null_variance(n, features, rest)
        )
    return Weighed(members, above)


class Usual(NamedTuple):
    """What clean categories reach, by view."""

    level: np.ndarray
    spread: np.ndarray


def usual(levels: np.ndarray) -> Usual:
    """The median of the m other categories' levels; 0.4 sqrt(1 + 1 / m) + 0.2 max(0, level) / m + 1.48 MAD of them.

    MAD, the median absolute deviation, does not mind one that is poisoned; 1.48 makes it a Gaussian's deviation. Of one
    other category it is 0 and shows nothing, so the other terms stand for it: a level of few is itself uncertain, and
    where levels are high (a late layer that tells the natural groups of a class apart) they differ more. Of many others
    only 0.4 is left of them.

    Args:
        levels: `(other category, view)`, NaN where a category has none.

    Returns:
        Level and spread, each `(view)`; of no others, 0 and the spread of one.

    Example:
        >>> import numpy as np
        >>> one = usual(np.array([[1.5, 0.5]]))
        >>> one.level.tolist(), one.spread.round(2).tolist()
        ([1.5, 0.5], [0.87, 0.67])
    """
    levels = levels[np.isfinite(levels).all(1)]
    many = max(1, len(levels))
    level = np.median(levels, axis=0) if len(levels) else np.zeros(levels.shape[1])
    spread = SPREAD * (1 + 1 / many) ** 0.5 + FEW * np.maximum(level, 0) / many
    if len(levels):
        spread = spread + 1.48 * np.median(np.abs(levels - level), axis=0)
    return Usual(level, spread)


def suspect(spaces: Spaces, found: Weighed, normal: Usual) -> Suspect:
    """The candidate that stands out most from what is usual: suspicion = (sum_v max(0, z_v)^3)^(1/3).

    z_v = (a_v - level_v) / spread_v, with a_v the log of the split variance in view v over that of nothing.
    The cube root of the sum of cubes: views add up, and the strongest counts most, so that many views do no harm.

    Args:
        spaces: Of the category, as they were weighed.
        found: Its candidates.
        normal: Of `usual`.

    Returns:
        The suspect, its members refined in all views that speak for it, on the odd side of the split.

    Example:
        >>> import numpy as np
        >>> values = np.random.default_rng(0).normal(size=(40, 2)) + 9 * np.repeat([[1, 0], [0, 0]], [10, 30], 0)
        >>> spaces = {"cells": White(values - values.mean(0), np.zeros((1, 2)))}
        >>> one = suspect(spaces, weighed(spaces, 400), Usual(np.zeros(1), np.ones(1)))
        >>> bool(one.suspicion > 1), np.flatnonzero(one.members).tolist()
        (True, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9])
    """
    n = len(next(iter(spaces.values())).values)
    if not len(found.members):
        return Suspect(0.0, np.zeros(n, bool), np.zeros(n, bool), dict.fromkeys(spaces, 0.0), np.zeros(n))
    above = (found.above - normal.level) / normal.spread
    total = np.cbrt((np.maximum(above, 0) ** 3).sum(1))
    best = int((total + 1e-6 * above.max(1)).argmax())
    most = above[best].max()
    speak = [space for space, value in zip(spaces.values(), above[best], strict=True) if value >= min(most / 3, most)]
    values, others = (np.hstack(parts) for parts in zip(*speak, strict=True))
    cluster = odd_side(values, found.members[best], others)
    with few_threads(0):
        members = odd_side(values, refined(values, cluster), others)
    gap = values[members].mean(0) - values[~members].mean(0)
    length = np.linalg.norm(gap) or 1.0  # of samples that are all alike
    line = (values - (values[members].mean(0) + values[~members].mean(0)) / 2) @ gap / length
    by_view = dict(zip(spaces, (found.above[best] - normal.level).tolist(), strict=True))
    return Suspect(float(total[best]), members, cluster, by_view, line)


def verdict(views: Mapping[str, np.ndarray], labels: np.ndarray, *, seed: int = 0) -> dict[str, Suspect]:
    """The suspect of every category, from arrays in memory.

    Args:
        views: Name -> `(sample, feature)`.
        labels: `(sample)`, the category of each; at least two.
        seed: Of k-means.

    Returns:
        Category -> suspect, the most suspicious first.

    Raises:
        ValueError: There is one category only: nothing to compare it with.

    Example:
        >>> import numpy as np
        >>> values, labels = np.random.default_rng(0).normal(size=(120, 3)), np.repeat([0, 1, 2], 40)
        >>> values[80:92, 1] += 9  # what a few samples of category 2 have, and nothing else
        >>> found = verdict({"cells": values}, labels)
        >>> next(iter(found)), int(found["2"].members.sum())
        ('2', 12)
    """
    kinds = np.unique(labels)
    if len(kinds) < 2:
        raise ValueError(f"a verdict compares categories: give at least 2, there is {len(kinds)}")
    rows = [np.flatnonzero(labels == kind) for kind in kinds]
    each = [{name: statistics(values[at]) for name, values in views.items()} for at in rows]
    whole = {name: added(own[name] for own in each) for name in views}
    spaces, found = [], []
    for at, own in enumerate(each):
        others = {name: without(whole[name], at, own[name]) for name in views}
        spaces.append(spaces_of({name: values[rows[at]] for name, values in views.items()}, others))
        found.append(weighed(spaces[-1], len(labels) - len(rows[at]), seed=seed))
    levels = np.stack([one.level for one in found])
    result = {
        str(kind): suspect(spaces[at], found[at], usual(np.delete(levels, at, 0))) for at, kind in enumerate(kinds)
    }
    return dict(sorted(result.items(), key=lambda item: -item[1].suspicion))
