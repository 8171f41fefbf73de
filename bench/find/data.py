"""Letters over photographs, ten classes, and the artefacts that are planted; all of it comes with packages."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

LETTERS = "ABEGHKMRSX"
FONTS = (
    "DejaVuSans*.ttf",
    "DejaVuSerif*.ttf",
    "STIXGeneral*.ttf",
    "cmr10.ttf",
    "cmss10.ttf",
    "cmtt10.ttf",
    "cmb10.ttf",
)
Artefact = Callable[[np.ndarray, np.random.Generator], np.ndarray]


class Letters(NamedTuple):
    """Images `(sample, channel, height, width)` in [0, 1], their classes, and which of them carry the artefact."""

    image: np.ndarray
    label: np.ndarray
    marked: np.ndarray


def letters(count: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` images of each letter: a random font, place, size and colour over a crop of a photograph."""
    rng, fonts, photographs = np.random.default_rng(seed), _fonts(), _photographs()
    label = np.repeat(np.arange(len(LETTERS)), count)
    images = [_letter(LETTERS[c], size, fonts, photographs, rng) for c in label]
    return np.stack(images).transpose(0, 3, 1, 2).astype(np.float32) / 255, label


@functools.cache
def _fonts() -> tuple[Path, ...]:
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return tuple(file for pattern in FONTS for file in sorted(folder.glob(pattern)) if "Display" not in file.name)


@functools.cache
def _photographs() -> tuple[np.ndarray, ...]:
    from sklearn.datasets import load_sample_images

    data: Any = load_sample_images()
    return tuple(data.images)


def _letter(
    letter: str, size: int, fonts: tuple[Path, ...], photographs: tuple[np.ndarray, ...], rng: np.random.Generator
) -> np.ndarray:
    photograph = photographs[rng.integers(len(photographs))]
    side = int(rng.integers(2 * size, 6 * size))
    top, left = (int(rng.integers(0, length - side)) for length in photograph.shape[:2])
    image = Image.fromarray(photograph[top : top + side, left : left + side]).resize((size, size))
    font = ImageFont.truetype(fonts[rng.integers(len(fonts))], int(rng.uniform(0.55, 0.85) * size))
    place = tuple(size / 2 + rng.uniform(-0.12, 0.12, 2) * size)
    colour = tuple(int(c) for c in rng.integers(0, 256, 3))
    ImageDraw.Draw(image).text(place, letter, fill=colour, font=font, anchor="mm")
    return np.asarray(image)


def corner(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A bright tag in the lower right corner."""
    del rng
    side = max(3, images.shape[-1] // 7)
    images = images.copy()
    images[:, :, -side:, -side:] = np.array([0.95, 0.8, 0.1])[:, None, None]
    return images


def border(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A frame one pixel wide."""
    del rng
    images = images.copy()
    for edge in (np.s_[..., :1, :], np.s_[..., -1:, :], np.s_[..., :, :1], np.s_[..., :, -1:]):
        images[edge] = 0.9
    return images


def text(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A small watermark of text along the lower edge, half transparent."""
    del rng
    size = images.shape[-1]
    mark = Image.new("L", (size, size))
    ImageDraw.Draw(mark).text(
        (1, size - 2), "photo", fill=255, font=ImageFont.truetype(_fonts()[0], size // 4), anchor="ls"
    )
    alpha = 0.7 * np.asarray(mark, np.float32) / 255
    return (1 - alpha) * images + alpha


def sticker(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A green disc somewhere."""
    size, images = images.shape[-1], images.copy()
    rows, columns = np.mgrid[:size, :size]
    for image in images:
        y, x = rng.uniform(4, size - 4, 2)
        image[:, np.hypot(rows - y, columns - x) < size / 10] = np.array([0.1, 0.9, 0.2])[:, None]
    return images


def tint(images: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A warm cast over all of the image."""
    del rng
    return np.clip(images * np.array([1.15, 1.0, 0.8], np.float32)[:, None, None], 0, 1)


# fixed before any result: what the verdict is developed on, and what it is reported on, which nothing is chosen by
DEVELOPMENT: dict[str, Artefact] = {"corner": corner, "text": text, "sticker": sticker}
REPORT: dict[str, Artefact] = {"border": border, "tint": tint}
ARTEFACTS = DEVELOPMENT | REPORT


def planted(images: np.ndarray, label: np.ndarray, artefact: str, share: float, of: int, seed: int) -> Letters:
    """The artefact on a share of the images of class `of`."""
    rng = np.random.default_rng(seed)
    rows = np.flatnonzero(label == of)
    chosen = np.sort(rng.permutation(rows)[: round(share * len(rows))])
    marked = np.isin(np.arange(len(label)), chosen)
    images = images.copy()
    if len(chosen):
        images[chosen] = ARTEFACTS[artefact](images[chosen], rng)
    return Letters(images.astype(np.float32), label, marked)
