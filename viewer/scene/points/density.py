"""More points than a browser draws well: how many lie in each pixel, and in which colour; selecting by geometry."""

import os
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from viewer.projects import Category
from viewer.scene.points.columns import Place, colour, positions, shown_window
from viewer.state import State, decode

MOST_POINTS = int(os.environ.get("LRP_VIEWER_POINTS", "200000"))  # points that are drawn one by one
WIDTH, HEIGHT = 480, 320


class Density(NamedTuple):
    """A picture of (height, width) packed colours over an area of the embedding."""

    picture: np.ndarray
    x: float
    y: float
    width: float
    height: float


def is_dense(category: Category) -> bool:
    return len(category.sample) > MOST_POINTS


def density(category: Category, state: State, place: Place) -> Density:
    """Mean colour of the points in each pixel, more opaque where there are more; unselected points fade.

    The pixels divide what is in view, so a closer look shows more.
    """
    points, view = positions(category, place), shown_window(category, place)
    inside = view.holds(points)
    cell = ((points[inside] - view.origin) / view.size * (WIDTH, HEIGHT)).astype(np.int64)
    cell = np.minimum(cell, (WIDTH - 1, HEIGHT - 1))
    at = cell[:, 1] * WIDTH + cell[:, 0]
    words = colour(category, state)[inside]
    weight = (words & 255).astype(np.float64) / 255
    selected = category.rows(decode(state.selection))[inside]
    if selected.any():
        weight = np.where(selected, weight, 0.15 * weight)
    total = np.bincount(at, weight, WIDTH * HEIGHT)
    picture = np.zeros((WIDTH * HEIGHT, 4), np.uint8)
    for channel, shift in enumerate((24, 16, 8)):
        summed = np.bincount(at, weight * (words >> np.uint32(shift) & 255), WIDTH * HEIGHT)
        picture[:, channel] = np.divide(summed, total, out=np.zeros_like(summed), where=total > 0)
    full = np.percentile(total[total > 0], 95) if (total > 0).any() else 1.0
    picture[:, 3] = np.where(total > 0, 60 + 195 * np.sqrt(np.minimum(total / full, 1)), 0)
    return Density(picture.view(np.uint32).reshape(HEIGHT, WIDTH), *view.origin, *view.size)


COMBINED: dict[str, Callable[[np.ndarray, np.ndarray], np.ndarray]] = {
    "replace": lambda _before, inside: inside,
    "append": np.logical_or,
    "intersect": np.logical_and,
    "subtract": lambda before, inside: before & ~inside,
}


def brushed(category: Category, state: State, place: Place, geometry: Any, mode: str) -> np.ndarray:
    """The rows selected after something was drawn around points that are not in the browser, as a mask."""
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
