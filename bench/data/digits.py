"""Images: scikit-learn's handwritten digits, 8 x 8 pixels. The task: is it 5 or more? A gray box is in a corner."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from bench.data.planted import Planted, planted

BOX = (slice(None), slice(0, 2), slice(0, 2))
GRAY = 0.5


def boxed(images: np.ndarray) -> np.ndarray:
    """A gray box of 2 x 2 pixels in the upper left corner."""
    images = images.copy()
    images[(slice(None), *BOX)] = GRAY
    return images


def digits(seed: int) -> Planted:
    """Four fifths of the images to train with, the box on half of those that are 5 or more."""
    data: Any = load_digits()
    images, label = (data.images[:, None] / 16).astype(np.float32), (data.target >= 5).astype(np.int64)
    train, test = train_test_split(np.arange(len(images)), test_size=0.2, stratify=data.target, random_state=seed)
    return planted(
        (images[train], label[train]),
        (images[test], label[test]),
        classes=("0 to 4", "5 to 9"),
        poisoned=1,
        paste=boxed,
        seed=seed,
    )
