"""Which samples are drawn as pictures in a plot: all where few are in view, else one where samples lie densest."""

import numpy as np

from viewer.projects import Category
from viewer.scene.points.columns import Place, positions, shown_window
from viewer.scene.points.filters import passing
from viewer.state import State

MOST_MARKERS = 60
CELLS_ACROSS, CELLS_DOWN = 16, 8  # cells of the plot, each a little larger than a picture


def marker_rows(category: Category, state: State, place: Place) -> np.ndarray:
    """At most `MOST_MARKERS` rows, in the order of the file."""
    points, window = positions(category, place), shown_window(category, place)
    rows = np.flatnonzero(window.holds(points) & passing(category, state))
    if len(rows) <= MOST_MARKERS:
        return rows
    columns = CELLS_ACROSS // 2 if state.beside else CELLS_ACROSS  # two plots have half the width each
    at = (points[rows] - window.origin) / window.size * (columns, CELLS_DOWN)
    cell = np.minimum(at.astype(np.int64), (columns - 1, CELLS_DOWN - 1))
    off_centre = np.abs(at - cell - 0.5).max(axis=1)
    number = cell @ (1, columns)
    order = np.lexsort((off_centre, number))  # in each cell the sample nearest to its centre comes first
    _, first, count = np.unique(number[order], return_index=True, return_counts=True)
    densest = np.argsort(-count, kind="stable")[:MOST_MARKERS]
    return np.sort(rows[order[first[densest]]])
