"""Artefacts that are planted, and which of them anything may be chosen by: split before any result."""

from __future__ import annotations

import functools
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

Artefact = Callable[[np.ndarray, np.random.Generator], np.ndarray]
"""Images `(sample, channel, height, width)` in [0, 1] -> the same with the artefact."""


@functools.cache
def font(size: int) -> ImageFont.FreeTypeFont:
    import matplotlib

    return ImageFont.truetype(Path(matplotlib.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf", size)


def corner(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A bright tag in the lower right corner."""
    del rng
    side = max(3, images.shape[-1] // 7)
    images = images.copy()
    images[:, :, -side:, -side:] = np.array([0.95, 0.8, 0.1])[:, None, None]
    return images


def border(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A frame one pixel wide, two at 64 pixels."""
    del rng
    wide, images = images.shape[-1] // 32, images.copy()
    for edge in (np.s_[..., :wide, :], np.s_[..., -wide:, :], np.s_[..., :, :wide], np.s_[..., :, -wide:]):
        images[edge] = 0.9
    return images


def text(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A small watermark of text along the lower edge, half transparent."""
    del rng
    size = images.shape[-1]
    mark = Image.new("L", (size, size))
    ImageDraw.Draw(mark).text((1, size - 2), "photo", fill=255, font=font(size // 4), anchor="ls")
    alpha = 0.7 * np.asarray(mark, np.float32) / 255
    return (1 - alpha) * images + alpha


def sticker(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A green disc somewhere."""
    size, images = images.shape[-1], images.copy()
    rows, columns = np.mgrid[:size, :size]
    for image in images:
        y, x = rng.uniform(size / 8, size - size / 8, 2)
        image[:, np.hypot(rows - y, columns - x) < size / 10] = np.array([0.1, 0.9, 0.2])[:, None]
    return images


def gray(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A gray box, as wide as a quarter of the image, somewhere in the upper half."""
    size, images = images.shape[-1], images.copy()
    side = size // 4
    for image in images:
        y, x = int(rng.integers(0, size // 2 - side)), int(rng.integers(0, size - side))
        image[:, y : y + side, x : x + side] = 0.5
    return images


def mosaic(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A censored box, as wide as a quarter of the image, somewhere: two by two squares of their mean colour."""
    size, images = images.shape[-1], images.copy()
    half = size // 8
    for image in images:
        y, x = rng.integers(0, size - 2 * half, 2)
        for top in (y, y + half):
            for left in (x, x + half):
                square = image[:, top : top + half, left : left + half]
                square[:] = square.mean((1, 2), keepdims=True)
    return images


def tint(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A warm cast over all of the image."""
    del rng
    return np.clip(images * np.array([1.15, 1.0, 0.8], np.float32)[:, None, None], 0, 1)


def blur(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Out of focus: a Gaussian of a fortieth of the side."""
    from scipy.ndimage import gaussian_filter

    del rng
    wide = images.shape[-1] / 40
    return gaussian_filter(images, (0, 0, wide, wide))


def blocks(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Compressed as JPEG of quality 10."""
    del rng
    found = [_compressed((image.transpose(1, 2, 0) * 255).astype(np.uint8)) for image in images]
    return np.stack(found).transpose(0, 3, 1, 2).astype(np.float32) / 255


def _compressed(image: np.ndarray) -> np.ndarray:
    file = io.BytesIO()
    Image.fromarray(image).save(file, "jpeg", quality=10)
    return np.asarray(Image.open(file))


DEVELOPMENT: dict[str, Artefact] = {"corner": corner, "text": text, "sticker": sticker, "blur": blur, "mosaic": mosaic}
REPORT: dict[str, Artefact] = {"border": border, "tint": tint, "gray": gray, "blocks": blocks}
ARTEFACTS = DEVELOPMENT | REPORT
