"""What a renderer is given: one sample, or the mean of several, of any kind."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from viewer.pictures.images import Look


class Given(NamedTuple):
    """Arrays whose axes are in the order of their kind: channels first, then places."""

    image: np.ndarray | None
    """The input; None where relevance alone is shown."""
    relevance: np.ndarray | None
    """None where the input alone is shown."""
    look: Look
    range: tuple[float, float]
    """Of the inputs' values."""
    beside: Mapping[str, np.ndarray]
    """What is said beside a sample: the names of its features, the texts of its tokens, ..."""


Draw = Callable[[Given], bytes]
"""The picture: PNG, or SVG."""

SIDE = 240
"""Of a drawing, in its own units."""
