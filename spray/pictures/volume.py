"""Volumes: slices in three directions through one place, and what is strongest along the depth."""

import numpy as np

from spray.pictures import images
from spray.pictures.given import Given

GAP = 2  # white pixels between the four
MOST_STRETCHED = 16  # times, whatever a project says of its voxels


def draw(given: Given) -> bytes:
    image, relevance = (None if values is None else _summed(values) for values in (given.image, given.relevance))
    relevance = None if relevance is None else np.nan_to_num(relevance, posinf=0, neginf=0)
    shown = next(values for values in (relevance, image) if values is not None)
    most = strongest(shown)
    if relevance is not None and given.look.limit is None:
        whole = relevance[most] if given.look.percentile == 100 else relevance  # the same, and sorted sooner
        given = given._replace(look=given.look._replace(limit=images.largest(np.abs(whole), given.look.percentile)))
    at = [min(max(0, place), size - 1) for place, size in zip(given.place or most, shown.shape, strict=True)]
    slices = [pixels(_slice(image, at, axis), _slice(relevance, at, axis), given) for axis in range(3)]
    maps = [*slices, pixels(_projected(image), _projected(relevance), given)]
    depth, height, width = _stretch(given.beside.get("voxel_size"))
    stretched = ((height, width), (depth, width), (depth, height), (height, width))
    return images.png(montage([_enlarged(*pair) for pair in zip(maps, stretched, strict=True)]))


def _slice(values: np.ndarray | None, at: list[int], axis: int) -> np.ndarray | None:
    return None if values is None else np.take(values, at[axis], axis)


def _stretch(voxel_size: np.ndarray | None) -> tuple[float, ...]:
    """How many pixels a voxel is long in each direction, so that a ball is round."""
    found = np.ones(3) if voxel_size is None else np.asarray(voxel_size, float)
    known = found.shape == (3,) and bool(np.isfinite(found).all()) and found.min() > 0
    return tuple((found / found.min()).clip(1, MOST_STRETCHED)) if known else (1.0, 1.0, 1.0)


def _enlarged(pixels: np.ndarray, by: tuple[float, float]) -> np.ndarray:
    """Every pixel as often as it is long, the nearest one at each place."""
    rows, columns = (
        np.minimum((np.arange(round(size * long)) / long).astype(int), size - 1)
        for size, long in zip(pixels.shape, by, strict=False)
    )
    return pixels[rows][:, columns]


def strongest(volume: np.ndarray) -> tuple[int, ...]:
    """Where the number of largest size is."""
    values = _summed(volume)
    if not np.isfinite(values.sum(dtype=np.float64)):
        values = np.nan_to_num(values, posinf=0, neginf=0)
    least, most = int(values.argmin()), int(values.argmax())
    at = most if values.flat[most] >= -values.flat[least] else least
    return tuple(int(place) for place in np.unravel_index(at, values.shape))


def _projected(values: np.ndarray | None) -> np.ndarray | None:
    """What is strongest along the depth, with its sign."""
    if values is None:
        return None
    least, most = np.nan_to_num(values.min(0)), np.nan_to_num(values.max(0))
    return np.where(most >= -least, most, least)


def pixels(image: np.ndarray | None, relevance: np.ndarray | None, given: Given) -> np.ndarray:
    """One map, `(height, width)`, as the look says: input, heatmap, or both."""
    below = None if image is None else images.input_pixels(image[None], *given.range)
    if relevance is None:
        assert below is not None
        return below
    if below is None:
        return images.heatmap_pixels(relevance[None], given.look)
    return images.overlay_pixels(below, relevance[None], given.look)


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
