"""An explanation drawn: for a notebook, and saved as PNG, SVG or HTML by the end of the file's name."""

from __future__ import annotations

import base64
import html
import io
import math
from collections.abc import Callable, Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree import ElementTree

import numpy as np
import xarray as xr
from PIL import Image

from lrp.drawing.raster import pixels
from lrp.drawing.table import DRAWINGS
from spray.files import write_bytes
from spray.kinds import KINDS, kind_of
from spray.pictures import Given
from spray.pictures.images import Look, media_type, value_range

MOST = 64  # samples in one drawing
GAP = 8


class Shown(NamedTuple):
    """Samples drawn, each the bytes of a PNG or an SVG with a line of text beneath."""

    drawings: Sequence[bytes]
    captions: Sequence[str]
    left: int = 0
    """How many more samples there are."""

    def _repr_html_(self) -> str:
        cells = [
            '<figure style="display:inline-block;margin:4px"><img alt="relevance" '
            f'src="data:{media_type(drawing)};base64,{base64.b64encode(drawing).decode()}">'
            f"<figcaption>{html.escape(caption)}</figcaption></figure>"
            for drawing, caption in zip(self.drawings, self.captions, strict=True)
        ]
        return "".join(cells) + (f"<p>and {self.left} more</p>" if self.left else "")

    def save(self, path: str | PathLike[str]) -> Path:
        """Write it to a file that ends in .png, .svg or .html.

        Raises:
            ValueError: The name ends otherwise, or a letter cannot be drawn in a PNG.
        """
        path = Path(path)
        make = FORMATS.get(path.suffix.lower())
        if make is None:
            raise ValueError(f"{path.name} must end in {', '.join(FORMATS)}")
        write_bytes(path, make(self))
        return path


def shown(
    relevance: Any,
    captions: Sequence[str],
    *,
    kind: str | None = None,
    axes: Sequence[str] | None = None,
    inputs: Any = None,
    tokens: Sequence[Sequence[str]] | None = None,
    cmap: str = "bwr",
    **beside: Any,
) -> Shown:
    """Draw samples as their kind is drawn.

    Args:
        relevance: `(batch, ...)`.
        captions: A line beneath each.
        kind: One of `spray.kinds.KINDS`. Default: what `axes` say for certain.
        axes: Names of the axes behind the batch. Default: the kind's own, in its order.
        inputs: What was explained, of the same shape, to be drawn with it.
        tokens: Of texts, the tokens of each sample; what is behind their end is not drawn.
        cmap: See `lrp.colormap`.
        beside: What is said beside samples of the kind: names of what lies along the axes (feature_name, channel_name),
            unit, sampling_rate and frequency_hz in hertz, voxel_size in millimetres.

    Raises:
        ValueError: The kind is not certain, or something is not as many as the samples have places.
    """
    values, names = np.asarray(relevance), _names(np.shape(relevance)[1:], kind, axes)
    chosen = (
        KINDS[kind] if kind is not None else kind_of(xr.DataArray(np.empty([0] * values.ndim), dims=["sample", *names]))
    )
    order = [0, *sorted(range(1, values.ndim), key=lambda at: _place(chosen, names[at - 1]))]
    given = None if inputs is None else np.asarray(inputs)
    if given is not None and given.shape != values.shape:
        raise ValueError(
            f"inputs have the shape {given.shape}, relevance {values.shape}: give those that were explained"
        )
    values = values.transpose(order)
    given = None if given is None else given.transpose(order)
    reach = (0.0, 1.0) if given is None else value_range(given)
    if tokens is not None and len(tokens) != len(values):
        raise ValueError(f"tokens are of {len(tokens)} texts, relevance of {len(values)}")
    drawings = []
    for at, one in enumerate(values[:MOST]):
        said = {name: np.asarray(names) for name, names in beside.items()}
        said |= {} if tokens is None else _tokens(at, tokens[at], one)
        image = None if given is None or chosen.name == "text" else given[at]
        drawings.append(DRAWINGS[chosen.name](Given(image, one, Look(colour_map=cmap), reach, said)))
    return Shown(drawings, list(captions)[: len(drawings)], len(values) - len(drawings))


