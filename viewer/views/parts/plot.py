"""One embedding as a Bokeh figure: its points, a picture where there are too many, the ring around one sample."""

from typing import Any, NamedTuple

import numpy as np
from bokeh.events import SelectionGeometry
from bokeh.models import (
    ColumnDataSource,
    CustomJS,
    HoverTool,
    LassoSelectTool,
    NoOverlap,
    PlainText,
    PolySelectTool,
    Range1d,
    SaveTool,
    TapTool,
    WheelZoomTool,
)
from bokeh.plotting import figure

from viewer.scene.points.columns import Place
from viewer.state import Window

TOOLS = "pan,box_select,box_zoom,undo,redo,reset"
LINE_COLOUR = {False: "#1d2129", True: "#f2f4f8"}
TEXT_COLOUR = {False: "#565d68", True: "#a9b0bb"}
SINGLE = ("x", "y", "color")
PICTURE = ("picture", "left", "bottom", "width", "height")
SIZES = ((3_000, 6), (20_000, 4), (np.inf, 3))  # up to so many points, so many pixels each
SIZE_ALONE = 4  # of a point beside a picture of many


class Plot(NamedTuple):
    figure: figure
    points: Any
    ring: Any
    picture: ColumnDataSource
    single: Any


def plot(name: str, x: str, y: str, source: ColumnDataSource, focused: ColumnDataSource) -> Plot:
    """Empty; `x` and `y` are the columns of `source` that are its points."""
    lasso, wheel = LassoSelectTool(continuous=False), WheelZoomTool()
    hover = HoverTool(tooltips=None, callback=CustomJS(code=f"window.pointAt?.(cb_data, '{name}')"))
    made = figure(
        name=name,
        x_range=Range1d(syncable=False),  # static/plots.js reports a window once the hand rests
        y_range=Range1d(syncable=False),
        tools=[lasso, PolySelectTool(), wheel, TapTool(mode="replace"), SaveTool(), hover, *TOOLS.split(",")],
        active_drag=lasso,
        active_scroll=wheel,
        output_backend="webgl",
        sizing_mode="stretch_both",
        toolbar_location="right",
        min_width=160,
        min_height=120,
    )
    made.toolbar.logo = None
    for axis in made.axis:
        axis.major_label_policy = NoOverlap(min_distance=8)
    made.js_on_event(SelectionGeometry, CustomJS(code=f"window.brushed?.('{name}', cb_obj)"))
    picture = ColumnDataSource(nothing(PICTURE))
    made.image_rgba("picture", "left", "bottom", "width", "height", source=picture)
    points = made.scatter(
        x,
        y,
        source=source,
        size=SIZES[0][1],
        fill_color="color",
        line_color=None,
        fill_alpha=0.85,
        selection_fill_alpha=1.0,
        nonselection_fill_color="color",
        nonselection_fill_alpha=0.18,
    )
    ring = made.scatter(x, y, source=focused, size=14, fill_color=None, line_color=LINE_COLOUR[False], line_width=2)
    single = made.scatter("x", "y", source=ColumnDataSource(nothing(SINGLE)), fill_color="color", line_color=None)
    single.update(selection_glyph=None, nonselection_glyph=None)  # the server selects, and colours say what
    hover.renderers = [points]
    made.renderers = [r for r in made.renderers if r not in (points, ring, single)]
    return Plot(made, points, ring, picture, single)


def reveal(plot: Plot) -> None:
    """Have the browser prepare the points, which it does for a hidden plot too: a tenth of a second for 100 000."""
    if plot.points not in plot.figure.renderers:
        plot.figure.renderers = [*plot.figure.renderers, plot.single, plot.points, plot.ring]


def nothing(names: tuple[str, ...]) -> Any:
    return {name: [] for name in names}


def set_window(plot: Plot, window: Window) -> None:
    plot.figure.x_range.update(start=window.left, end=window.right)
    plot.figure.y_range.update(start=window.bottom, end=window.top)


def label(plot: Plot, place: Place) -> None:
    """Plain, because Bokeh takes text between dollar signs for a formula."""
    for axis, number in ((plot.figure.xaxis, place.x), (plot.figure.yaxis, place.y)):
        text = f"{place.embedding} {number + 1}"
        if not isinstance(axis.axis_label, PlainText) or axis.axis_label.text != text:
            axis.axis_label = PlainText(text=text)


def resize(plot: Plot, n: int) -> None:
    """Smaller points where there are many: they hide each other less, and are drawn faster."""
    points = plot.points
    for glyph in (points.glyph, points.selection_glyph, points.nonselection_glyph):
        glyph.size = size_of(n)


def size_of(n: int) -> int:
    return next(size for most, size in SIZES if n <= most)


def darken(plot: Plot, dark: bool) -> None:
    plot.ring.glyph.line_color = LINE_COLOUR[dark]
    for axis in plot.figure.axis:
        axis.update(axis_label_text_color=TEXT_COLOUR[dark], major_label_text_color=TEXT_COLOUR[dark])
