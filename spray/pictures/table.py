"""Rows of tables: the ten features with most relevance, as bars with their values."""

import numpy as np
from markupsafe import Markup

from spray.pictures import markup as html
from spray.pictures.drawing import colour, number, sheet, shortened, signed, words
from spray.pictures.given import SIDE, Given

MOST = 10


def draw(given: Given) -> bytes:
    ranked = given.relevance if given.relevance is not None else given.image
    assert ranked is not None
    names = list(given.beside.get("feature_name", [f"feature {at}" for at in range(len(ranked))]))
    order = np.argsort(-np.abs(np.nan_to_num(ranked)), kind="stable")[:MOST]
    bars = signed(ranked, given.look if given.relevance is not None else given.look._replace(limit=None))
    units = given.beside.get("unit", [""] * len(ranked))
    parts: list[Markup] = []
    height = SIDE / MOST
    for row, at in enumerate(order):
        y, length = row * height, float(bars[at]) * 62
        middle = 168
        parts.append(words(shortened(names[at], 22), 3, y + 10, size=9))
        if given.image is not None:
            parts.append(words(f"{number(float(given.image[at]))} {units[at]}", 3, y + 20, size=8, fill="#5a5a5a"))
        fill = colour(float(bars[at]), given.look) if given.relevance is not None else "#8c8c8c"
        place = {"x": f"{middle + min(length, 0):.1f}", "y": f"{y + 5:.1f}", "width": f"{abs(length):.1f}"}
        parts.append(html.tag("rect", height=f"{height - 10:.1f}", fill=fill, stroke="#888888", **place))
    axis = html.tag("line", x1=168, x2=168, y1=2, y2=SIDE - 2, stroke="#888888", stroke_width=0.6)
    left = len(ranked) - len(order)
    return sheet([axis, *parts], title=f"{len(order)} features" + (f" of {len(ranked)}" if left else ""))
