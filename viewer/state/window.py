"""The part of an embedding that a plot shows, as numbers and as text."""

from typing import NamedTuple

import numpy as np

MARGIN = 0.05  # of the embedding's extent, free on each side


class Window(NamedTuple):
    left: float
    right: float
    bottom: float
    top: float

    @property
    def origin(self) -> tuple[float, float]:
        return self.left, self.bottom

    @property
    def size(self) -> tuple[float, float]:
        return self.right - self.left, self.top - self.bottom

    def holds(self, points: np.ndarray) -> np.ndarray:
        """Which of `points (sample, 2)` lie inside."""
        return np.all((points >= self.origin) & (points <= (self.right, self.top)), axis=1)


def whole(points: np.ndarray) -> Window:
    """All of `points (sample, 2)`, and a margin; what is not finite does not count."""
    finite = points[np.isfinite(points).all(axis=1)].astype(np.float64)
    if not len(finite):
        return Window(0.0, 1.0, 0.0, 1.0)
    low, high = finite.min(axis=0), finite.max(axis=0)
    margin = np.where(high > low, MARGIN * (high - low), 0.5)
    (left, bottom), (right, top) = (low - margin).tolist(), (high + margin).tolist()
    return Window(left, right, bottom, top)


def read(text: str) -> Window:
    """The window that `write` wrote; ValueError for any other text.

    >>> read("-1,2,0,0.5").size
    (3.0, 0.5)
    """
    try:
        left, right, bottom, top = map(float, text[:200].split(","))
    except ValueError:
        left, right, bottom, top = np.nan, np.nan, np.nan, np.nan
    if not (np.isfinite([left, right, bottom, top]).all() and left < right and bottom < top):
        raise ValueError("a window is left, right, bottom, top: four numbers with commas between")
    return Window(left, right, bottom, top)


def write(window: Window) -> str:
    """Nine digits are finer than what is stored of a point.

    >>> write(Window(0, 1 / 3, -1, 1))
    '0,0.333333333,-1,1'
    """
    return ",".join(f"{number:.9g}" for number in window)