def _names(shape: tuple[int, ...], kind: str | None, axes: Sequence[str] | None) -> tuple[str, ...]:
    if axes is not None and len(axes) == len(shape):
        return tuple(axes)
    if kind not in KINDS:
        raise ValueError(f"say kind=, one of {', '.join(KINDS)}: nothing says what the axes of {shape} are")
    found = KINDS[kind]
    own = next((n for n in (found.places, (*found.lead, *found.places)) if len(n) == len(shape)), None)
    if own is None and found.places:
        raise ValueError(f"samples of shape {shape} are none of kind {found}")
    return own or tuple(f"axis_{at}" for at in range(len(shape)))


def _place(kind: Any, axis: str) -> int:
    """Where an axis stands in the kind's own order: channels first, then places."""
    order = (*kind.lead, *kind.places)
    return order.index(kind.named(axis)) if kind.named(axis) in order else len(order)


def _tokens(at: int, tokens: Sequence[str], relevance: np.ndarray) -> dict[str, np.ndarray]:
    if isinstance(tokens, str) or len(tokens) > len(relevance):
        what = "a text" if isinstance(tokens, str) else f"{len(tokens)} tokens"
        raise ValueError(f"tokens of sample {at} are {what}, its relevance is of {len(relevance)} tokens")
    if not tokens:
        raise ValueError(f"sample {at} has no token")
    missing = len(relevance) - len(tokens)
    return {
        "token_text": np.array([*tokens, *[""] * missing], dtype=object),
        "mask": np.arange(len(relevance)) < len(tokens),
    }


def _png(found: Shown) -> bytes:
    """All of them on one sheet."""
    pictures = [pixels(drawing) for drawing in found.drawings]
    width, height = max(p.width for p in pictures), max(p.height for p in pictures)
    columns = max(1, math.isqrt(len(pictures)))
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * (width + GAP) - GAP, rows * (height + GAP) - GAP), "white")
    for at, picture in enumerate(pictures):
        sheet.paste(picture, ((at % columns) * (width + GAP), at // columns * (height + GAP)))
    buffer = io.BytesIO()
    sheet.save(buffer, "PNG")
    return buffer.getvalue()


def _svg(found: Shown) -> bytes:
    """All of them on one sheet; pictures of pixels are embedded."""
    sizes = [_size(drawing) for drawing in found.drawings]
    width, height = (max(side) for side in zip(*sizes, strict=True))
    columns = max(1, math.isqrt(len(sizes)))
    parts = []
    for at, (drawing, (own_width, own_height)) in enumerate(zip(found.drawings, sizes, strict=True)):
        data = f"data:{media_type(drawing)};base64,{base64.b64encode(drawing).decode()}"
        place = f'x="{at % columns * (width + GAP)}" y="{at // columns * (height + GAP)}"'
        if media_type(drawing) == "image/svg+xml":
            parts.append(drawing.decode().replace("<svg", f"<svg {place}", 1))
        else:
            parts.append(f'<image {place} width="{own_width}" height="{own_height}" href="{data}"/>')
    rows = -(-len(sizes) // columns)
    whole = f'width="{columns * (width + GAP) - GAP}" height="{rows * (height + GAP) - GAP}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {whole}>{"".join(parts)}</svg>\n'.encode()


def _size(drawing: bytes) -> tuple[int, int]:
    if media_type(drawing) == "image/png":
        return Image.open(io.BytesIO(drawing)).size
    root = ElementTree.fromstring(drawing)
    return round(float(root.attrib["width"])), round(float(root.attrib["height"]))


def _html(found: Shown) -> bytes:
    page = f"<!doctype html><meta charset='utf-8'><title>Relevance</title>{found._repr_html_()}"
    return (page + "\n").encode()


FORMATS: Mapping[str, Callable[[Shown], bytes]] = {".png": _png, ".svg": _svg, ".html": _html}
"""How a file's name ends -> what is written."""
