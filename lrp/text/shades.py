"""What each piece of a text looks like: its colour and the ink on it, the same as a picture's of the same numbers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from lrp.colormap import palette
from lrp.heatmap import Array, Scaling
from lrp.text.tokens import Piece, numbers, pieces, summed
from spray.colour import pixels
from spray.pictures.drawing import plain


class Shade(NamedTuple):
    """A piece in its colour; `paper` and `ink` are six hexadecimal digits."""

    text: str
    begins: bool
    special: bool
    value: float
    paper: str
    ink: str


class Look(NamedTuple):
    """How a text is coloured; see the functions of `lrp.text`."""

    special: Collection[str] = ()
    marks: str | None = None
    cmap: str = "bwr"
    level: float = 1.0
    scaling: Scaling | None = None


def shades(tokens: Sequence[str], relevance: Array, look: Look) -> list[list[Shade]]:
    """The pieces of the text in their colours, once for each row of relevance.

    Special tokens do not count in the scale, since some hold more than all words; theirs is cut off at its ends.
    """
    found = pieces(tokens, special=look.special, marks=look.marks)
    values = np.atleast_2d(summed(numbers(relevance, len(tokens)), [piece.at for piece in found]))
    counted = np.array([not piece.special for piece in found], bool)
    seen = values[:, counted] if counted.any() else values
    if not values.size:
        return [[] for _ in values]
    ends = (look.scaling or Scaling()).ends(np.where(np.isfinite(seen), seen, 0.0)[:, None])
    signed = pixels.scaled(values, *(end[:, 0] for end in ends))
    colours = palette(look.cmap, look.level)[pixels.places(signed)]
    dark = pixels.is_light(colours)
    return [_row(found, *row) for row in zip(values, colours, dark, strict=True)]


def _row(found: list[Piece], values: np.ndarray, colours: np.ndarray, dark: np.ndarray) -> list[Shade]:
    return [
        Shade(
            _readable(piece.text),
            piece.begins,
            piece.special,
            float(value),
            bytes(colour).hex(),
            "000000" if on_light else "ffffff",
        )
        for piece, value, colour, on_light in zip(found, values, colours, dark, strict=True)
    ]


def _readable(text: str) -> str:
    """A text without what changes more than itself; line breaks and tabs are shown, since a token may be one."""
    return plain(text.replace("\r", "␍").replace("\n", "⏎").replace("\t", "⇥"))
