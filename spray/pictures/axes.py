"""Axes of drawings: round numbers along a length, with their unit."""

from collections.abc import Mapping

import numpy as np
from markupsafe import Markup

from spray.pictures import markup as html
from spray.pictures.drawing import words

ROOM = 13  # that an axis takes below or beside what is drawn
MOST = 6  # numbers on an axis
PREFIX = ((1e6, "M"), (1e3, "k"), (1.0, ""), (1e-3, "m"), (1e-6, "µ"), (1e-9, "n"))
GREY = "#5a5a5a"


def known(beside: Mapping[str, np.ndarray], name: str) -> float | None:
    """A number above zero that is said beside samples; None where it is not said, or is none.

    >>> known({"sampling_rate": np.asarray(250.0)}, "sampling_rate"), known({}, "sampling_rate")
    (250.0, None)
    """
    found = np.asarray(beside.get(name, np.nan))
    if found.ndim or found.dtype.kind not in "fiu" or not np.isfinite(found) or found <= 0:
        return None
    return float(found)


def ticks(low: float, high: float, most: int = MOST) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten, at most so many.

    >>> ticks(0, 4), ticks(0, 0.018, 4)
    ([0.0, 1.0, 2.0, 3.0, 4.0], [0.0, 0.005, 0.01, 0.015])
    """
    if not high > low:
        return [float(low)]
    power = 10.0 ** np.floor(np.log10((high - low) / most))
    for step in (power, 2 * power, 5 * power, 10 * power):
        first, last = np.ceil(low / step - 1e-9), np.floor(high / step + 1e-9)
        if last - first < most:
            break
    return [float(f"{at * step + 0.0:.9g}") for at in np.arange(first, last + 1)]  # + 0.0: there is no -0


def in_unit(values: list[float], unit: str) -> tuple[list[str], str]:
    """Numbers as people read them, and the unit with the prefix that makes them short.

    >>> in_unit([0.0, 0.005, 0.01], "s"), in_unit([0.0, 2000.0], "Hz")
    ((['0', '5', '10'], 'ms'), (['0', '2'], 'kHz'))
    """
    largest = max(map(abs, values), default=0) or 1.0
    size, prefix = next((pair for pair in PREFIX if largest >= pair[0]), PREFIX[-1])
    return [f"{value / size:.6g}" for value in values], prefix + unit


def time_axis(steps: int, rate: float, left: float, right: float, top: float) -> list[Markup]:
    """Seconds below what is drawn: step t is at t / rate, and has a column of its own between `left` and `right`."""
    column = (right - left) / steps
    found = ticks(0, (steps - 1) / rate)
    numbers, unit = in_unit(found, "s")
    parts = [html.tag("line", x1=f"{left:g}", x2=f"{right:g}", y1=f"{top:g}", y2=f"{top:g}", stroke=GREY)]
    for at, (value, said) in enumerate(zip(found, numbers, strict=True)):
        x = left + (value * rate + 0.5) * column
        parts.append(html.tag("line", x1=f"{x:.1f}", x2=f"{x:.1f}", y1=f"{top:g}", y2=f"{top + 3:g}", stroke=GREY))
        last = at == len(found) - 1
        anchor = "start" if x < left + 8 else "end" if x > right - 16 else "middle"
        text = f"{said} {unit}" if last else said
        parts.append(words(text, x, top + 11, size=8.5, fill=GREY, text_anchor=anchor))
    return parts
