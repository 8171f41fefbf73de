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
USUAL = 0.5  # log ratio to nothing that a clean category reaches: one pseudo-category beside the others
LOOK = 2.2  # suspicion from which on a category should be looked at: clean models of bench.find reach 2.1
SMALLEST = 20  # samples of which clusters can be told
ALIKE = 0.6  # cosine of what sets two suspects apart, from which on they are one

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
    return _scored(spaces, members, rest)


def _scored(spaces: Spaces, members: np.ndarray, rest: int) -> Weighed:
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
    """The median of the other categories' levels and of one that nothing suggests; 0.4 + 1.48 MAD of the others.

    MAD, the median absolute deviation, does not mind one that is poisoned; 1.48 makes it a Gaussian's deviation. With
    one other category the level is the mean of two and the spread 0.4, with many the pseudo-category hardly counts.

    Args:
        levels: `(other category, view)`, NaN where a category has none.

    Returns:
        Level and spread, each `(view)`.

    Example:
        >>> import numpy as np
        >>> usual(np.array([[1.5, 0.5]])).level.tolist()
        [1.0, 0.5]
    """
    levels = levels[np.isfinite(levels).all(1)]
    level = np.median(np.concatenate([levels, np.full((1, levels.shape[1]), USUAL)]), axis=0)
    spread = np.full(levels.shape[1], SPREAD)
    if len(levels):
        spread += 1.48 * np.median(np.abs(levels - np.median(levels, axis=0)), axis=0)
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
    line = (values - (values[members].mean(0) + values[~members].mean(0)) / 2) @ gap / np.linalg.norm(gap)
    by_view = dict(zip(spaces, (found.above[best] - normal.level).tolist(), strict=True))
    return Suspect(float(total[best]), members, cluster, by_view, line)


def suspects(spaces: Spaces, found: Weighed, normal: Usual, rest: int, *, seed: int = 0) -> list[Suspect]:
    """The suspect of a category; or the suspects, where it falls into two, or its other samples have one too.

    Args:
        spaces: Of the category, as they were weighed.
        found: Its candidates.
        normal: Of `usual`.
        rest: Samples of the others.
        seed: Of k-means.

    Returns:
        At least one, whatever its suspicion; at most three, the most suspicious first. Of several, each is a group of
        its own against the samples that are in none.

    Example:
        >>> import numpy as np
        >>> values = np.random.default_rng(0).normal(size=(90, 2))
        >>> values[:15, 0] += 12
        >>> values[15:25, 1] += 9
        >>> spaces = {"cells": White(values - values.mean(0), np.zeros((1, 2)))}
        >>> each = suspects(spaces, weighed(spaces, 400), Usual(np.zeros(1), np.ones(1)), 400)
        >>> sorted(int(one.members.sum()) for one in each)
        [10, 15]
    """
    first = suspect(spaces, found, normal)
    if first.suspicion < LOOK:
        return [first]
    inner = _among(spaces, first.members, normal, rest, seed)
    outer = _among(spaces, ~first.members, normal, rest, seed)
    groups = [first.members] if inner is None else [inner, first.members & ~inner]
    groups += [] if outer is None else [outer]
    if len(groups) == 1:
        return [first]
    usual_ones = ~np.logical_or.reduce(groups)
    each = [_as_given(spaces, group, group | usual_ones, normal, rest) for group in groups]
    return sorted(each, key=lambda one: -one.suspicion)


def _among(spaces: Spaces, chosen: np.ndarray, normal: Usual, rest: int, seed: int) -> np.ndarray | None:
    """The suspect among some of the samples, as members of all of them; None if nothing stands out."""
    if chosen.sum() < SMALLEST:
        return None
    fewer = {name: space._replace(values=space.values[chosen]) for name, space in spaces.items()}
    found = suspect(fewer, weighed(fewer, rest, seed=seed), normal)
    if found.suspicion < LOOK:
        return None
    members = np.zeros(len(chosen), bool)
    members[chosen] = found.members
    return members


def _as_given(spaces: Spaces, group: np.ndarray, chosen: np.ndarray, normal: Usual, rest: int) -> Suspect:
    """A group that is known, against the samples that are in none."""
    fewer = {name: space._replace(values=space.values[chosen]) for name, space in spaces.items()}
    found = suspect(fewer, _scored(fewer, group[chosen][None], rest), normal)
    whole = np.zeros((3, len(group)))
    whole[:, chosen] = found.members, found.cluster, found.line
    return found._replace(members=whole[0] > 0, cluster=whole[1] > 0, line=whole[2])


def shared_gap(values: Mapping[str, np.ndarray], whole: Mapping[str, Statistics], members: np.ndarray) -> np.ndarray:
    """What sets a group apart, comparable between categories: C^-1/2 (mean_in - mean_out), C within all categories.

    Args:
        values: View -> `(sample, feature)` of one category, not whitened.
        whole: View -> statistics of all categories.
        members: `(sample)`, bool.

    Returns:
        `(feature of all views)`, of length 1 in each view: the cosine of two of them is their likeness.

    Example:
        >>> import numpy as np
        >>> values = {"cells": np.array([[0.0, 1.0], [0.0, 1.0], [4.0, 1.0]])}
        >>> whole = {"cells": statistics(values["cells"])}
        >>> abs(shared_gap(values, whole, np.array([False, False, True]))).tolist()
        [1.0, 0.0]
    """
    parts = []
    for name, value in values.items():
        sides = np.stack([value[members].mean(0), value[~members].mean(0)])
        gap = np.subtract(*whiten(sides, whole[name]).values)
        parts.append(gap / max(np.linalg.norm(gap), 1e-12))
    return np.concatenate(parts) / len(parts) ** 0.5


def same_suspects(gaps: Mapping[str, np.ndarray], *, alike: float = ALIKE) -> dict[str, list[str]]:
    """Which suspects of different categories are one: the cosine of what sets them apart is at least 0.6.

    Args:
        gaps: Category -> `shared_gap`.
        alike: The cosine.

    Returns:
        Category -> the others whose suspect is the same; only of those that have any.

    Example:
        >>> import numpy as np
        >>> same_suspects({"0": np.array([1.0, 0.0]), "3": np.array([0.8, 0.6]), "5": np.array([0.0, -1.0])})
        {'0': ['3'], '3': ['0']}
    """
    found = {
        name: [other for other, value in gaps.items() if other != name and gap @ value >= alike]
        for name, gap in gaps.items()
    }
    return {name: others for name, others in found.items() if others}


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
