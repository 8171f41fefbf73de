"""The spectrum: smallest eigenvalues in ascending order, the gaps between, and how many clusters they suggest."""

from functools import lru_cache
from typing import Any

import numpy as np
from bokeh.models import ColumnDataSource, HoverTool, Selection, TapTool
from bokeh.plotting import figure

from viewer.projects import Category
from viewer.scene import Scene
from viewer.state.paint import css
from viewer.views.parts import Update, View

BAR, SUGGESTED, GAP = (0x8F, 0xA8, 0xCF), (0x1F, 0x5F, 0xBF), "#d0752b"
TIPS = [("k", "@k"), ("eigenvalue", "@eigenvalue{0.0000}"), ("gap after it", "@gap{0.0000}"), ("click", "@click")]


SPECTRUM = ("k", "eigenvalue", "gap", "top", "color", "click")


def spectrum(category: Category) -> dict[str, Any]:
    """Number from 1, eigenvalue in ascending order, and the gap to the next (NaN after the last)."""
    ordered = np.sort(category.eigenvalue[np.isfinite(category.eigenvalue)])
    gap = np.append(np.diff(ordered), np.nan)[: len(ordered)]
    best = int(np.nanargmax(gap)) if len(ordered) > 1 else -1
    named = [clustering_of(category, k) for k in range(1, len(ordered) + 1)]
    return {
        "k": np.arange(1, len(ordered) + 1),
        "eigenvalue": ordered,
        "gap": gap,
        "top": ordered + np.nan_to_num(gap),
        "color": [css(SUGGESTED if at == best else BAR) for at in range(len(ordered))],
        "click": [f"shows {name}" if name else "no clustering with so many" for name in named],
    }


def clustering_of(category: Category, k: int) -> str:
    """The name of a clustering into `k` clusters, k-means first; nothing if there is none."""
    fitting = [name for name in category.clusterings if clusters_of(category, name) == k]
    return min(fitting, key=lambda name: name != f"kmeans-{k}", default="")


@lru_cache(maxsize=256)
def clusters_of(category: Category, clustering: str) -> int:
    """How many clusters a clustering has, besides noise."""
    groups = category.clusterings[clustering]
    return len(np.unique(groups[groups >= 0]))


def view(update: Update) -> View:
    source = ColumnDataSource({name: [] for name in SPECTRUM}, name="spectrum", selected=Selection())
    plot = figure(
        name="eigenvalues",
        height=116,
        sizing_mode="stretch_width",
        tools=[HoverTool(tooltips=TIPS), TapTool(mode="replace")],
        toolbar_location=None,
        x_axis_label="k",
    )
    plain: dict[str, Any] = {"nonselection_fill_alpha": 1.0, "nonselection_line_alpha": 0.0, "line_color": None}
    bars = plot.vbar("k", top="eigenvalue", width=0.7, source=source, fill_color="color", **plain)
    plot.vbar("k", top="top", bottom="eigenvalue", width=0.16, source=source, fill_color=GAP, **plain)
    plot.hover.renderers = [bars]
    plot.update(min_border_top=4, min_border_bottom=2)
    plot.xgrid.visible = False
    held: list[Category] = []

    def choose(_attr: str, _old: list[int], new: list[int]) -> None:
        if new and held and (name := clustering_of(held[0], new[0] + 1)):
            update(clustering=name, view="explore")
        source.selected.update(indices=[])

    source.selected.on_change("indices", choose)

    def render(scene: Scene) -> None:
        held[:] = [scene.category]
        found = spectrum(scene.category)
        source.update(data=found)
        plot.visible = bool(len(found["k"]))

    def darken(dark: bool) -> None:
        for axis in plot.axis:
            axis.major_label_text_color = axis.axis_label_text_color = "#a9b0bb" if dark else "#565d68"

    return View((plot,), (), render, darken)
