"""What drawings of all kinds are made of: a sheet of paper, texts, colours of relevance."""

import base64
import unicodedata
from collections.abc import Iterable

import numpy as np
from markupsafe import Markup

from spray.colour import palette
from spray.colour import pixels as colours
from spray.pictures import images
from spray.pictures import markup as html
from spray.pictures.given import SIDE
from spray.pictures.images import Look

INK, PAPER = "#1c1c1c", "#ffffff"
FONT = "system-ui, 'DejaVu Sans', sans-serif"
INVISIBLE = dict.fromkeys(map(ord, "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"))
"""Marks that turn the direction of what follows, beyond the text that they stand in."""


def sheet(parts: Iterable[Markup], *, title: str, width: float = SIDE, height: float = SIDE) -> bytes:
    """An SVG of white paper: what is drawn has its own colours, on light pages and on dark ones."""
    paper = html.tag("rect", width=width, height=height, fill=PAPER)
    view = {"viewBox": f"0 0 {width:g} {height:g}", "width": width, "height": height}
    drawn = html.tag("svg", html.tag("title", plain(title)), paper, *parts, xmlns="http://www.w3.org/2000/svg", **view)
    return str(drawn).encode()


def words(text: object, x: float, y: float, *, size: float = 10, **attributes: object) -> Markup:
    """One line of text."""
    given = {"x": f"{x:g}", "y": f"{y:g}", "font_size": size, "font_family": FONT, "fill": INK} | attributes
    return html.tag("text", plain(text), **given)


def plain(text: object) -> str:
    """A text that any page, drawing and terminal can hold: without control characters, lone surrogates and marks of
    direction.

    >>> plain("a\\x1b[31mb")
    'a�[31mb'
    """
    found = str(text).translate(INVISIBLE).encode("utf-8", "replace").decode()
    return "".join(c if c in "\t\n" or _is_shown(ord(c)) else "�" for c in found)


def _is_shown(code: int) -> bool:
    """Whether a character is one that XML can hold, and no control."""
    return code >= 32 and not 0x7F <= code <= 0x9F and not 0xFFFE <= code <= 0xFFFF


def letters(text: str) -> int:
    """How many letters of Latin a text is wide: signs of Chinese and pictures take two, marks on letters none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def shortened(text: object, most: int) -> str:
    """At most so many letters wide."""
    found = " ".join(plain(text).split())
    if letters(found) <= most:
        return found
    return next(f"{found[:end]}…" for end in range(min(most, len(found)), -1, -1) if letters(found[:end]) < most)


def bar(
    name: str, said: str, length: float, row: int, *, height: float = 24, fill: str = "#8c8c8c"
) -> tuple[Markup, ...]:
    """A row: a name, what is said of it at the right, and below both a bar from the middle, of a length in [-1, 1]."""
    top, middle, most = row * height, SIDE / 2, SIDE / 2 - 3
    start = middle + min(length, 0) * most
    said = shortened(said, 16)
    place = {"x": f"{start:.1f}", "y": f"{top + 15:.1f}", "width": f"{abs(length) * most:.1f}"}
    return (
        words(shortened(name, 34 - letters(said)), 3, top + 12, size=11.5),
        words(said, SIDE - 3, top + 12, size=10.5, fill="#5a5a5a", text_anchor="end"),
        html.tag("line", x1=middle, x2=middle, y1=f"{top + 14:g}", y2=f"{top + 23:g}", stroke="#888888"),
        html.tag("rect", height=f"{height - 17:.1f}", fill=fill, stroke="#888888", stroke_width=0.6, **place),
    )


def picture(pixels: np.ndarray, x: float, y: float, width: float, height: float) -> Markup:
    """Pixels inside a drawing, each a sharp rectangle."""
    data = base64.b64encode(images.png(pixels)).decode()
    place = {"x": f"{x:g}", "y": f"{y:g}", "width": f"{width:g}", "height": f"{height:g}"}
    style = "image-rendering: pixelated"
    return html.tag("image", href=f"data:image/png;base64,{data}", preserveAspectRatio="none", style=style, **place)


def signed(relevance: np.ndarray, look: Look) -> np.ndarray:
    """Relevance in [-1, 1], full colour where the look says, else at the sample's own largest."""
    finite = np.nan_to_num(relevance.astype(np.float64), posinf=0, neginf=0)
    limit = look.limit if look.limit is not None else images.largest(finite, look.percentile)
    return colours.scaled(finite, -limit, limit, gamma=look.gamma)


def colour(value: float, look: Look) -> str:
    """The colour of one number in [-1, 1]."""
    red, green, blue = palette(look.colour_map)[colours.places(np.array([value]))[0]][:3]
    return f"#{int(red):02x}{int(green):02x}{int(blue):02x}"


def ink_on(background: str) -> str:
    """Black or white, whichever is read more easily on a colour."""
    return INK if colours.is_light(np.frombuffer(bytes.fromhex(background[1:]), np.uint8)) else PAPER


def number(value: float) -> str:
    """As people read it."""
    return f"{value:.3g}"
