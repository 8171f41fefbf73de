"""Samples by colour: the clusters of a clustering, the values of any variable, or a scale of numbers."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from viewer import colours
from viewer.project import Category, Project
from viewer.state import State

MANY = 200  # more different numbers than this are a scale
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


def variables(category: Category) -> list[str]:
    """What samples can be coloured by, besides their cluster."""
    return [name for name in category.variables if name not in ("part", "row")]


def grouping(category: Category, state: State) -> Grouping:
    """How the state colours a category's rows."""
    if state.colour == "cluster" or state.colour not in category.variables:
        return cluster_grouping(category, state.clustering)
    values = category.variables[state.colour]
    if values.dtype.kind == "f" or (values.dtype.kind in "iu" and len(np.unique(values)) > MANY):
        found, (low, high), source = colours.scale_colours(values.astype(np.float64))
        return Grouping(colours.packed(found), np.empty(0), np.empty(0, int), Scale(low, high, source))
    texts = values.astype(str) if values.dtype.kind in "OSUb" else values
    different, at = np.unique(texts, return_inverse=True)
    table = np.array([_value_colour(state.colour, value, n) for n, value in enumerate(different)], np.uint8)
    return Grouping(colours.packed(table.reshape(-1, 3)[at]), different, at)


@lru_cache(maxsize=16)
def cluster_grouping(category: Category, clustering: str) -> Grouping:
    groups = category.clusterings.get(clustering, np.zeros(len(category.sample), np.int32))
    numbers, at = np.unique(groups, return_inverse=True)
    table = np.array([colours.group_colour(int(number)) for number in numbers], np.uint8).reshape(-1, 3)
    return Grouping(colours.packed(table[at]), numbers, at)


def clusters(category: Category, clustering: str, selected: np.ndarray) -> list[Group]:
    """By number, noise last; `selected` is a mask over the category's rows."""
    if clustering not in category.clusterings:
        return []
    found = cluster_grouping(category, clustering)
    sizes, chosen = _counts(found, selected)
    listed = [
        Group(int(n), cluster_name(int(n)), int(size), int(part), colours.css(colours.group_colour(int(n))))
        for n, size, part in zip(found.values, sizes, chosen, strict=True)
    ]
    return sorted(listed, key=lambda group: (group.number < 0, group.number))


def groups(project: Project, category: Category, state: State, selected: np.ndarray) -> list[Group]:
    """The values of the variable that colours show; none for a scale."""
    found = grouping(category, state)
    sizes, chosen = _counts(found, selected)
    text = project.label_text if state.colour in ("label", "prediction", "target") else str
    return [
        Group(n, text(value), int(sizes[n]), int(chosen[n]), colours.css(_value_colour(state.colour, value, n)))
        for n, value in enumerate(found.values)
    ]


def cluster_name(number: int) -> str:
    return "noise" if number < 0 else f"cluster {number}"


def _value_colour(variable: str, value: object, number: int) -> tuple[int, int, int]:
    if variable == "correct" and str(value) in CORRECT:
        return CORRECT[str(value)]
    if variable in ("label", "prediction", "target") and isinstance(value, np.integer | int):
        return colours.group_colour(int(value))  # a class keeps its colour in every category
    return colours.group_colour(number)


def _counts(found: Grouping, selected: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    n = len(found.values)
    if not n:
        return np.empty(0, int), np.empty(0, int)
    return np.bincount(found.at, minlength=n), np.bincount(found.at[selected], minlength=n)
