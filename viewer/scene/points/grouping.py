"""Samples by colour: the clusters of a clustering, the values of any variable, or a scale of numbers."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from viewer.projects import Category, Project
from viewer.scene.points import colours
from viewer.state import State
from viewer.state.paint import css, painted

MOST_VALUES = 200  # more different numbers than this are a scale
MOST_CLASSES = 10_000  # of a label or a prediction: each has a name
CLASSES = ("label", "prediction", "target")
CORRECT = {"right": (0x5B, 0x7D, 0xB1), "wrong": (0xD5, 0x5E, 0x00)}


class Group(NamedTuple):
    number: int
    name: str
    size: int
    selected: int
    colour: str


class Scale(NamedTuple):
    low: float
    high: float
    colour_map: str


class Grouping(NamedTuple):
    """What colours mean. `at` is each row's place in `values`; a scale has neither."""

    colours: np.ndarray
    values: np.ndarray
    at: np.ndarray
    scale: Scale | None = None


COLOURED_BY = ("colour", "paint", "scale", "low", "high")
NO_GROUPS = np.empty(0), np.empty(0, int)  # a scale has no groups


def variables(category: Category) -> list[str]:
    """What samples can be coloured by, besides their cluster."""
    return [name for name in category.variables if name not in ("part", "row")]


def grouping(category: Category, state: State) -> Grouping:
    """How the state colours a category's rows."""
    if state.colour == "cluster" or state.colour not in category.variables:
        return cluster_grouping(category, state.clustering, state.paint)
    return _grouping(category, State(**{name: getattr(state, name) for name in COLOURED_BY}))


@lru_cache(maxsize=8)
def _grouping(category: Category, state: State) -> Grouping:
    values = category.variables[state.colour]
    most = MOST_CLASSES if state.colour in CLASSES else MOST_VALUES
    if values.dtype.kind == "f" or (values.dtype.kind in "iu" and len(np.unique(values)) > most):
        scale = _scale(values, state)
        return Grouping(colours.packed(colours.scale_colours(values.astype(float), *scale)), *NO_GROUPS, scale)
    texts = values.astype(str) if values.dtype.kind in "OSUb" else values
    different, at = np.unique(texts, return_inverse=True)
    table = np.array([_value_colour(state, value, n) for n, value in enumerate(different)], np.uint8)
    return Grouping(colours.packed(table.reshape(-1, 3)[at]), different, at)


@lru_cache(maxsize=16)
def cluster_grouping(category: Category, clustering: str, paint: str = "") -> Grouping:
    groups = category.clusterings.get(clustering, np.zeros(len(category.sample), np.int32))
    numbers, at = np.unique(groups, return_inverse=True)
    given = painted(paint)
    table = np.array([given.get(n, colours.group_colour(n)) for n in numbers.tolist()], np.uint8).reshape(-1, 3)
    return Grouping(colours.packed(table[at]), numbers, at)


def clusters(category: Category, state: State, selected: np.ndarray) -> list[Group]:
    """By number, noise last; `selected` is a mask over the category's rows."""
    if state.clustering not in category.clusterings:
        return []
    found = cluster_grouping(category, state.clustering)
    sizes, chosen = _counts(found, selected)
    listed = [
        Group(int(n), cluster_name(int(n)), int(size), int(part), cluster_colour(state, int(n)))
        for n, size, part in zip(found.values, sizes, chosen, strict=True)
    ]
    return sorted(listed, key=lambda group: (group.number < 0, group.number))


def groups(project: Project, category: Category, state: State, selected: np.ndarray) -> list[Group]:
    """The values of the variable that colours show; none for a scale."""
    found = grouping(category, state)
    sizes, chosen = _counts(found, selected)
    text = project.label_text if state.colour in CLASSES else str
    return [
        Group(n, text(value), int(sizes[n]), int(chosen[n]), css(_value_colour(state, value, n)))
        for n, value in enumerate(found.values)
    ]


def cluster_name(number: int) -> str:
    return "noise" if number < 0 else f"cluster {number}"


def cluster_colour(state: State, number: int) -> str:
    given = painted(state.paint) if state.colour == "cluster" else {}
    return css(given.get(number, colours.group_colour(number)))


def _value_colour(state: State, value: object, number: int) -> tuple[int, int, int]:
    if number in (given := painted(state.paint)):
        return given[number]
    if state.colour == "correct" and str(value) in CORRECT:
        return CORRECT[str(value)]
    if state.colour in CLASSES and isinstance(value, np.integer | int):
        return colours.group_colour(int(value))  # a class keeps its colour in every category
    return colours.group_colour(number)


def _scale(values: np.ndarray, state: State) -> Scale:
    low, high, source = colours.automatic(values.astype(float))
    low, high = (low if state.low is None else state.low), (high if state.high is None else state.high)
    return Scale(low, high, state.scale or source)


def _counts(found: Grouping, selected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n = len(found.values)
    if not n:
        return np.empty(0, int), np.empty(0, int)
    return np.bincount(found.at, minlength=n), np.bincount(found.at[selected], minlength=n)
