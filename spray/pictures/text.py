"""Texts: words in their order, each on the colour of its relevance."""

from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from spray.pictures import markup as html
from spray.pictures.drawing import INK, PAPER, colour, ink_on, number, plain, sheet, shortened, signed, words
from spray.pictures.given import SIDE, Given

SIZE, LINE = 11, 15  # of letters, and from line to line
LETTER = 0.62 * SIZE  # width that a letter takes at most, nearly always
MOST_LINES = 16
LISTED = 14


def draw(given: Given) -> bytes:
    tokens = list(map(plain, given.beside["token_text"] if "token_text" in given.beside else _ids(given)))
    mask = given.beside.get("mask", np.ones(len(tokens)))
    strength = np.zeros(len(tokens)) if given.relevance is None else signed(given.relevance, given.look)
    shown = [(token, float(value)) for token, value, kept in zip(tokens, strength, mask, strict=False) if kept]
    parts: list[Markup] = []
    x, y, lines = 4.0, float(LINE), 1
    for at, (token, value) in enumerate(shown):
        word = shortened(token, 28) or "␣"
        width = (len(word) + 0.6) * LETTER
        if x + width > SIDE - 4 and x > 4:
            x, y, lines = 4.0, y + LINE, lines + 1
        if lines > MOST_LINES:
            parts.append(words(f"and {len(shown) - at} more tokens", 4, SIDE - 3, size=9))
            break
        parts += _word(word, value, x, y, width, given)
        x += width + 1
    return sheet(parts, title=" ".join(token for token, _ in shown[:40]))


def _word(word: str, value: float, x: float, y: float, width: float, given: Given) -> tuple[Markup, ...]:
    background = PAPER if given.relevance is None else colour(value, given.look)
    box = html.tag("rect", x=f"{x:.1f}", y=f"{y - SIZE:.1f}", width=f"{width:.1f}", height=LINE - 1, fill=background)
    ink = ink_on(background) if given.relevance is not None else INK
    # the width is said, so that no font of the reader's writes one word over the next
    said = {"textLength": f"{len(word) * LETTER:.1f}", "lengthAdjust": "spacingAndGlyphs", "fill": ink}
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
        y = 14 + 16 * row
        length = abs(level) * 62
        background = colour(float(level), given.look)
        parts += [
            html.tag("rect", x=114, y=y - 10, width=f"{length:.1f}", height=12, fill=background, stroke="#888888"),
            words(shortened(word, 17), 4, y),
            words(f"{number(value)}, in {count}", 180, y, size=8),
        ]
    return sheet(parts, title=f"words of {samples} texts")
