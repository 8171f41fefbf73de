"""Volumes: three slices through the place of most relevance, and the largest relevance along the depth."""

import numpy as np

from spray.pictures import images
from spray.pictures.given import Given

GAP = 2  # white pixels between the four


def draw(given: Given) -> bytes:
    shown = next(values for values in (given.relevance, given.image) if values is not None)
    at = np.unravel_index(np.argmax(np.abs(np.nan_to_num(_summed(shown)))), _summed(shown).shape)
    return images.png(montage([_drawn(given, axis, int(at[axis])) for axis in range(3)] + [_projected(given)]))


def _drawn(given: Given, axis: int, at: int) -> np.ndarray:
    """Pixels of one slice."""
    image, relevance = (
        None if v is None else np.take(_summed(v), at, axis)[None] for v in (given.image, given.relevance)
    )
    return pixels(image, relevance, given)


def _projected(given: Given) -> np.ndarray:
    """What is strongest along the depth, with its sign."""

    def strongest(values: np.ndarray) -> np.ndarray:
        summed = np.nan_to_num(_summed(values))
        return np.take_along_axis(summed, np.abs(summed).argmax(0)[None], 0)

    image, relevance = (None if v is None else strongest(v) for v in (given.image, given.relevance))
    return pixels(image, relevance, given)


def pixels(image: np.ndarray | None, relevance: np.ndarray | None, given: Given) -> np.ndarray:
    """One map as the look says: input, heatmap, or both."""
    look = given.look
    if look.limit is None and given.relevance is not None:
        look = look._replace(limit=images.largest(_summed(given.relevance), look.percentile))
    below = None if image is None else images.input_pixels(image, *given.range)
    if relevance is None:
        assert below is not None
        return below
    return images.heatmap_pixels(relevance, look) if below is None else images.overlay_pixels(below, relevance, look)


def _summed(values: np.ndarray) -> np.ndarray:
    return values.sum(0) if values.ndim == 4 else values


def montage(parts: list[np.ndarray]) -> np.ndarray:
    """Four pictures in a square, white between them."""
    height = max(part.shape[0] for part in parts)
    width = max(part.shape[1] for part in parts)
    whole = np.full((2 * height + GAP, 2 * width + GAP, 3), 255, np.uint8)
    for number, part in enumerate(parts):
        top, left = number // 2 * (height + GAP), number % 2 * (width + GAP)
        whole[top : top + part.shape[0], left : left + part.shape[1]] = part
    return whole
