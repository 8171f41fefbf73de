"""The embedding: every sample a point, in the colour of its cluster."""

from typing import Any

from bokeh.models import ColumnDataSource, LassoSelectTool, Selection, TapTool, WheelZoomTool
from bokeh.plotting import figure

from viewer import columns
from viewer.resolve import Scene
from viewer.views.view import Update, View

TOOLS = "pan,box_select,box_zoom,undo,redo,reset"
WATCHES = ("clustering", "embedding", "x", "y")
EMPTY: dict[str, Any] = {"x": [], "y": [], "sample": [], "color": []}


def scatter(_update: Update) -> View:
    # Rows selected in the browser are reported by static/viewer.js, one bit a row, and not as a list of numbers.
    source = ColumnDataSource(EMPTY, name="points", selected=Selection(syncable=False))
    plot = _figure()
    plot.scatter(
        "x",
        "y",
        source=source,
        size=6,
        fill_color="color",
        line_color=None,
        fill_alpha=0.85,
        selection_fill_alpha=1.0,
        nonselection_fill_color="color",
        nonselection_fill_alpha=0.18,
    )
    shown: list[object] = []

    def render(scene: Scene) -> None:
        if scene.category is None:
            shown.clear()
            return
        geometry = [scene.category, scene.state.embedding, scene.state.x, scene.state.y]
        if shown != geometry:
            shown[:] = geometry
            source.update(data=columns.columns(scene.category, scene.state))
        else:
            data: Any = source.data
            data["color"] = columns.colour(scene.category, scene.state)
        plot.xaxis.axis_label = f"{scene.state.embedding} {scene.state.x + 1}"
        plot.yaxis.axis_label = f"{scene.state.embedding} {scene.state.y + 1}"

    return View((plot,), WATCHES, render)


def _figure() -> figure:
    lasso = LassoSelectTool(continuous=False)
    wheel = WheelZoomTool()
    plot = figure(
        name="scatter",
        tools=[lasso, wheel, TapTool(mode="replace"), *TOOLS.split(",")],
        active_drag=lasso,
        active_scroll=wheel,
        output_backend="webgl",
        sizing_mode="stretch_both",
        toolbar_location="right",
        min_width=200,
        min_height=160,
    )
    plot.toolbar.logo = None
    return plot
