"""What verdicts are made of: the statistics of all categories, and each one's candidates beside the others."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
from tqdm import tqdm

from spray.verdict import (
    Statistics,
    View,
    Weighed,
    added,
    same_suspects,
    shared_gap,
    spaces_of,
    statistics,
    weighed,
    without,
)

log = logging.getLogger(__name__)
ALIKE = 0.7  # cosine of what sets two best candidates apart, from which on neither is a measure for the other


class Judged(NamedTuple):
    """All that verdicts of categories are made of."""

    data: dict[str, xr.Dataset]
    """By category."""
    views: dict[str, View]
    whole: dict[str, Statistics]
    """Of all categories together, by view."""


def gathered(categories: dict[str, xr.Dataset], views: dict[str, View], bar: tqdm) -> tuple[Judged, dict[str, str]]:
    """The statistics of all categories added up; what cannot be read is left out, with its error.

    Raises:
        ValueError: Fewer than two categories can be judged.
    """
    whole: dict[str, Statistics] = {}
    errors = {}
    for category, data in categories.items():
        try:
            own = {name: statistics(values) for name, values in values_of(data, views).items()}
        except ValueError as error:
            log.warning("category %s has no verdict: %s", category, error)
            errors[category] = f"{type(error).__name__}: {error}"
        else:
            whole = {name: added([whole[name], one] if whole else [one]) for name, one in own.items()}
        bar.update()
    good = {category: data for category, data in categories.items() if category not in errors}
    if len(good) < 2:
        raise ValueError(f"fewer than two categories can be judged: {next(iter(errors.values()))}")
    return Judged(good, views, whole), errors


def values_of(data: xr.Dataset, views: Mapping[str, View]) -> dict[str, np.ndarray]:
    """What each view makes of a category.

    Raises:
        ValueError: Some of it is not finite.
    """
    data = data.compute()  # a copy: the category itself stays on disk
    found = {name: view(data) for name, view in views.items()}
    for name, values in found.items():
        if not np.isfinite(values).all():
            raise ValueError(f"{int((~np.isfinite(values)).any(1).sum())} sample(s) hold NaN or inf in view {name}")
    return found


def alike(gaps: Mapping[str, np.ndarray]) -> dict[str, list[str]]:
    """The two at most whose best candidate is a category's own: what has the same group is no measure for it."""
    found = same_suspects(gaps, alike=ALIKE)
    nearest = {
        name: sorted(others, key=lambda other: -float(gaps[name] @ gaps[other])) for name, others in found.items()
    }
    return {name: others[:2] for name, others in nearest.items() if len(gaps) > 1 + len(others[:2])}


def white_spaces(
    judged: Judged, at: int, leave: Sequence[str] = ()
) -> tuple[dict[str, np.ndarray], dict[str, Any], int]:
    """Values, white values, and how many samples the others have; some of the others are left out."""
    names = list(judged.data)
    values = values_of(judged.data[names[at]], judged.views)
    others = {name: without(judged.whole[name], at, statistics(value)) for name, value in values.items()}
    left = [name for name in names if name != names[at]]
    for category in leave:
        place, own = left.index(category), values_of(judged.data[category], judged.views)
        others = {name: without(value, place, statistics(own[name])) for name, value in others.items()}
        left.remove(category)
    return values, spaces_of(values, others), int(next(iter(others.values())).size.sum())


def weigh(judged: Judged, at: int, leave: Sequence[str] = ()) -> tuple[Weighed, np.ndarray]:
    """The candidates, and what sets the best of them apart."""
    values, spaces, rest = white_spaces(judged, at, leave)
    found = weighed(spaces, rest)
    if not len(found.members):
        return found, np.zeros(sum(value.shape[1] for value in values.values()))
    best = int((np.maximum(found.above, 0) ** 3).sum(1).argmax())
    return found, shared_gap(values, judged.whole, found.members[best])
