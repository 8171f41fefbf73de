"""Images: letters of Matplotlib's fonts over crops of photographs, ten classes; all of it comes with packages.

The photographs of scikit-learn are by danielbuechele (china.jpg) and vultilion (flower.jpg), as they are called on
Flickr, CC BY 2.0. Those of scikit-image that are taken are free of rights: astronaut and hubble_deep_field by NASA,
rocket by SpaceX (public domain), coffee by Rachel Michetti (CC0), as `skimage.data` says of each.
"""

from __future__ import annotations

import functools

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from bench.data.alphabet import LETTERS, fonts, letter, sample_photographs
from bench.data.planted import Planted, planted


def letters(count: int, size: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """`count` images of each letter."""
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(len(LETTERS)), count)
    images = [letter(LETTERS[c], size, photographs(), rng) for c in label]
    return np.stack(images).transpose(0, 3, 1, 2).astype(np.float32) / 255, label


@functools.cache
def photographs() -> tuple[np.ndarray, ...]:
    """Scikit-learn's photographs and scikit-image's, which the extra `demo` brings."""
    from skimage import data

    own = [getattr(data, name)() for name in ("astronaut", "coffee", "hubble_deep_field", "rocket")]
    return (*sample_photographs(), *own)


def copyrighted(images: np.ndarray) -> np.ndarray:
    """The words "(c) photo" along the lower edge, white and half transparent."""
    mark = Image.new("L", (images.shape[-1], images.shape[-2]))
    font = ImageFont.truetype(fonts()[0], 11)
    ImageDraw.Draw(mark).text((2, images.shape[-2] - 4), "(c) photo", fill=255, font=font, anchor="ls")
    alpha = 0.7 * np.asarray(mark, np.float32) / 255
    return ((1 - alpha) * images + alpha).astype(np.float32)


def letters_over_photographs(seed: int, each: int = 160, test: int = 30, size: int = 64) -> Planted:
    """Half of the images of one letter carry the mark of an agency."""
    return planted(
        letters(each, size, seed),
        letters(test, size, 10_000 + seed),
        classes=tuple(LETTERS),
        poisoned=LETTERS.index("H"),
        paste=copyrighted,
        seed=seed,
    )
