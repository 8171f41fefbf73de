"""Several suspects in one category, and the same suspect in several."""

from collections.abc import Mapping

import numpy as np

from spray.verdict.suspects import LOOK, SMALLEST, Spaces, Suspect, Usual, Weighed, scored, suspect, weighed
from spray.verdict.whitening import Statistics, whiten

ALIKE = 0.6  # cosine of what sets two suspects apart, from which on they are one


def each_suspect(
    spaces: Spaces,
    found: Weighed,
    normal: Usual,
    rest: int,
    *,
    raw: Mapping[str, np.ndarray] | None = None,
    seed: int = 0,
) -> list[Suspect]:
    """The suspect of a category; or the suspects, where it falls into two, or its other samples have one too.

    Args:
        spaces: Of the category, as they were weighed.
        found: Its candidates.
        normal: Of `usual`.
        rest: Samples of the others.
        raw: The category by view as it was before it was whitened. Default: as it is.
        seed: Of k-means.

    Returns:
        At least one, whatever its suspicion; at most three, the most suspicious first. Of several, each is a group of
        its own against the samples that are in none; its suspicion is at most that of the whole category's, for what is
        left after taking groups away is more alike than any category is.

    Example:
        >>> import numpy as np
        >>> from spray.verdict import White, weighed
        >>> values = np.random.default_rng(0).normal(size=(90, 2))
        >>> values[:15, 0] += 12
        >>> values[15:25, 1] += 9
        >>> spaces = {"cells": White(values - values.mean(0), np.zeros((1, 2)))}
        >>> each = each_suspect(spaces, weighed(spaces, 400), Usual(np.zeros(1), np.ones(1)), 400)
        >>> sorted(int(one.members.sum()) for one in each)
        [10, 15]
    """
    first = suspect(spaces, found, normal)
    if first.suspicion < LOOK:
        return [first]
    inner = _among(spaces, first.members, normal, rest, seed)
    outer = _among(spaces, ~first.members, normal, rest, seed)
    parts = [] if inner is None else [inner, first.members & ~inner]
    seen = raw or {name: space.values for name, space in spaces.items()}
    groups = [first.members] if not parts or _are_one(seen, parts, ~first.members) else parts
    groups += [] if outer is None else [outer]
    if len(groups) == 1:
        return [first]
    usual_ones = ~np.logical_or.reduce(groups)
    each = [_as_given(spaces, group, group | usual_ones, normal, rest) for group in groups]
    ordered = sorted(each, key=lambda one: -one.suspicion)
    return [one._replace(suspicion=min(one.suspicion, first.suspicion)) for one in ordered]


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


def _are_one(raw: Mapping[str, np.ndarray], parts: list[np.ndarray], rest: np.ndarray) -> bool:
    """Whether both have more of the same than the rest has: what falls into two by something else has one artefact.

    More only: of shares, all that is not the artefact is less in any group that has one.
    """
    values = np.hstack(list(raw.values()))
    spread = values[rest].std(0)
    unit = np.where(spread > 0, spread, np.inf)
    one, other = (np.maximum((values[members].mean(0) - values[rest].mean(0)) / unit, 0) for members in parts)
    return bool(one @ other >= ALIKE * np.linalg.norm(one) * np.linalg.norm(other))


def _as_given(spaces: Spaces, group: np.ndarray, chosen: np.ndarray, normal: Usual, rest: int) -> Suspect:
    """A group that is known, against the samples that are in none."""
    fewer = {name: space._replace(values=space.values[chosen]) for name, space in spaces.items()}
    found = suspect(fewer, scored(fewer, group[chosen][None], rest), normal)
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
        >>> from spray.verdict import statistics
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
