"""Which samples the gallery shows, and in what order: the selected ones, one page at a time."""

from typing import NamedTuple

import numpy as np

from viewer.project import Category, Project
from viewer.selection import decode
from viewer.state import State


class Tile(NamedTuple):
    sample: int
    cluster: int | None
    label: str
    prediction: str


class Gallery(NamedTuple):
    tiles: list[Tile]
    first: int  # number of tiles before this page
    total: int


def gallery(project: Project, category: Category, state: State) -> Gallery:
    """The tiles of the page that the state is at."""
    rows = np.flatnonzero(category.rows(decode(state.selection)))
    first = min(state.page, max(0, len(rows) - 1) // state.page_size) * state.page_size
    shown = rows[first : first + state.page_size]
    return Gallery([tile(project, category, state, int(row)) for row in shown], first, len(rows))


def tile(project: Project, category: Category, state: State, row: int) -> Tile:
    groups = category.clusterings.get(state.clustering)
    return Tile(
        int(category.sample[row]),
        None if groups is None else int(groups[row]),
        _label(project, category, "label", row),
        _label(project, category, "prediction", row),
    )


def _label(project: Project, category: Category, variable: str, row: int) -> str:
    values = category.variables.get(variable)
    return "" if values is None else project.label_text(values[row])
