"""Letters over photographs, up to ten classes, some of them with an artefact; all of it comes with packages."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from bench.data.alphabet import LETTERS, letter, sample_photographs
from bench.find.artefacts import ARTEFACTS

OTHERS = "CDFIJLNOPQ"  # of the natural sub-group of each class
NATURAL = "natural"


class Letters(NamedTuple):
    """Images `(sample, channel, height, width)` in [0, 1], their classes, and which of them carry the artefact."""

    image: np.ndarray
    label: np.ndarray
    marked: np.ndarray


def letters(count: int, size: int, seed: int, classes: int = 10, kinds: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """`count` images of each class: a random font, place, size and colour over a crop of a photograph.

    A class is one letter, or `kinds` of them in turn: groups that no other class has and that nobody planted.
    """
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(classes), count)
    kind = np.arange(len(label)) % count % kinds
    images = [letter(LETTERS[c], size, sample_photographs(), rng) for c in label + classes * kind]
    return np.stack(images).transpose(0, 3, 1, 2).astype(np.float32) / 255, label


def natural(count: int, of: int, size: int, seed: int) -> np.ndarray:
    """Another letter, which no class is: what a sub-group is that nobody would call a Clever Hans."""
    rng = np.random.default_rng([seed, of])
    images = [letter(OTHERS[of], size, sample_photographs(), rng) for _ in range(count)]
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
