"""Which samples pass the filters of a state."""

import operator
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np

from viewer.projects import Category
from viewer.state import State, decode, encode, filters
from viewer.state.filters import Filter

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}
NAMED = ("label", "prediction", "target")  # classes: found by their names too


def passing(category: Category, state: State) -> np.ndarray:
    """A read-only mask over the category's rows; a filter on what the project does not know passes all."""
    chosen = {"label": state.label, "prediction": state.predicted, "correct": state.correct}
    return _passing(category, tuple(chosen.items()), (state.least, state.most), state.filter)


@lru_cache(maxsize=32)
def _passing(
    category: Category, chosen: tuple[tuple[str, str], ...], confidence: tuple[float, float], typed: str
) -> np.ndarray:
    rows = np.ones(len(category.sample), bool)
    for variable, wanted in chosen:
        if wanted and variable == "label" and category.labels:
            rows &= category.labels.get(wanted, np.zeros(len(rows), bool))
        elif wanted and variable in category.variables:
            rows &= category.variables[variable].astype(str) == wanted
    if confidence != (0, 1) and "confidence" in category.variables:
        least, most = confidence
        rows &= (category.variables["confidence"] >= least) & (category.variables["confidence"] <= most)
    for test in filters.parsed(typed):
        rows &= matches(category, test)
    rows.flags.writeable = False
    return rows


def matches(category: Category, test: Filter) -> np.ndarray:
    """The rows that one filter lets pass; ValueError for a variable or a value of no use."""
    if not test.variable:
        return _searched(category, test.value)
    if test.variable not in (known := {"sample": category.sample, **category.variables}):
        raise ValueError(f"there is no variable {test.variable!r}: there are {', '.join(known)}")
    if test.variable == "label" and category.labels and test.operator in ("=", "!="):
        return _labelled(category, test)
    values = known[test.variable]
    if test.operator in COMPARE:
        return COMPARE[test.operator](values, _like(values, test.value))
    if test.operator == "~":
        return _by_value(category, test.variable, values, lambda text: test.value.casefold() in text.casefold())
    wanted = {test.value, *test.value.split("|")}
    found = _by_value(category, test.variable, values, lambda text: text in wanted)
    if values.dtype.kind in "fiub":
        found |= np.isin(values.astype(float), [number for one in wanted if (number := _number(one)) is not None])
    return ~found if test.operator == "!=" else found


def _labelled(category: Category, test: Filter) -> np.ndarray:
    """Of several labels, the samples that have one of those named, by number or name, or all."""
    wanted = {test.value, *test.value.split("|")}
    found = np.isin(category.variables["label"].astype(str), list(wanted))
    for number, mask in category.labels.items():
        if number in wanted or category.label_text(number) in wanted:
            found |= mask
    return ~found if test.operator == "!=" else found


def _searched(category: Category, word: str) -> np.ndarray:
    """Samples of this id, or with this word in any text."""
    found = category.sample.astype(str) == word.removeprefix("#")
    for name, values in category.variables.items():
        if values.dtype.kind in "OU" or name in NAMED:
            found |= _by_value(category, name, values, lambda text: word.casefold() in text.casefold())
    return found


def _by_value(category: Category, name: str, values: np.ndarray, wanted: Callable[[str], bool]) -> np.ndarray:
    """Each value is looked at once, as the project has it and, of classes, by name too."""
    different, at = np.unique(values.astype(str), return_inverse=True)
    named = category.label_text if name in NAMED else str
    return np.array([wanted(text) or wanted(named(text)) for text in different.tolist()], bool)[at]


def _like(values: np.ndarray, text: str) -> object:
    """A value to compare with, of the variable's own type."""
    if values.dtype.kind in "OUS":
        return text
    if values.dtype.kind == "M":
        return np.datetime64(text)
    if (number := _number(text)) is None:
        raise ValueError(f"{text!r} is no number")
    return number


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def narrowed(category: Category, state: State) -> str:
    """The selection, less what the filters leave out: nothing stays selected that cannot be."""
    keep = category.rows(decode(state.selection)) & passing(category, state)
    return encode(category.sample[keep])


def is_filtered(state: State) -> bool:
    return bool(state.label or state.predicted or state.correct or state.filter or (state.least, state.most) != (0, 1))


@lru_cache(maxsize=64)
def values(category: Category, variable: str) -> tuple[str, ...]:
    """What a variable can be filtered by, in the order of its values."""
    if variable == "label" and category.labels:
        return tuple(category.labels)
    found = category.variables.get(variable)
    return () if found is None else tuple(str(value) for value in np.unique(found))
