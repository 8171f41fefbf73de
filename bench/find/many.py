"""Time and memory of the verdict on many classes of many features, drawn at random and never held together."""

from __future__ import annotations

import resource
import time

import numpy as np

from spray._tables import table
from spray.verdict import Statistics, added, each_suspect, spaces_of, statistics, usual, weighed, without

SAMPLES, FEATURES, JUDGED = 1300, 2000, 5


def values_of(category: int) -> np.ndarray:
    """A class with 5 % of its samples moved, if it is the first: the same every time."""
    rng = np.random.default_rng(category)
    values = rng.normal(size=(SAMPLES, FEATURES)) + rng.normal(size=FEATURES)
    if category == 0:
        values[:65] += 4 * rng.normal(size=FEATURES) / 10
    return values


def timed(classes: int) -> str:
    """All classes are gathered; of five the candidates are weighed and the suspect is named: a task a class."""
    start = time.perf_counter()
    whole: Statistics | None = None
    for category in range(classes):
        own = statistics(values_of(category))
        whole = own if whole is None else added([whole, own])
    assert whole is not None
    gathered = time.perf_counter() - start
    chosen, found, spaces = range(min(JUDGED, classes)), [], {}
    for category in chosen:
        values = values_of(category)
        white = spaces_of({"cells": values}, {"cells": without(whole, category, statistics(values))})
        found.append(weighed(white, SAMPLES * (classes - 1)))
        spaces[category] = white if category == 0 else None
    weighed_in = (time.perf_counter() - start - gathered) / len(chosen)
    levels = np.stack([one.level for one in found])
    first = each_suspect(spaces[0], found[0], usual(levels[1:]), SAMPLES * (classes - 1))[0]
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    rows = [
        ["classes, samples of each, features", f"{classes}, {SAMPLES}, {FEATURES}"],
        ["statistics of all", f"{gathered:.0f} s"],
        [f"candidates of one (mean of {len(chosen)})", f"{weighed_in:.1f} s"],
        ["of all, on one core, by that", f"{(gathered + 2 * weighed_in * classes) / 3600:.2f} h"],
        ["largest memory", f"{memory:.2f} GB"],
        ["suspicion of the planted class", f"{first.suspicion:.2f}, {int(first.members.sum())} samples, 65 planted"],
        ["largest of the others' levels", f"{levels[1:].max():.2f}, the planted one's {levels[0].max():.2f}"],
    ]
    return table(rows)
