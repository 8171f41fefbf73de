"""The verdict in words."""

from collections.abc import Mapping, Sequence
from math import exp, isqrt

import numpy as np

from spray.verdict.suspects import LOOK, Suspect

STATISTICS = {
    "max": "maximum of the activation",
    "mean": "mean activation",
    "magnitude": "relevance",
    "relevance": "relevance",
    "concept": "relevance",
}
LEAST = 0.4  # log ratio of a view that is a reason


def sentence(found: Suspect, values: Mapping[str, np.ndarray], cell_names: Sequence[str] = ()) -> str:
    """How many samples, and in which views they stand out, the strongest first.

    Args:
        found: Of `suspect`.
        values: View -> `(sample, feature)`, of the same category, not whitened.
        cell_names: What each feature of the view "cells" is, where it has a name.

    Returns:
        A line.

    Example:
        >>> import numpy as np
        >>> values = np.zeros((40, 64))
        >>> values[:10, 63] = 1
        >>> members = np.arange(40) < 10
        >>> print(sentence(Suspect(2.1, members, members, {"cells": 2.1}, np.zeros(40)), {"cells": values}))
        10 samples, 25 %; what sets them apart: relevance at the lower right (8 times what is usual)
    """
    size, share = int(found.members.sum()), found.members.mean()
    views = sorted((name for name, value in found.by_view.items() if value > LEAST), key=lambda v: -found.by_view[v])
    parts = [
        f"{_where(name, values[name], found.members, cell_names)} ({_times(found.by_view[name])})" for name in views[:3]
    ]
    head = f"{size} samples, {share:.0%}".replace("%", " %")
    if not size or not parts:
        return f"{head}; nothing sets them apart more than is usual" if size else "too few samples to tell"
    return f"{head}; what sets them apart: {', '.join(parts)}"


def judgement(suspicion: float) -> str:
    """A word for the number.

    Args:
        suspicion: Of a `Suspect`.

    Returns:
        "look here" from 2.2 on, "perhaps" from two thirds of that, else "usual".

    Example:
        >>> [judgement(value) for value in (0.4, 1.6, 3.0)]
        ['usual', 'perhaps', 'look here']
    """
    return "look here" if suspicion >= LOOK else "perhaps" if suspicion >= LOOK / 1.5 else "usual"


def _times(value: float) -> str:
    times = exp(value)
    return f"{times:.0f} times what is usual" if times >= 3 else f"{times:.1f} times what is usual"


def _where(name: str, values: np.ndarray, members: np.ndarray, cell_names: Sequence[str]) -> str:
    """The feature of a view that the two sides differ in most, in words."""
    gap = values[members].mean(0) - values[~members].mean(0)
    spread = np.sqrt((values[members].var(0) + values[~members].var(0)) / 2)
    feature = int(np.argmax(np.abs(gap) / np.maximum(spread, 1e-3 * max(spread.max(), 1e-12))))
    if name == "cells":
        place = cell_names[feature] if len(cell_names) else _place(feature, values.shape[1])
        return f"{'less ' if gap[feature] < 0 else ''}relevance {place}"
    if name == "colour":
        return "colour"
    statistic, _, layer = name.removeprefix("hidden_").partition("_")
    return f"{STATISTICS.get(statistic, statistic)} of {layer or 'a layer'}, channel {feature}"


def _place(cell: int, cells: int) -> str:
    side = isqrt(cells)
    if side * side != cells or side < 3:
        return f"in window {cell}"
    row, column = divmod(cell, side)
    vertical = ("upper", "", "lower")[min(2, 3 * row // side)]
    horizontal = ("left", "", "right")[min(2, 3 * column // side)]
    if not horizontal:
        vertical = {"upper": "top", "lower": "bottom"}.get(vertical, "")
    return f"at the {' '.join(filter(None, (vertical, horizontal))) or 'middle'}"
