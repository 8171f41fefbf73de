"""Signals: a row for each channel, the curve over the colours of its relevance; seconds below, where they are known."""

import itertools

import numpy as np
from markupsafe import Markup

from spray.colour import pixels as colours
from spray.pictures import markup as html
from spray.pictures.axes import GREY, ROOM, known, time_axis
from spray.pictures.drawing import number, picture, sheet, shortened, signed, words
from spray.pictures.given import SIDE, Given

COLUMNS = 240  # in time: each shows what lies in it from the least to the largest
MOST_ROWS = 24  # channels that have a row of their own


def draw(given: Given) -> bytes:
    shown = next(values for values in (given.image, given.relevance) if values is not None)
    rows, steps = min(len(np.atleast_2d(shown)), MOST_ROWS), np.shape(shown)[-1]
    rate, unit = known(given.beside, "sampling_rate"), given.beside.get("unit")
    bottom = SIDE - (ROOM if rate else 0)
    height = bottom / rows
    names = given.beside.get("channel_name", ())
    parts: list[Markup] = []
    if given.relevance is not None:
        strips = _columns(np.atleast_2d(signed(given.relevance, given.look))[:rows], np.mean)
        shaded = colours.heatmap(strips, given.look.colour_map)
        parts += [picture(shaded, 0, 0, SIDE, bottom)]
    for row in range(rows):
        if given.image is not None:
            parts.append(_curve(np.atleast_2d(given.image)[row], row * height, height))
            if unit is not None and not unit.ndim:
                parts.append(_reach(np.atleast_2d(given.image)[row], str(unit), row * height, height))
        if row < len(names):
            parts.append(words(shortened(names[row], 12), 2, row * height + min(10, height), size=min(9, height)))
    parts += time_axis(steps, rate, 0, SIDE, bottom) if rate else []
    left = len(np.atleast_2d(shown)) - rows
    told = f", {number(steps / rate)} s at {number(rate)} Hz" if rate else ""
    return sheet(parts, title=f"{rows} channels" + (f" of {rows + left}" if left else "") + told)


def _curve(values: np.ndarray, top: float, height: float) -> Markup:
    """From the least to the largest value in each column, so that no spike is lost."""
    finite, low, high = _limits(values)
    least, most = (_columns(finite[None], reduce)[0] for reduce in (np.min, np.max))
    scale = (height - 4) / ((high - low) or 1)
    step = SIDE / len(least)
    points = (
        f"{(at + 0.5) * step:.1f},{top + height - 2 - (value - low) * scale:.1f}"
        for at, pair in enumerate(zip(least, most, strict=True))
        for value in (pair if at % 2 else pair[::-1])
    )
    return html.tag("polyline", points=" ".join(points), fill="none", stroke="#1c1c1c", stroke_width=0.8)


def _reach(values: np.ndarray, unit: str, top: float, height: float) -> Markup:
    """Which values the row reaches from and to: each has a scale of its own."""
    _, low, high = _limits(values)
    text, size = shortened(f"{number(low)} to {number(high)} {unit}", 24), min(8, height)
    return words(text, SIDE - 2, top + min(9, height), size=size, fill=GREY, text_anchor="end")


def _limits(values: np.ndarray) -> tuple[np.ndarray, float, float]:
    """The values, and what the row's height stands for: zero is always in it."""
    finite = np.nan_to_num(values.astype(np.float64), posinf=0, neginf=0)
    return finite, finite.min(initial=0), finite.max(initial=0)


def _columns(rows: np.ndarray, reduce: object) -> np.ndarray:
    """`(row, column)` of what lies in each of up to `COLUMNS` columns."""
    edges = np.linspace(0, rows.shape[1], min(COLUMNS, rows.shape[1]) + 1).round().astype(int)
    pieces = [rows[:, start:end] for start, end in itertools.pairwise(edges)]
    return np.stack([reduce(piece, axis=1) for piece in pieces], 1)  # type: ignore[operator]
