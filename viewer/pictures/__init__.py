"""Pictures of samples: pixels, files, and the addresses that serve them."""

from spray.pictures.images import Look
from viewer.pictures.pictures import largest_of, picture, place_of_most
from viewer.pictures.reading import few, is_sliced, kind, mean_modes, modes, renderer, shown, spread

__all__ = [
    "Look",
    "few",
    "is_sliced",
    "kind",
    "largest_of",
    "mean_modes",
    "modes",
    "picture",
    "place_of_most",
    "renderer",
    "shown",
    "spread",
]
