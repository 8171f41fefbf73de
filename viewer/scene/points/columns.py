"""What the scatter plots show: one array a column, one row a sample, in the order of the category's file."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from viewer.projects import Category
from viewer.scene.points.filters import passing
from viewer.scene.points.grouping import grouping
from viewer.state import State, Window, window

FAINT = 0x14  # opacity of what the filters leave out: there, but in the background


class Place(NamedTuple):
    """What one of the two plots shows; without an embedding it is not there."""

    embedding: str
    x: int
    y: int
    window: str


def places(state: State) -> dict[str, Place]:
    """Name of each plot -> what it shows."""
    return {
        "scatter": Place(state.embedding, state.x, state.y, state.window),
        "beside_plot": Place(state.beside, state.beside_x, state.beside_y, state.beside_window),
    }


def positions(category: Category, place: Place) -> np.ndarray:
    """(sample, 2), read-only."""
    return _positions(category, *place[:3])


@lru_cache(maxsize=8)
def _positions(category: Category, embedding: str, x: int, y: int) -> np.ndarray:
    points = category.embeddings[embedding]
    found = np.stack([axis(points, x), axis(points, y)], axis=1)
    found.flags.writeable = False
    return found


def whole_window(category: Category, place: Place) -> Window:
    """All that there is."""
    return _whole(category, *place[:3])


@lru_cache(maxsize=64)
def _whole(category: Category, embedding: str, x: int, y: int) -> Window:
    return window.whole(_positions(category, embedding, x, y))


def shown_window(category: Category, place: Place) -> Window:
    """What the state asks for, else all."""
    return window.read(place.window) if place.window else whole_window(category, place)


def geometry(category: Category, state: State) -> dict[str, np.ndarray]:
    """Positions and sample ids: sent once for an embedding, as binary."""
    beside = category.embeddings.get(state.beside)
    nothing = np.zeros(len(category.sample), np.uint8)  # the smallest column there is
    points = category.embeddings[state.embedding]
    return {
        "x": axis(points, state.x),
        "y": axis(points, state.y),
        "beside_x": nothing if beside is None else axis(beside, state.beside_x),
        "beside_y": nothing if beside is None else axis(beside, state.beside_y),
        "sample": category.sample.astype(np.float64),
    }


def colour(category: Category, state: State) -> np.ndarray:
    """One 0xRRGGBBAA a row."""
    words = grouping(category, state).colours
    return np.where(passing(category, state), words, words & np.uint32(0xFFFFFF00) | np.uint32(FAINT))


def columns(category: Category, state: State) -> dict[str, np.ndarray]:
    return geometry(category, state) | {"color": colour(category, state)}


def axis(points: np.ndarray, number: int) -> np.ndarray:
    if number >= points.shape[1]:  # a one-dimensional embedding has no second axis
        return np.zeros(len(points), np.float32)
    return np.ascontiguousarray(points[:, number])
