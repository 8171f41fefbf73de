"""Spectrograms: low bands below, time to the right."""

import numpy as np

from viewer.pictures import images
from viewer.pictures.kinds.given import Given
from viewer.pictures.kinds.volume import pixels


def draw(given: Given) -> bytes:
    upright = [None if v is None else np.flip(v.reshape(-1, *v.shape[-2:]), -2) for v in (given.image, given.relevance)]
    return images.png(pixels(upright[0], None if upright[1] is None else upright[1].sum(0)[None], given))
