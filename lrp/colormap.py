"""Colour maps by name or as text: see `spray.colour.colormap`, of which this is the public name for users of `lrp`."""

from spray.colour.colormap import NAMES, nodes, palette

__all__ = ["NAMES", "nodes", "palette"]
