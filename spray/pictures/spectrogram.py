"""Spectrograms: low bands below, time to the right."""

import numpy as np

from spray.pictures import images
from spray.pictures.given import Given
from spray.pictures.volume import pixels


def draw(given: Given) -> bytes:
    image = None if given.image is None else _upright(given.image).mean(0)
    relevance = None if given.relevance is None else _upright(given.relevance).sum(0)
    return images.png(pixels(image, relevance, given))


def _upright(values: np.ndarray) -> np.ndarray:
    """`(channel, band, time)`, high bands first."""
    return np.flip(values.reshape(-1, *values.shape[-2:]), -2)
