"""One or two embeddings with one brush: every sample a point, or where there are too many, a density."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from bokeh.events import SelectionGeometry
from bokeh.models import (
    ColumnDataSource,
    CustomJS,
    HoverTool,
    LassoSelectTool,
    PolySelectTool,
    SaveTool,
    Selection,
    TapTool,
    WheelZoomTool,
)
from bokeh.plotting import figure

from viewer import columns, density
from viewer.filters import passing
from viewer.project import Category
from viewer.resolve import Scene
from viewer.selection import decode, encode
from viewer.state import State
from viewer.views.view import Update, View

TOOLS = "pan,box_select,box_zoom,undo,redo,reset"
PLACES = ("embedding", "x", "y", "beside", "beside_x", "beside_y")
COLOURS = ("clustering", "colour", "label", "predicted", "correct", "least", "most")
LINE = {False: "#1d2129", True: "#f2f4f8"}
TEXT = {False: "#565d68", True: "#a9b0bb"}
POINTS = ("x", "y", "beside_x", "beside_y", "sample", "color")
PICTURE = ("picture", "left", "bottom", "width", "height")


SIZES = ((3_000, 6), (20_000, 4), (np.inf, 3))  # up to so many points, so many pixels each


class Plot(NamedTuple):
    """A figure, its points, and the ring around the sample in focus."""

    figure: figure
    points: Any
    ring: Any
    picture: ColumnDataSource


def scatter(update: Update) -> View:
    # Rows selected in the browser are reported by static/viewer.js, one bit a row, and not as a list of numbers.
    source = ColumnDataSource(_empty(POINTS), name="points", selected=Selection(syncable=False))
    focused = ColumnDataSource(_empty(POINTS), name="focused")
    plots = (_plot("scatter", "x", "y", source, focused), _plot("beside_plot", "beside_x", "beside_y", source, focused))
    shown: dict[str, Any] = {"scene": None, "geometry": None, "colours": None, "focus": None}
    for plot, places in zip(plots, (PLACES[:3], PLACES[3:]), strict=True):
        plot.figure.on_event(SelectionGeometry, _select_in_density(shown, places, update))

    def render(scene: Scene) -> None:
        shown["scene"] = scene
        if scene.category is None:
            shown.update(geometry=None, colours=None)
            return
        _label(plots, scene.state)
        _size(plots, len(scene.category.sample))
        plots[1].figure.visible = bool(scene.state.beside)
        if density.is_dense(scene.category):
            source.update(data=_empty(POINTS))
            shown.update(geometry=None, colours=None)
            _draw_density(plots, scene.category, scene.state)
        else:
            for plot in plots:
                if len(plot.picture.data["picture"]):
                    plot.picture.update(data=_empty(PICTURE))
            _draw_points(source, scene.category, scene.state, shown)
        _draw_focus(focused, scene.category, scene.state, shown)

    def darken(dark: bool) -> None:
        for plot in plots:
            plot.ring.glyph.line_color = LINE[dark]
            for axis in plot.figure.axis:
                axis.update(axis_label_text_color=TEXT[dark], major_label_text_color=TEXT[dark])

    return View(tuple(plot.figure for plot in plots), (*PLACES, *COLOURS, "focus", "selection"), render, darken)


def _empty(names: tuple[str, ...]) -> Any:
    return {name: [] for name in names}


def _draw_points(source: ColumnDataSource, category: Category, state: State, shown: dict[str, Any]) -> None:
    """Send positions only when they change, and then colours with them; else colours only when they change."""
    geometry = (category, *(getattr(state, name) for name in PLACES))
    colours = (category, *(getattr(state, name) for name in COLOURS))
    if shown["geometry"] != geometry:
        source.update(data=columns.columns(category, state))
    elif shown["colours"] != colours:
        data: Any = source.data
        data["color"] = columns.colour(category, state)
    shown.update(geometry=geometry, colours=colours)


def _draw_density(plots: tuple[Plot, ...], category: Category, state: State) -> None:
    for plot, (embedding, x, y) in zip(plots, _places(state), strict=True):
        if embedding:
            found = density.density(category, state, embedding, x, y)
            columns_ = ([found.picture], [found.x], [found.y], [found.width], [found.height])
            plot.picture.update(data=dict(zip(PICTURE, columns_, strict=True)))


def _draw_focus(focused: ColumnDataSource, category: Category, state: State, shown: dict[str, Any]) -> None:
    """Only when it moved: whatever is sent to a plot makes it draw all its points again."""
    focus = (category, state.focus, *(getattr(state, name) for name in PLACES))
    if shown["focus"] == focus or (state.focus is None and not len(focused.data["sample"])):
        return
    shown["focus"] = focus
    rows = np.flatnonzero(category.sample == state.focus) if state.focus is not None else np.empty(0, int)
    found = columns.geometry(category, state)
    data = {name: found[name][rows] for name in POINTS if name in found}
    focused.update(data=data | {"color": np.zeros(len(rows), np.uint32)})


def _places(state: State) -> tuple[tuple[str, int, int], tuple[str, int, int]]:
    return (state.embedding, state.x, state.y), (state.beside, state.beside_x, state.beside_y)


def _label(plots: tuple[Plot, ...], state: State) -> None:
    for plot, (embedding, x, y) in zip(plots, _places(state), strict=True):
        plot.figure.xaxis.axis_label = f"{embedding} {x + 1}"
        plot.figure.yaxis.axis_label = f"{embedding} {y + 1}"


def _size(plots: tuple[Plot, ...], n: int) -> None:
    """Smaller points where there are many: they hide each other less, and are drawn faster."""
    size = next(size for most, size in SIZES if n <= most)
    for plot in plots:
        for glyph in (plot.points.glyph, plot.points.selection_glyph, plot.points.nonselection_glyph):
            glyph.size = size


def _select_in_density(shown: dict[str, Any], places: tuple[str, ...], update: Update) -> Callable[[Any], None]:
    """Where there are no points in the browser, what was drawn around them selects here."""

    def select(event: SelectionGeometry) -> None:
        scene, geometry = shown["scene"], event.geometry
        if scene.category is None or not density.is_dense(scene.category) or not event.final or geometry is None:
            return
        points = density.positions(scene.category, *(getattr(scene.state, name) for name in places))
        rows = density.inside(points, geometry) & passing(scene.category, scene.state)
        chosen = scene.category.sample[rows]
        if geometry.get("mode") == "append":
            chosen = np.union1d(chosen, decode(scene.state.selection))
        update(selection=encode(chosen), page=0)

    return select


def _plot(name: str, x: str, y: str, source: ColumnDataSource, focused: ColumnDataSource) -> Plot:
    lasso, wheel = LassoSelectTool(continuous=False), WheelZoomTool()
    hover = HoverTool(tooltips=None, callback=CustomJS(code="window.pointAt?.(cb_data)"))
    plot = figure(
        name=name,
        tools=[lasso, PolySelectTool(), wheel, TapTool(mode="replace"), SaveTool(), hover, *TOOLS.split(",")],
        active_drag=lasso,
        active_scroll=wheel,
        output_backend="webgl",
        sizing_mode="stretch_both",
        toolbar_location="right",
        min_width=160,
        min_height=120,
    )
    plot.toolbar.logo = None
    picture = ColumnDataSource(_empty(PICTURE))
    plot.image_rgba("picture", "left", "bottom", "width", "height", source=picture)
    points = plot.scatter(
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
    ring = plot.scatter(x, y, source=focused, size=14, fill_color=None, line_color=LINE[False], line_width=2)
    hover.renderers = [points]
    return Plot(plot, points, ring, picture)
