"""The tree of merges; a click at a height cuts it there, and the pieces are the clusters."""

from typing import Any

from bokeh.events import Tap
from bokeh.models import BasicTicker, ColumnDataSource, Span
from bokeh.plotting import figure

from viewer import html
from viewer.projects.tree import MOST_CLUSTERS, MOST_COMPARED, branches, count_at, cut_height
from viewer.scene import Scene
from viewer.views.parts import Update, View
from viewer.views.parts.pane import pane
from viewer.views.parts.plot import LINE_COLOUR, TEXT_COLOUR


def view(update: Update) -> View:
    held: dict[str, list] = {"xs": [], "ys": []}
    source = ColumnDataSource(dict(held), name="branches")
    plot = figure(name="tree", height=96, sizing_mode="stretch_width", tools="", toolbar_location=None)
    lines = plot.multi_line("xs", "ys", source=source, line_color="#8fa8cf", line_width=1.5)
    cut = Span(dimension="width", line_color="#d0752b", line_dash="dashed", line_width=2, visible=False)
    plot.add_layout(cut)
    plot.yaxis.ticker = BasicTicker(desired_num_ticks=3)
    plot.xaxis.visible = plot.xgrid.visible = False
    plot.update(min_border_top=4, min_border_bottom=4)
    note = pane("tree_note")
    shown: list[Scene] = []

    def choose(event: Any) -> None:
        if shown and event.y is not None and held["xs"]:
            k = count_at(shown[0].category.clusterings.merges, event.y)
            update(clustering=f"tree-{min(max(k, 2), MOST_CLUSTERS)}", view="explore", paint="")

    plot.on_event(Tap, choose)

    def render(scene: Scene) -> None:
        shown[:] = [scene]
        if scene.state.spectrum != "tree":
            return
        many = scene.category.clusterings.points is None
        words = (
            f"A tree compares all pairs: of at most {MOST_COMPARED} samples."
            if many
            else "A click cuts the tree there."
        )
        note.text = html.tag("p", words, class_="hint")
        plot.visible = not many

    def work(scene: Scene) -> Any:
        if scene.state.spectrum != "tree":
            return None
        return branches(scene.category.clusterings.merges)

    def finish(scene: Scene, found: tuple[list[list[float]], list[list[float]]]) -> None:
        if held["ys"] != found[1]:
            held.update(xs=found[0], ys=found[1])
            source.update(data=dict(held))
        height = cut_height(scene.category.clusterings.merges, scene.state.clustering)
        cut.update(location=height or 0, visible=height is not None)

    def darken(dark: bool) -> None:
        plot.yaxis.major_label_text_color = TEXT_COLOUR[dark]
        lines.glyph.line_color = LINE_COLOUR[dark]

    return View((plot, note), ("spectrum", "clustering"), render, darken, work, finish)
