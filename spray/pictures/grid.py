"""Pictures side by side on one sheet."""

from collections.abc import Sequence

import numpy as np
from PIL import Image, ImageOps

GAP = 4  # pixels between two pictures


def grid(rows: Sequence[Sequence[np.ndarray | None]], side: int) -> np.ndarray:
    """A sheet of pictures on white, each scaled to fit a square.

    Args:
        rows: `(height, width, 3)` bytes each; None leaves its place empty.
        side: Of the square, in pixels.

    Returns:
        `(height, width, 3)` bytes.

    Example:
        >>> black = np.zeros((2, 4, 3), np.uint8)
        >>> grid([[black, None], [None, black]], 8).shape
        (28, 28, 3)
    """
    step = side + GAP
    columns = max(map(len, rows), default=0)
    page = np.full((step * len(rows) + GAP, step * columns + GAP, 3), 255, np.uint8)
    for at, row in enumerate(rows):
        for column, pixels in enumerate(row):
            if pixels is None:
                continue
            fitted = ImageOps.contain(Image.fromarray(pixels), (side, side), Image.Resampling.NEAREST)
            picture = np.asarray(fitted.convert("RGB"))
            top, left = GAP + at * step, GAP + column * step
            page[top : top + picture.shape[0], left : left + picture.shape[1]] = picture
    return page
