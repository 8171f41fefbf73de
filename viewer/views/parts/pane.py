"""A pane of our own HTML."""

from functools import cache
from pathlib import Path

from bokeh.models import Div

STATIC = Path(__file__).resolve().parents[2] / "static"


def pane(name: str) -> Div:
    """An empty pane. Its sheet travels with it: a shadow tree sees none of the page's, and a link would load late."""
    return Div(name=name, stylesheets=[_sheet()], sizing_mode="stretch_width")


@cache
def _sheet() -> str:
    return (STATIC / "panes.css").read_text(encoding="utf-8")
