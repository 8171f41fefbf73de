"""Samples by geometry, where the browser has a picture of them only: what was drawn around, what lies nearest."""

from collections.abc import Callable
from typing import Any

import numpy as np

from viewer.projects import Category
from viewer.scene.points.columns import Place, positions
from viewer.scene.points.filters import passing
from viewer.state import State, decode

COMBINED: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "replace": lambda _before, inside: inside,
    "append": np.logical_or,
    "intersect": np.logical_and,
    "subtract": lambda before, inside: before & ~inside,
}


def nearest(category: Category, state: State, place: Place, at: tuple[float, float], reach: tuple[float, float]) -> int:
    """The row of the sample that is nearest on the screen and passes the filters, or -1.

    Args:
        category: Where to look.
        state: Its filters.
        place: Which embedding and axes.
        at: The point looked from, in the embedding.
        reach: How far along each axis, in the embedding's units: the same distance on the screen.

    Returns:
        The row, or -1 if none lies within the ellipse of `reach`.
    """
    points = positions(category, place)
    near = np.flatnonzero(np.abs(points[:, 0] - at[0]) <= reach[0])  # a strip of the picture: a few thousand points
    near = near[passing(category, state)[near]]
    far = (((points[near] - at) / reach) ** 2).sum(axis=1)
    return int(near[far.argmin()]) if len(far) and far.min() <= 1 else -1


def brushed(category: Category, state: State, place: Place, geometry: Any, mode: str) -> np.ndarray:
    """The rows selected after something was drawn around points, as a mask."""
    before = category.rows(decode(state.selection))
    return COMBINED[mode](before, inside(positions(category, place), geometry))


def inside(points: np.ndarray, geometry: Any) -> np.ndarray:
    """Which points lie in a box or within a line drawn around them (even-odd rule)."""
    if geometry.get("type") == "rect":
        low, high = (geometry["x0"], geometry["y0"]), (geometry["x1"], geometry["y1"])
        return _within(points, np.minimum(low, high), np.maximum(low, high))
    if geometry.get("type") != "poly":
        return np.zeros(len(points), bool)
    corners = np.column_stack([geometry["x"], geometry["y"]]).astype(float)[-2000:]
    near = _within(points, corners.min(axis=0), corners.max(axis=0))
    found = np.zeros(len(points), bool)
    found[near] = _odd_crossings(points[near], corners)
    return found


def _within(points: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    return np.all((points >= low) & (points <= high), axis=1)


def _odd_crossings(points: np.ndarray, corners: np.ndarray) -> np.ndarray:
    odd = np.zeros(len(points), bool)
    x, y = points.T
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        if y0 != y1:
            odd ^= ((y0 > y) != (y1 > y)) & (x < (x1 - x0) * (y - y0) / (y1 - y0) + x0)
    return odd
