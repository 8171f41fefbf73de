"""What the scatter plot shows: one array a column, one row a sample, in the order of the category's file."""

import numpy as np

from viewer import colours
from viewer.project import Category
from viewer.state import State


def geometry(category: Category, state: State) -> dict[str, np.ndarray]:
    """Positions and sample ids: sent once for an embedding."""
    points = category.embeddings[state.embedding]
    return {"x": _axis(points, state.x), "y": _axis(points, state.y), "sample": category.sample.astype(np.float64)}


def colour(category: Category, state: State) -> np.ndarray:
    """One packed colour a row."""
    groups = category.clusterings.get(state.clustering, np.zeros(len(category.sample), np.int32))
    return colours.packed(colours.group_colours(groups))


def columns(category: Category, state: State) -> dict[str, np.ndarray]:
    return geometry(category, state) | {"color": colour(category, state)}


def _axis(points: np.ndarray, axis: int) -> np.ndarray:
    if axis >= points.shape[1]:  # a one-dimensional embedding has no second axis
        return np.zeros(len(points), np.float32)
    return np.ascontiguousarray(points[:, axis])
