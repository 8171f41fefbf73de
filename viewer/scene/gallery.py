"""Which samples the gallery shows, and in what order: the selected ones, one page at a time."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from viewer.pictures.pictures import mass
from viewer.projects import Category, Project
from viewer.scene.points.grouping import cluster_colour
from viewer.state import State, decode, encode

MOST_READ = 1000  # samples whose relevance is read to sort by it


class Tile(NamedTuple):
    sample: int
    cluster: int | None
    colour: str  # of the cluster
    label: str
    prediction: str
    confidence: float | None
    wrong: bool = False
    """Whether the prediction is not the label, or none of several."""


class Gallery(NamedTuple):
    tiles: list[Tile]
    first: int  # number of tiles before this page
    total: int
    note: str = ""


def gallery(project: Project, category: Category, state: State) -> Gallery:
    """The tiles of the page that the state is at."""
    rows, note = ordered(project, category, state)
    first = min(state.page, max(0, len(rows) - 1) // state.page_size) * state.page_size
    shown = rows[first : first + state.page_size]
    return Gallery([tile(project, category, state, int(row)) for row in shown], first, len(rows), note)


def ordered(project: Project, category: Category, state: State) -> tuple[np.ndarray, str]:
    """The selected rows in the order asked for, and what has to be said about it."""
    rows = np.flatnonzero(category.rows(decode(state.selection)))
    if state.sort == "file" or not len(rows):
        return rows, ""
    if state.sort in ("confident", "unsure") and "confidence" not in category.variables:
        return rows, "unsorted: this project does not know its model's confidence"
    if state.sort == "relevance":
        if len(rows) > MOST_READ:
            return rows, f"unsorted: more than {MOST_READ} samples to read"
        return rows[np.argsort(-relevance(project, category, rows, state), kind="stable")], ""
    return rows[np.argsort(ORDERS[state.sort](project, category, rows), kind="stable")], ""


def distance(category: Category, rows: np.ndarray) -> np.ndarray:
    """How unusual each of `rows` is: by its likelihood where the analysis tells it, else by how far it lies from their
    mean, in the space that clusters were found in if it is there."""
    if "log_likelihood" in category.data:
        return -category.data["log_likelihood"].values[rows]
    space = category.embeddings.get("spectral", next(iter(category.embeddings.values())))[rows]
    return np.linalg.norm(space - space.mean(axis=0), axis=1)


def relevance(project: Project, category: Category, rows: np.ndarray, state: State) -> np.ndarray:
    ids = category.sample[rows]
    masses = np.empty(len(ids))
    masses[np.argsort(ids, kind="stable")] = mass(project, state.method, encode(ids))
    return masses


ORDERS: dict[str, Callable[[Project, Category, np.ndarray], np.ndarray]] = {
    "random": lambda _project, _category, rows: np.random.default_rng(0).permutation(len(rows)),
    "typical": lambda _project, category, rows: distance(category, rows),
    "unusual": lambda _project, category, rows: -distance(category, rows),
    "confident": lambda _project, category, rows: -category.variables["confidence"][rows],
    "unsure": lambda _project, category, rows: category.variables["confidence"][rows],
}


def tile(project: Project, category: Category, state: State, row: int) -> Tile:
    groups, confidence = category.clusterings.get(state.clustering), category.variables.get("confidence")
    cluster = None if groups is None else int(groups[row])
    return Tile(
        int(category.sample[row]),
        cluster,
        "" if cluster is None else cluster_colour(state, cluster),
        _label(project, category, "label", row),
        _label(project, category, "prediction", row),
        None if confidence is None else float(confidence[row]),
        _is_wrong(category, row),
    )


def _is_wrong(category: Category, row: int) -> bool:
    label, prediction = (category.variables.get(name) for name in ("label", "prediction"))
    if category.labels:
        return prediction is not None and category.variables["correct"][row] == "wrong"
    return prediction is not None and (label is None or bool(label[row] != prediction[row]))


def _label(project: Project, category: Category, variable: str, row: int) -> str:
    values = category.variables.get(variable)
    return "" if values is None else project.label_text(values[row])


def step(project: Project, category: Category, state: State, by: int) -> int | None:
    """The sample `by` places after the one in focus, within the selection (the whole category if none is selected)."""
    rows, _ = ordered(project, category, state)
    ids = category.sample[rows] if len(rows) else category.sample
    at = np.flatnonzero(ids == state.focus)
    return int(ids[(at[0] + by) % len(ids)]) if len(at) else int(ids[0]) if len(ids) else None
