"""Spectrograms: low bands below, time to the right."""

import numpy as np

from spray.pictures import images
from spray.pictures.given import Given
from spray.pictures.volume import pixels


def draw(given: Given) -> bytes:
    upright = [None if v is None else np.flip(v.reshape(-1, *v.shape[-2:]), -2) for v in (given.image, given.relevance)]
    return images.png(pixels(upright[0], None if upright[1] is None else upright[1].sum(0)[None], given))
