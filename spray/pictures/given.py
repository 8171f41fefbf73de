"""What a renderer is given: one sample, or the mean of several, of any kind."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np

from spray.pictures.images import Look


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
    place: tuple[int, ...] = ()
    """Of a volume, where slices are shown; none: through its largest relevance."""


Draw = Callable[[Given], bytes]
"""The picture: PNG, or SVG."""


class Renderer(NamedTuple):
    """How samples of a kind are drawn."""

    draw: Draw
    one_channel: bool = False
    """Channels are added up and shown as one."""
    lines: bool = False
    """Lines and words, no pixels: they need more room to be read."""
    sliced: bool = False
    """Its slices can be moved."""
    by_word: bool = False
    """The tokens are the input, and of several samples the words with most relevance are shown."""


SIDE = 240
"""Of a drawing, in its own units."""
