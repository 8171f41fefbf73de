"""Relevance as pictures: drawn, laid over images, saved.

Relevance is `(height, width)`, `(channel, height, width)` or `(batch, channel, height, width)`, a tensor, an array or
an xarray.DataArray with those names; channels are summed. Colour maps are `lrp.colormap` sources.
"""

from lrp.heatmap.draw import Array, Scaling, grid, heatmap, heatmaps, overlay, places, recolour, summed
from lrp.heatmap.files import colour_bar, figure, save

__all__ = [
    "Array",
    "Scaling",
    "colour_bar",
    "figure",
    "grid",
    "heatmap",
    "heatmaps",
    "overlay",
    "places",
    "recolour",
    "save",
    "summed",
]
