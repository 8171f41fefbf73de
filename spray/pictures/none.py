"""Anything else: how many numbers there are, and the largest."""

import numpy as np

from spray.pictures.drawing import number, sheet, words
from spray.pictures.given import Given

MOST = 12


def draw(given: Given) -> bytes:
    shown = next(values for values in (given.relevance, given.image) if values is not None)
    order = np.argsort(-np.abs(np.nan_to_num(shown)).ravel(), kind="stable")[:MOST]
    places = (np.unravel_index(int(at), shown.shape) for at in order)
    lines = [f"{tuple(map(int, place))}: {number(float(shown[place]))}" for place in places]
    head = f"{' × '.join(map(str, shown.shape)) or 'one number'}, the largest:"
    return sheet([words(line, 4, 14 + 17 * row) for row, line in enumerate([head, *lines])], title=head)
