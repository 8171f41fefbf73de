"""Arrays of one sample -> pixels -> lossless PNG. Pure: what a picture shows follows from its arguments."""

import io
from typing import NamedTuple

import numpy as np
from PIL import Image

from spray.colour import palette
from spray.colour import pixels as colours


class Look(NamedTuple):
    """How relevance becomes colour."""

    colour_map: str = "bwr"
    limit: float | None = None  # the relevance of full colour; None: the largest of the sample itself
    percentile: float = 100.0  # of |relevance|, when there is no limit
    gamma: float = 1.0  # below 1 lifts weak relevance
    method: str = "relevance"  # the variable that is shown


def input_pixels(image: np.ndarray, low: float, high: float) -> np.ndarray:
    """(channel, height, width) of any type -> (height, width, 3) uint8, `low` black and `high` white."""
    if image.dtype != np.uint8 or (low, high) != (0, 255):
        scaled = (image.astype(np.float32) - low) / ((high - low) or 1.0) * 255.0
        image = np.clip(np.nan_to_num(scaled), 0, 255).round().astype(np.uint8)
    channels = _channels(image)
    if len(channels) == 2:
        channels = channels.mean(axis=0, keepdims=True).astype(np.uint8)
    return np.moveaxis(np.repeat(channels, 3, axis=0) if len(channels) == 1 else channels[:3], 0, -1)


def scaled_relevance(relevance: np.ndarray, look: Look) -> np.ndarray:
    """Relevance summed over channels, in [-1, 1] with zero kept at zero; what is not finite counts as none."""
    summed = colours.summed(_channels(relevance))
    limit = look.limit if look.limit is not None else largest(summed, look.percentile)
    return colours.scaled(summed, -limit, limit, gamma=look.gamma)


def largest(values: np.ndarray, percentile: float = 100.0) -> float:
    """The `percentile` of |values|; at 100, the largest."""
    return float(colours.largest(values, percentile)) if values.size else 0.0


def heatmap_pixels(relevance: np.ndarray, look: Look) -> np.ndarray:
    """(height, width, 3) uint8 colours of relevance."""
    return colours.heatmap(scaled_relevance(relevance, look), look.colour_map)


def overlay_pixels(image: np.ndarray, relevance: np.ndarray, look: Look) -> np.ndarray:
    """The heatmap over the image in grey, as opaque as its relevance is strong. `image` is pixels."""
    grey = colours.grey(np.moveaxis(image, -1, 0))
    return colours.overlay(grey, scaled_relevance(relevance, look), look.colour_map)


def strip(colour_map: str, width: int = 256, height: int = 16) -> np.ndarray:
    """The colour map from one end to the other."""
    return palette(colour_map)[colours.bar(width, height)]


def media_type(picture: bytes) -> str:
    """Of a picture that is served or put into a file."""
    return "image/svg+xml" if picture.startswith(b"<svg") else "image/png"


def png(pixels: np.ndarray) -> bytes:
    """A lossless file of (height, width, 3) uint8 pixels."""
    grey = (pixels[..., 0] == pixels[..., 1]).all() and (pixels[..., 1] == pixels[..., 2]).all()
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels[..., 0] if grey else pixels)).save(buffer, "PNG", compress_level=3)
    return buffer.getvalue()


def value_range(images: np.ndarray) -> tuple[float, float]:
    """The range that images were stored in, told from a number of them: one dark image alone would mislead."""
    if images.dtype == np.uint8:
        return 0.0, 255.0
    finite = images[np.isfinite(images)]
    low, high = (float(finite.min()), float(finite.max())) if finite.size else (0.0, 1.0)
    for least, most, reached in ((0.0, 1.0, 0.0), (0.0, 255.0, 16.0), (-1.0, 1.0, -1.0)):
        if least <= low and reached <= high <= most:  # what only ever reaches 1.2 is no byte
            return least, most
    return low, high


def _channels(array: np.ndarray) -> np.ndarray:
    """(channel, height, width) of an array with or without the channel dimension."""
    return array[None] if array.ndim == 2 else array
