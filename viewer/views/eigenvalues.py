"""The spectrum: smallest eigenvalues in ascending order, and the gap after each."""

from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool
from bokeh.plotting import figure

from viewer.resolve import Scene
from viewer.views.view import Update, View


def spectrum(eigenvalue: np.ndarray) -> dict[str, Any]:
    """Number from 1, eigenvalue in ascending order, and the gap to the next (NaN after the last)."""
    ordered = np.sort(eigenvalue[np.isfinite(eigenvalue)])
    gap = np.append(np.diff(ordered), np.nan)[: len(ordered)]
    return {"k": np.arange(1, len(ordered) + 1), "eigenvalue": ordered, "gap": gap}


def eigenvalues(_update: Update) -> View:
    source = ColumnDataSource(spectrum(np.empty(0)), name="spectrum")
    plot = figure(
        name="eigenvalues",
        height=140,
        sizing_mode="stretch_width",
        tools=[HoverTool(tooltips=[("k", "@k"), ("eigenvalue", "@eigenvalue{0.0000}"), ("gap", "@gap{0.0000}")])],
        toolbar_location=None,
        x_axis_label="k",
        y_axis_label="eigenvalue",
    )
    plot.vbar("k", top="eigenvalue", width=0.7, source=source, color="#6f8fc2")
    plot.y_range.start = 0  # pyright: ignore[reportAttributeAccessIssue]
    plot.xgrid.visible = False

    def render(scene: Scene) -> None:
        found = spectrum(scene.category.eigenvalue if scene.category else np.empty(0))
        source.update(data=found)
        plot.visible = bool(len(found["k"]))

    return View((plot,), (), render)
