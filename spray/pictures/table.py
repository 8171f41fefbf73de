"""Rows of tables: the ten features with most relevance, as bars with their values."""

import numpy as np
from markupsafe import Markup

from spray.pictures.drawing import bar, colour, number, sheet, signed
from spray.pictures.given import SIDE, Given

MOST = 10


def draw(given: Given) -> bytes:
    ranked = given.relevance if given.relevance is not None else given.image
    assert ranked is not None
    names = list(given.beside.get("feature_name", [f"feature {at}" for at in range(len(ranked))]))
    order = np.argsort(-np.abs(np.nan_to_num(ranked)), kind="stable")[:MOST]
    lengths = signed(ranked, given.look if given.relevance is not None else given.look._replace(limit=None))
    parts: list[Markup] = []
    for row, at in enumerate(order):
        fill = {} if given.relevance is None else {"fill": colour(float(lengths[at]), given.look)}
        parts += bar(str(names[at]), _said(given, int(at)), float(lengths[at]), row, height=SIDE / MOST, **fill)
    left = len(ranked) - len(order)
    return sheet(parts, title=f"{len(order)} features" + (f" of {len(ranked)}" if left else ""))


def _said(given: Given, at: int) -> str:
    """The value and its unit; of relevance alone, the relevance."""
    if given.image is None:
        assert given.relevance is not None
        return number(float(given.relevance[at]))
    if not np.isfinite(given.image[at]):
        return "missing"
    units = given.beside.get("unit", np.array(""))
    return f"{number(float(given.image[at]))} {units[at] if units.ndim else units}".strip()
