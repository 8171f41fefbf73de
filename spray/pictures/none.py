"""Anything else: the largest numbers, and where among the others they are."""

import numpy as np
from markupsafe import Markup

from spray.pictures.drawing import bar, colour, number, sheet, signed
from spray.pictures.given import SIDE, Given

MOST = 10


def draw(given: Given) -> bytes:
    shown = next(values for values in (given.relevance, given.image) if values is not None)
    order = np.argsort(-np.abs(np.nan_to_num(shown)).ravel(), kind="stable")[:MOST]
    strength = signed(shown, given.look if given.relevance is not None else given.look._replace(limit=None))
    parts: list[Markup] = []
    for row, at in enumerate(order):
        place = tuple(map(int, np.unravel_index(int(at), shown.shape)))
        level, said = float(strength[place]), number(float(shown[place]))
        fill = colour(level, given.look) if given.relevance is not None else "#8c8c8c"
        parts += bar(f"at {', '.join(map(str, place))}", said, level, row, height=SIDE / MOST, fill=fill)
    return sheet(parts, title=f"the largest of {' × '.join(map(str, shown.shape)) or '1'} numbers")
