"""Pictures: as they are, as heatmaps, and both."""

from spray.pictures import images
from spray.pictures.given import Given


def draw(given: Given) -> bytes:
    pixels = None if given.image is None else images.input_pixels(given.image, *given.range)
    if given.relevance is None:
        assert pixels is not None
        return images.png(pixels)
    if pixels is None:
        return images.png(images.heatmap_pixels(given.relevance, given.look))
    return images.png(images.overlay_pixels(pixels, given.relevance, given.look))
