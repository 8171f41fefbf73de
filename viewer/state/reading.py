"""Text from outside becomes a state here and nowhere else; what is of no use is a warning and not an error."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any, NamedTuple

from spray.colour.colormap import palette
from viewer.state import filters, window
from viewer.state.paint import painted
from viewer.state.selection import decode
from viewer.state.state import BOUNDS, CHOICES, State

LONGEST_NAME = 1000
LONGEST_SELECTION = 4 << 20


class Read(NamedTuple):
    state: State
    warnings: tuple[str, ...] = ()


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_NAME:
        raise ValueError(f"text of at most {LONGEST_NAME} characters is needed")
    return value


def integer(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str) or len(str(value)) > 20:
        raise ValueError("a whole number is needed")
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise ValueError("the number is too large")
    return number


def _natural(value: Any) -> int:
    if not 0 <= (number := integer(value)) < 2**31:
        raise ValueError("a number from 0 is needed")
    return number


def _optional(value: Any) -> int | None:
    return None if value in (None, "") else integer(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not math.isfinite(number := float(value)):
        raise ValueError("a finite number is needed")
    return number


def _optional_number(value: Any) -> float | None:
    return None if value in (None, "") else _number(value)


def _selection(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_SELECTION:
        raise ValueError("a selection of samples is needed")
    if not value.startswith("@"):  # the name of a selection that is kept beside the project (links.py)
        decode(value)
    return value


def _window(value: Any) -> str:
    text = _text(value)
    return text and window.write(window.read(text))


def _place(value: Any) -> str:
    text = _text(value)
    if text and not re.fullmatch(r"\d{1,9}(,\d{1,9}){2}", text):
        raise ValueError("three numbers are needed")
    return text


def _filter(value: Any) -> str:
    text = _text(value)
    return filters.text(filters.parsed(text))


def _colour_map(value: Any) -> str:
    source = _text(value)
    palette(source)
    return source


def _scale(value: Any) -> str:
    return "" if value == "" else _colour_map(value)


def _paint(value: Any) -> str:
    text = _text(value)
    painted(text)
    return text


READ: dict[str, Callable[[Any], Any]] = {
    "str": _text,
    "int": _natural,
    "int | None": _optional,
    "float": _number,
    "float | None": _optional_number,
}
FIELDS = {f.name: READ[f.type.__name__ if isinstance(f.type, type) else str(f.type)] for f in fields(State)}
FIELDS |= {"selection": _selection, "window": _window, "beside_window": _window}
FIELDS |= {"place": _place, "colour_map": _colour_map, "scale": _scale, "paint": _paint, "filter": _filter}


def read(values: Mapping[str, Any]) -> Read:
    """The state that `values` describe; every name or value of no use is a warning and not an error."""
    good, warnings = {}, []
    for name, value in values.items():
        try:
            good[name] = _value(name, value)
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            reason = "no such setting" if isinstance(error, KeyError) else str(error)
            warnings.append(f"{name[:40]!r} was ignored: {reason}")
    return Read(State(**good), tuple(warnings))


def _value(name: str, value: Any) -> Any:
    found = FIELDS[name](value)
    low, high = BOUNDS.get(name, (0, 0))
    if name in BOUNDS and not low <= found <= high:
        raise ValueError(f"it must lie between {low} and {high}")
    if name in CHOICES and found not in CHOICES[name]:
        raise ValueError(f"it must be one of {', '.join(map(str, CHOICES[name]))}")
    return found
