"""Pictures of samples: pixels, files, and the addresses that serve them."""

from spray.pictures.images import Look
from viewer.pictures.pictures import largest_of, picture, spread

__all__ = ["Look", "largest_of", "picture", "spread"]
