"""Words of the command line that several commands read."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from spray.recipes import words

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

project_argument = click.argument("project", type=click.Path(path_type=Path))


def measured(units: dict[str, int], what: str) -> Callable[[Any, Any, str | None], float | None]:
    """A click callback that reads a number with a unit.

    Raises:
        click.BadParameter: From the callback: the text is no such number.
    """

    def read(_context: Any, _parameter: Any, text: str | None) -> float | None:
        if text is None:
            return None
        found = re.fullmatch(rf"(\d+(?:\.\d+)?)\s*([{''.join(units)}]?)b?", text.strip().lower())
        if not found or found[2] not in units:
            raise click.BadParameter(
                f"{text!r} is no {what}: give a number and one of {', '.join(filter(None, units))}"
            )
        return float(found[1]) * units[found[2]]

    return read


def read_by(reader: Callable[[str], Any]) -> Callable[[Any, Any, Any], Any]:
    """A click callback that reads each text by `reader`.

    Raises:
        click.BadParameter: From the callback: the reader's ValueError, as the user's error in one line.
    """

    def read(_context: Any, _parameter: Any, given: Any) -> Any:
        try:
            return [reader(text) for text in given] if isinstance(given, tuple) else given and reader(given)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return read


def numbers(text: str) -> tuple[int, ...]:
    """Numbers of clusters.

    Raises:
        ValueError: The text is something else.
    """
    try:
        return words.numbers(text)
    except ValueError:
        raise ValueError(f"{text!r}: give numbers such as 2-8 or 2,3,5") from None
