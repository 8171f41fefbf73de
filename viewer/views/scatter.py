"""One or two embeddings with one brush: every sample a point, or where there are too many, a density."""

from collections.abc import Callable
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, Selection

from viewer.projects import Category
from viewer.scene import Blank, Scene
from viewer.scene.points import columns, density
from viewer.scene.points.columns import places, shown_window
from viewer.state import State
from viewer.views.parts import Update, View
from viewer.views.parts.plot import (
    PICTURE,
    SINGLE,
    SIZE_ALONE,
    Plot,
    darken,
    label,
    nothing,
    plot,
    resize,
    reveal,
    set_window,
    size_of,
)

PLACES = ("embedding", "x", "y", "beside", "beside_x", "beside_y")
COLOURS = (
    "clustering",
    "colour",
    "label",
    "predicted",
    "correct",
    "least",
    "most",
    "filter",
    "paint",
    "scale",
    "low",
    "high",
)
WATCHES = (*PLACES, *COLOURS, "window", "beside_window", "focus", "selection")
POINTS = ("x", "y", "beside_x", "beside_y", "sample", "color")


def view(_update: Update) -> View:
    # Rows selected in the browser are reported by static/selection.js, one bit a row, and not as a list of numbers.
    source = ColumnDataSource(nothing(POINTS), name="points", selected=Selection(syncable=False))
    focused = ColumnDataSource(nothing(POINTS), name="focused")
    plots = {
        "scatter": plot("scatter", "x", "y", source, focused),
        "beside_plot": plot("beside_plot", "beside_x", "beside_y", source, focused),
    }
    drawn: dict[str, Any] = {}  # what each thing was last drawn from: all that is sent makes a plot draw all its points

    def render(scene: Scene) -> None:
        category = scene.category
        for name, place in places(scene.state).items():
            resize(plots[name], len(category.sample))
            plots[name].figure.visible = bool(place.embedding)
            if place.embedding:
                label(plots[name], place)
                reveal(plots[name])
            if place.embedding and name not in drawn:  # from now on the browser moves what it shows itself
                set_window(plots[name], shown_window(category, place))
                drawn[name] = True
        if density.is_dense(category):
            _draw(drawn, "points", None, lambda: source.update(data=nothing(POINTS)))
            _draw_density(plots, category, scene.state)
        else:
            for found in plots.values():
                if len(found.picture.data["picture"]):
                    found.picture.update(data=nothing(PICTURE))
                    found.single.data_source.update(data=nothing(SINGLE))
            _draw_points(source, category, scene.state, drawn)
        focus = (category, scene.state.focus, _of(scene.state, PLACES))
        _draw(drawn, "focus", focus, lambda: _draw_focus(focused, category, scene.state))

    def blank(_scene: Blank) -> None:
        drawn.clear()

    def dark(is_dark: bool) -> None:
        for found in plots.values():
            darken(found, is_dark)

    return View(tuple(found.figure for found in plots.values()), WATCHES, render, dark, blank=blank)


def _of(state: State, names: tuple[str, ...]) -> tuple[Any, ...]:
    return tuple(getattr(state, name) for name in names)


def _draw(drawn: dict[str, Any], what: str, key: Any, draw: Callable[[], None]) -> None:
    """Only what has changed."""
    if what not in drawn or drawn[what] != key:
        drawn[what] = key
        draw()


def _draw_points(source: ColumnDataSource, category: Category, state: State, drawn: dict[str, Any]) -> None:
    """Send positions only when they change, and then colours with them; else colours only when they change."""

    def colours() -> None:
        data: Any = source.data
        data["color"] = columns.colour(category, state)

    def everything() -> None:
        source.update(data=columns.columns(category, state))
        drawn["colours"] = key

    key = (category, _of(state, COLOURS))
    _draw(drawn, "points", (category, _of(state, PLACES)), everything)
    _draw(drawn, "colours", key, colours)


def _draw_density(plots: dict[str, Plot], category: Category, state: State) -> None:
    for name, place in places(state).items():
        if place.embedding:
            found, plot = density.density(category, state, place), plots[name]
            columns_ = ([found.picture], [found.x], [found.y], [found.width], [found.height])
            plot.picture.update(data=dict(zip(PICTURE, columns_, strict=True)))
            x, y = columns.positions(category, place)[found.rows].T
            plot.single.glyph.size = SIZE_ALONE if found.picture.any() else size_of(len(found.rows))
            plot.single.data_source.update(data=dict(zip(SINGLE, (x, y, found.colours), strict=True)))


def _draw_focus(focused: ColumnDataSource, category: Category, state: State) -> None:
    rows = np.flatnonzero(category.sample == state.focus) if state.focus is not None else np.empty(0, int)
    if len(rows) or len(focused.data["sample"]):
        found = columns.geometry(category, state)
        data = {name: found[name][rows] for name in POINTS if name in found}
        focused.update(data=data | {"color": np.zeros(len(rows), np.uint32)})
