"""Colour maps, and relevance as pixels: `colormap` for the colours, `pixels` for what becomes which of them."""

from spray.colour.colormap import NAMES, nodes, palette
from spray.colour.pixels import heatmap, overlay, places, scaled

__all__ = ["NAMES", "heatmap", "nodes", "overlay", "palette", "places", "scaled"]
