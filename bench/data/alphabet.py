"""Letters of Matplotlib's fonts over crops of photographs, one at a time."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

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


@functools.cache
def fonts() -> tuple[Path, ...]:
    """Files of Matplotlib's."""
    import matplotlib

    folder = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    return tuple(file for pattern in FONTS for file in sorted(folder.glob(pattern)) if "Display" not in file.name)


@functools.cache
def sample_photographs() -> tuple[np.ndarray, ...]:
    """The two of scikit-learn, `(height, width, 3)` uint8."""
    from sklearn.datasets import load_sample_images

    data: Any = load_sample_images()
    return tuple(data.images)


def letter(text: str, size: int, photographs: tuple[np.ndarray, ...], rng: np.random.Generator) -> np.ndarray:
    """`(size, size, 3)`: a random font, place, size and colour over a random crop of one of the photographs."""
    photograph = photographs[rng.integers(len(photographs))]
    side = int(rng.integers(2 * size, 6 * size))
    top, left = (int(rng.integers(0, length - side)) for length in photograph.shape[:2])
    image = Image.fromarray(photograph[top : top + side, left : left + side]).resize((size, size))
    font = ImageFont.truetype(fonts()[rng.integers(len(fonts()))], int(rng.uniform(0.55, 0.85) * size))
    place = tuple(size / 2 + rng.uniform(-0.12, 0.12, 2) * size)
    colour = tuple(int(c) for c in rng.integers(0, 256, 3))
    ImageDraw.Draw(image).text(place, text, fill=colour, font=font, anchor="mm")
    return np.asarray(image)
