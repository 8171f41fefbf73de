"""Labels of samples as files have them: numbers or names of classes, one a sample or several."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

Label = int | frozenset[int]
"""One class; or the classes of a sample that may have several."""


def classes_of(values: Sequence[Any], where: Callable[[int], str]) -> tuple[list[Label], list[str]]:
    """Labels as numbers of classes, and the names of the classes where they have any.

    Args:
        values: A whole number or a name each; or a list of them each, where samples may have several.
        where: The place of a value, for messages.

    Returns:
        Numbers as they are; names by their place in the alphabet, which comes along.

    Raises:
        ValueError: One is missing, is something else, or unlike the others.

    Example:
        >>> classes_of(["cat", "dog", "cat"], "row {}".format)
        ([0, 1, 0], ['cat', 'dog'])
        >>> classes_of([[3, 0], []], "row {}".format)
        ([frozenset({0, 3}), frozenset()], [])
        >>> classes_of([1, None], "row {}".format)
        Traceback (most recent call last):
        ValueError: row 1 has no label: leave it out
    """
    several = bool(values) and isinstance(values[0], list | tuple)
    for at, value in enumerate(values):
        if isinstance(value, list | tuple) != several:
            raise ValueError(
                f"{where(at)} has the label {value!r}, others {values[0]!r}: give all of them lists, or none"
            )
    lists: list[Iterable[Any]] = [value if several else [value] for value in values]
    plain = [[_plain(one, where(at)) for one in found] for at, found in enumerate(lists)]
    texts = {isinstance(one, str) for found in plain for one in found}
    if len(texts) > 1:
        at = next(at for at, found in enumerate(plain) if any(isinstance(one, str) for one in found))
        raise ValueError(f"{where(at)} has the label {values[at]!r}, others are numbers: give one of both")
    names = sorted({str(one) for found in plain for one in found}) if True in texts else []
    number = {name: at for at, name in enumerate(names)}
    numbers = [[number[one] if isinstance(one, str) else one for one in found] for found in plain]
    return [frozenset(found) if several else found[0] for found in numbers], names


def of_columns(columns: np.ndarray, where: Callable[[int], str]) -> list[Label]:
    """The classes whose columns are 1, of rows of zeros and ones.

    Raises:
        ValueError: There is another number.

    Example:
        >>> of_columns(np.array([[0, 1, 1], [0, 0, 0]]), "row {}".format)
        [frozenset({1, 2}), frozenset()]
    """
    for at, row in enumerate(columns):
        if not np.isin(row, (0, 1)).all():
            raise ValueError(f"{where(at)} has the labels {row.tolist()}: several columns of labels hold 0 or 1 each")
    return [frozenset(map(int, np.flatnonzero(row))) for row in columns]


def _plain(value: Any, where: str) -> int | str:
    value = value.item() if isinstance(value, np.generic) else value
    if value is None or value != value or value == "":
        raise ValueError(f"{where} has no label: leave it out")
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int) or (isinstance(value, float) and value.is_integer()):
        return int(value)
    raise ValueError(f"{where} has the label {value!r}: give a whole number or a name")
