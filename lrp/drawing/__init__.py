"""Explanations of every kind as pictures: one table, kind -> how a sample is drawn; saved as PNG, SVG or HTML."""

from lrp.drawing.sheet import FORMATS, Shown, shown
from lrp.drawing.table import DRAWINGS

__all__ = ["DRAWINGS", "FORMATS", "Shown", "shown"]
