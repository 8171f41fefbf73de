"""The drawings of `spray.pictures` as pixels: the few elements of SVG that they are made of, drawn by Pillow."""

from __future__ import annotations

import base64
import io
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import cache
from importlib.util import find_spec

from PIL import Image, ImageDraw, ImageFont

SCALE = 3  # pixels of one unit
NONE = "none"
OTHERWISE = {"×": "x", "…": "...", "␣": "_", "·": "."}
"""Signs of the drawings' own, where a font lacks them."""

Attributes = Mapping[str, str]


def pixels(drawing: bytes) -> Image.Image:
    """A picture of a drawing of ours, PNG or SVG.

    Raises:
        ValueError: It has letters that the font at hand lacks, or an element that is none of ours.

    Example:
        >>> pixels(b'<svg width="4" height="2"><rect width="4" height="2" fill="#ff0000"/></svg>').getpixel((5, 5))
        (255, 0, 0)
    """
    if not drawing.lstrip().startswith(b"<svg"):
        return Image.open(io.BytesIO(drawing)).convert("RGB")
    root = ElementTree.fromstring(drawing)
    width, height = (round(SCALE * float(root.attrib[side])) for side in ("width", "height"))
    canvas = Image.new("RGB", (width, height), "white")
    pen = ImageDraw.Draw(canvas)
    for element in root.iter():
        name = element.tag.rpartition("}")[2]
        if name not in DRAWN:
            raise ValueError(f"a drawing has the element {name!r}: it can be saved as .svg or .html")
        DRAWN[name](canvas, pen, element.attrib, element.text or "")
    return canvas


def _at(attributes: Attributes, *names: str) -> list[float]:
    return [SCALE * float(attributes.get(name, 0)) for name in names]


def _rect(_: Image.Image, pen: ImageDraw.ImageDraw, given: Attributes, __: str) -> None:
    x, y, width, height = _at(given, "x", "y", "width", "height")
    if width > 0 and height > 0:
        pen.rectangle((x, y, x + width, y + height), fill=_colour(given, "fill"), outline=_colour(given, "stroke"))


def _line(_: Image.Image, pen: ImageDraw.ImageDraw, given: Attributes, __: str) -> None:
    pen.line(_at(given, "x1", "y1", "x2", "y2"), fill=_colour(given, "stroke"), width=_width(given))


def _polyline(_: Image.Image, pen: ImageDraw.ImageDraw, given: Attributes, __: str) -> None:
    points = [tuple(SCALE * float(one) for one in pair.split(",")) for pair in given["points"].split()]
    pen.line(points, fill=_colour(given, "stroke"), width=_width(given))  # type: ignore[arg-type]


def _picture(canvas: Image.Image, _: ImageDraw.ImageDraw, given: Attributes, __: str) -> None:
    data = given["href"].partition("base64,")[2]
    x, y, width, height = map(round, _at(given, "x", "y", "width", "height"))
    found = Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")
    canvas.paste(found.resize((max(1, width), max(1, height)), Image.Resampling.NEAREST), (x, y))


def _words(canvas: Image.Image, _: ImageDraw.ImageDraw, given: Attributes, text: str) -> None:
    x, y = _at(given, "x", "y")
    font = _font(SCALE * float(given.get("font-size", 10)))
    text = "".join(OTHERWISE[letter] if letter in OTHERWISE and _lacks(font, letter) else letter for letter in text)
    if lacking := sorted({letter for letter in text if not letter.isspace() and _lacks(font, letter)}):
        raise ValueError(f"the font of .png lacks {' '.join(lacking)}: save it as .svg or .html")
    wide = _at(given, "textLength")[0] or font.getlength(text)
    if text.strip():
        drawn = Image.new("L", (max(1, round(font.getlength(text))), round(2 * font.size)))
        ImageDraw.Draw(drawn).text((0, 1.5 * font.size), text, fill=255, font=font, anchor="ls")
        drawn = drawn.resize((max(1, round(wide)), drawn.height))
        left = x - wide * {"middle": 0.5, "end": 1.0}.get(given.get("text-anchor", ""), 0.0)
        canvas.paste(_colour(given, "fill") or "black", (round(left), round(y - 1.5 * font.size)), drawn)


def _nothing(*_: object) -> None:
    """The sheet itself, and its title."""


DRAWN: Mapping[str, Callable[[Image.Image, ImageDraw.ImageDraw, Attributes, str], None]] = {
    "svg": _nothing, "title": _nothing, "rect": _rect, "line": _line, "polyline": _polyline, "text": _words,
    "image": _picture,
}  # fmt: skip


def _colour(given: Attributes, name: str) -> str | None:
    found = given.get(name, NONE)
    return None if found == NONE else found


def _width(given: Attributes) -> int:
    return max(1, round(SCALE * float(given.get("stroke-width", 1))))


@cache
def _font(size: float) -> ImageFont.FreeTypeFont:
    """DejaVu, which has most letters, where the system or Matplotlib has it; else Pillow's own."""
    matplotlib = find_spec("matplotlib")
    folders = [] if matplotlib is None else matplotlib.submodule_search_locations or []
    for name in ("DejaVuSans.ttf", *(f"{folder}/mpl-data/fonts/ttf/DejaVuSans.ttf" for folder in folders)):
        with suppress(OSError):
            return ImageFont.truetype(name, size)
    found = ImageFont.load_default(size)
    if not isinstance(found, ImageFont.FreeTypeFont):
        raise ValueError("this Pillow draws no letters of any size (it has no FreeType): save it as .svg or .html")
    return found


@cache
def _lacks(font: ImageFont.FreeTypeFont, letter: str) -> bool:
    """Whether a letter is drawn as one that there never is."""
    return _mask(font, letter) == _mask(font, "\ufffe")


def _mask(font: ImageFont.FreeTypeFont, letter: str) -> bytes:
    canvas = Image.new("L", (round(3 * font.size), round(2 * font.size)))
    ImageDraw.Draw(canvas).text((0, 0), letter, fill=255, font=font)
    return canvas.tobytes()
