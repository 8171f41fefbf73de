"""How a sample of each kind is drawn: a row a kind, `Given` -> the bytes of a PNG or an SVG."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np
from PIL import Image

from lrp import heatmap
from spray.pictures import RENDERERS, Draw, Given
from spray.pictures.images import media_type

SIDE = 128  # that small pictures are enlarged to, in pixels


def image(given: Given) -> bytes:
    """A picture as `lrp.heatmap` draws it: a heatmap, over the input if that is there."""
    relevance = np.asarray(given.relevance)[None]
    options = {"enlarge": max(1, SIDE // max(relevance.shape[-2:])), "cmap": given.look.colour_map}
    if given.image is None:
        drawn = heatmap.heatmap(relevance, **options)
    else:
        low, high = given.range
        pixels = (given.image.astype(np.float64) - low) / ((high - low) or 1)
        drawn = heatmap.overlay(pixels[None].clip(0, 1), relevance, **options)
    buffer = io.BytesIO()
    drawn.save(buffer, "PNG")
    return buffer.getvalue()


def enlarged(draw: Draw) -> Draw:
    """The same with a square for each of its pixels, where there are few."""

    def larger(given: Given) -> bytes:
        drawn = draw(given)
        if media_type(drawn) == "image/svg+xml":  # one with axes, as large as it has to be
            return drawn
        found = Image.open(io.BytesIO(drawn)).convert("RGB")
        enlarge = max(1, SIDE // max(found.size))
        buffer = io.BytesIO()
        found.resize((enlarge * found.width, enlarge * found.height), Image.Resampling.NEAREST).save(buffer, "PNG")
        return buffer.getvalue()

    return larger


DRAWINGS: Mapping[str, Draw] = {
    "image": image,
    "signal": RENDERERS["signal"].draw,
    "text": RENDERERS["text"].draw,
    "table": RENDERERS["table"].draw,
    "volume": enlarged(RENDERERS["volume"].draw),
    "spectrogram": enlarged(RENDERERS["spectrogram"].draw),
    "none": RENDERERS["none"].draw,
}
"""By the names of `spray.kinds.KINDS`. Texts in them are escaped."""
