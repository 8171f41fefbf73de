"""What drawings of all kinds are made of: a sheet of paper, texts, colours of relevance."""

import base64
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
INVISIBLE = dict.fromkeys(map(ord, "‪‫‬‭‮⁦⁧⁨⁩"))
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
    """A text that any file of XML can hold: without control characters, lone surrogates and marks of direction."""
    found = str(text).translate(INVISIBLE).encode("utf-8", "replace").decode()
    return "".join(c if c in "\t\n" or (ord(c) >= 32 and not 0xFFFE <= ord(c) <= 0xFFFF) else "�" for c in found)


def shortened(text: object, most: int) -> str:
    """At most so many characters."""
    found = " ".join(plain(text).split())
    return found if len(found) <= most else f"{found[: most - 1]}…"


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
    """Black or white, whichever is read more easily on a colour (WCAG's relative luminance)."""
    channels = [int(background[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return INK if 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.18 else PAPER


def number(value: float) -> str:
    """As people read it."""
    return f"{value:.3g}"
