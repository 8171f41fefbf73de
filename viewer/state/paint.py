"""Colours that a person gave to single groups, as one text."""

import re
from collections.abc import Iterable

PAINT = re.compile(r"-?\d{1,9}:[0-9a-f]{6}(,-?\d{1,9}:[0-9a-f]{6})*")


def painted(text: str) -> dict[int, tuple[int, int, int]]:
    """Group -> the colour it was given; ValueError for a text that is no such list.

    >>> painted("0:ff0000,-1:000080")
    {0: (255, 0, 0), -1: (0, 0, 128)}
    """
    if text and not PAINT.fullmatch(text):
        raise ValueError("colours of groups are a list like 0:ff0000,7:00aa00")
    pairs = (pair.split(":") for pair in text.split(",") if text)
    return {int(number): (int(c[:2], 16), int(c[2:4], 16), int(c[4:], 16)) for number, c in pairs}


def repaint(text: str, number: int, colour: str) -> str:
    """`text` with one group's colour changed; `colour` as the browser has it, #rrggbb."""
    return ",".join(f"{n}:{css(c)[1:]}" for n, c in (painted(text) | painted(f"{number}:{colour[1:]}")).items())


def css(colour: Iterable[int]) -> str:
    return "#" + bytes(colour).hex()
