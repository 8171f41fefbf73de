"""Colour maps, and relevance as pixels."""

from spray.colour.colormap import NAMES, nodes, palette

__all__ = ["NAMES", "nodes", "palette"]
