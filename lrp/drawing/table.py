"""How a sample of each kind is drawn: a row a kind, `Given` -> the bytes of a PNG or an SVG."""

from __future__ import annotations

import io
from collections.abc import Mapping

import numpy as np

from lrp import heatmap
from spray.pictures import RENDERERS, Draw, Given

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


DRAWINGS: Mapping[str, Draw] = {**{name: renderer.draw for name, renderer in RENDERERS.items()}, "image": image}
"""By the names of `spray.kinds.KINDS`. Texts in them are escaped."""
