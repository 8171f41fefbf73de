"""Texts: words in their order, each on the colour of its relevance."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from spray.pictures import markup as html
from spray.pictures.drawing import (
    INK,
    PAPER,
    bar,
    colour,
    ink_on,
    letters,
    number,
    plain,
    sheet,
    shortened,
    signed,
    words,
)
from spray.pictures.given import SIDE, Given

SIZE, LINE = 11, 15  # of letters, and from line to line
LETTER = 0.62 * SIZE  # width that a letter takes at most, nearly always
MOST_LINES = 15
LEAST = 60  # of height
MOST_WORDS = 1000  # more do not fit, however short
LISTED = 10


def draw(given: Given) -> bytes:
    found = given.beside["token_text"] if "token_text" in given.beside else _ids(given)
    kept = np.flatnonzero(given.beside.get("mask", np.ones(len(found))))
    strength = np.zeros(len(found)) if given.relevance is None else signed(given.relevance, given.look)
    shown = [(plain(found[at]), float(strength[at])) for at in kept[:MOST_WORDS]]
    parts: list[Markup] = []
    x, y, lines, at = 4.0, float(LINE), 1, 0
    for token, value in shown:
        word = shortened(token, 28) or "␣"
        width = (letters(word) + 0.6) * LETTER
        if x + width > SIDE - 4 and x > 4:
            x, y, lines = 4.0, y + LINE, lines + 1
        if lines > MOST_LINES:
            break
        parts += _word(word, value, x, y, width, given)
        x, at = x + width + 1, at + 1
    if at < len(kept):
        parts.append(words(f"and {len(kept) - at} more tokens", 4, SIDE - 3, size=10))
    if not len(kept):
        parts.append(words("no tokens", 4, LINE, size=10))
    height = SIDE if at < len(kept) else max(LEAST, y + LINE / 2)
    return sheet(parts, height=height, title=" ".join(token for token, _ in shown[:40]))


def _word(word: str, value: float, x: float, y: float, width: float, given: Given) -> tuple[Markup, ...]:
    background = PAPER if given.relevance is None else colour(value, given.look)
    box = html.tag("rect", x=f"{x:.1f}", y=f"{y - SIZE:.1f}", width=f"{width:.1f}", height=LINE - 1, fill=background)
    ink = ink_on(background) if given.relevance is not None else INK
    # the width is said, so that no font of the reader's writes one word over the next
    said = {"textLength": f"{letters(word) * LETTER:.1f}", "lengthAdjust": "spacingAndGlyphs", "fill": ink}
    return box, words(word, x + 0.3 * LETTER, y, size=SIZE, **said)


def _ids(given: Given) -> Sequence[object]:
    """The numbers of tokens, where their texts are not known."""
    values = given.image if given.image is not None else given.relevance
    return np.asarray(values).round(3).tolist() if given.image is not None else ["·"] * len(np.asarray(values))


def listed(found: Sequence[tuple[str, float, int]], samples: int, given: Given) -> bytes:
    """Of several texts: words with their mean relevance, and in how many of the texts they are."""
    strength = signed(np.array([value for _, value, _ in found] or [0.0]), given.look)
    parts: list[Markup] = []
    for row, ((word, value, count), level) in enumerate(zip(found[:LISTED], strength, strict=False)):
        said = f"{number(value)} in {count}"
        parts += bar(plain(word), said, float(level), row, height=SIDE / LISTED, fill=colour(float(level), given.look))
    return sheet(parts, title=f"words of {samples} texts")
