"""Letters over photographs, up to ten classes, some of them with an artefact; all of it comes with packages."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench.find.artefacts import ARTEFACTS

LETTERS = "ABEGHKMRSX"
OTHERS = "CDFIJLNOPQ"  # of the natural sub-group of each class
NATURAL = "natural"
FONTS = (
    "DejaVuSans*.ttf",
    "DejaVuSerif*.ttf",
    "STIXGeneral*.ttf",
    "cmr10.ttf",
    "cmss10.ttf",
    "cmtt10.ttf",
    "cmb10.ttf",
)


class Letters(NamedTuple):
    """Images `(sample, channel, height, width)` in [0, 1], their classes, and which of them carry the artefact."""

    image: np.ndarray
    label: np.ndarray
    marked: np.ndarray


def letters(count: int, size: int, seed: int, classes: int = 10, kinds: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """`count` images of each class: a random font, place, size and colour over a crop of a photograph.

    A class is one letter, or `kinds` of them in turn: groups that no other class has and that nobody planted.
    """
    rng, fonts, photographs = np.random.default_rng(seed), _fonts(), _photographs()
    label = np.repeat(np.arange(classes), count)
    kind = np.arange(len(label)) % count % kinds
    images = [_letter(LETTERS[c], size, fonts, photographs, rng) for c in label + classes * kind]
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


def natural(count: int, of: int, size: int, seed: int) -> np.ndarray:
    """Another letter, which no class is: what a sub-group is that nobody would call a Clever Hans."""
    rng, fonts, photographs = np.random.default_rng([seed, of]), _fonts(), _photographs()
    images = [_letter(OTHERS[of], size, fonts, photographs, rng) for _ in range(count)]
    return np.stack(images).transpose(0, 3, 1, 2).astype(np.float32) / 255


def planted(images: np.ndarray, label: np.ndarray, artefact: str, share: float, of: int, seed: int) -> Letters:
    """The artefact on a share of the images of class `of`; `natural` replaces them by images of another letter."""
    rng = np.random.default_rng(seed)
    rows = np.flatnonzero(label == of)
    chosen = np.sort(rng.permutation(rows)[: round(share * len(rows))])
    marked = np.isin(np.arange(len(label)), chosen)
    images = images.copy()
    if len(chosen) and artefact == NATURAL:
        images[chosen] = natural(len(chosen), of, images.shape[-1], seed)
    elif len(chosen):
        images[chosen] = ARTEFACTS[artefact](images[chosen], rng)
    return Letters(images.astype(np.float32), label, marked)
