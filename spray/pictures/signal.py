"""Signals: a row for each channel, the curve over the colours of its relevance; seconds below, where they are known."""

import itertools

import numpy as np
from markupsafe import Markup

from spray.colour import pixels as colours
from spray.pictures import markup as html
from spray.pictures.axes import GREY, ROOM, known, time_axis
from spray.pictures.drawing import letters, number, picture, sheet, shortened, signed, words
from spray.pictures.given import SIDE, Given

COLUMNS = 240  # in time: each shows what lies in it from the least to the largest
MOST_ROWS = 24  # channels that have a row of their own
MOST_NAMES, REACH = 54, 36  # room for names at the left, and for what a row's height stands for at the right


def draw(given: Given) -> bytes:
    shown = next(np.atleast_2d(values) for values in (given.image, given.relevance) if values is not None)
    rows, steps = min(len(shown), MOST_ROWS), shown.shape[-1]
    names, unit = given.beside.get("channel_name", np.array(()))[:rows], given.beside.get("unit", np.array(0))
    rate = known(given.beside, "sampling_rate")
    bottom = SIDE - (ROOM if rate else 0)
    height = bottom / rows
    size = min(9, height)
    left = min(MOST_NAMES, 4 + 0.62 * size * max((letters(str(name)) for name in names), default=-4 / size))
    reaches = [] if given.image is None or unit.ndim or unit.dtype.kind != "U" else [*map(_reach, shown[:rows])]
    right = SIDE - (REACH if reaches else 0)
    parts: list[Markup] = []
    if given.relevance is not None:
        strips = _columns(np.atleast_2d(signed(given.relevance, given.look))[:rows], np.mean)
        shaded = colours.heatmap(strips, given.look.colour_map)
        parts += [picture(shaded, left, 0, right - left, bottom)]
    if given.image is not None:
        parts += [_curve(values, left, right, row * height, height) for row, values in enumerate(shown[:rows])]
    for row, name in enumerate(names):
        parts.append(words(shortened(name, 9), 2, (row + 0.5) * height + 0.36 * size, size=size))
    for row, reach in enumerate(reaches):
        said = {"size": min(7, height), "fill": GREY, "text_anchor": "end"}
        parts.append(words(shortened(f"{reach:.2g} {unit}", 9), SIDE - 1, (row + 0.5) * height + 3, **said))
    parts += time_axis(steps, rate, left, right, bottom) if rate else []
    hidden = f" of {len(shown)}" if len(shown) > rows else ""
    scaled = f"; each row is as high as its number of {unit}" if reaches else ""
    told = f", {number(steps / rate)} s at {number(rate)} Hz" if rate else ""
    return sheet(parts, title=f"{rows} channels{hidden}{told}{scaled}")


def _curve(values: np.ndarray, left: float, right: float, top: float, height: float) -> Markup:
    """From the least to the largest value in each column, so that no spike is lost; zero is always in the row."""
    finite = np.nan_to_num(values.astype(np.float64), posinf=0, neginf=0)
    least, most = (_columns(finite[None], reduce)[0] for reduce in (np.min, np.max))
    low, scale = finite.min(initial=0), (height - 4) / (_reach(values) or 1)
    step = (right - left) / len(least)
    points = (
        f"{left + (at + 0.5) * step:.1f},{top + height - 2 - (value - low) * scale:.1f}"
        for at, pair in enumerate(zip(least, most, strict=True))
        for value in (pair if at % 2 else pair[::-1])
    )
    return html.tag("polyline", points=" ".join(points), fill="none", stroke="#1c1c1c", stroke_width=0.8)


def _reach(values: np.ndarray) -> float:
    """What the height of a row stands for: from the least to the largest value, and zero."""
    finite = np.nan_to_num(values.astype(np.float64), posinf=0, neginf=0)
    return float(finite.max(initial=0) - finite.min(initial=0))


def _columns(rows: np.ndarray, reduce: object) -> np.ndarray:
    """`(row, column)` of what lies in each of up to `COLUMNS` columns."""
    edges = np.linspace(0, rows.shape[1], min(COLUMNS, rows.shape[1]) + 1).round().astype(int)
    pieces = [rows[:, start:end] for start, end in itertools.pairwise(edges)]
    return np.stack([reduce(piece, axis=1) for piece in pieces], 1)  # type: ignore[operator]
