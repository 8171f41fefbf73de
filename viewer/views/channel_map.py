"""The map of a layer's channels: crops under the pointer; a click colours the plot by one and shows its references."""

from typing import Any

from bokeh.models import ColumnDataSource, HoverTool, Selection, TapTool, Title
from bokeh.plotting import figure

from spray.store import ProjectError
from viewer import html
from viewer.pictures.concepts import has_crops
from viewer.projects.channels import channel_variable
from viewer.scene import Scene
from viewer.scene.channel_map import ChannelMap, channel_map
from viewer.scene.concepts import concept_name, crop_address, layer_of, names
from viewer.views.parts import Update, View
from viewer.views.parts.concept import concept_head, reference_row
from viewer.views.parts.pane import pane

COLUMNS = ("x", "y", "name", "variable", "crops")
CROPS = 3  # where the pointer is
TIP = "<b>@name</b><div>@crops{safe}</div>"
POINT, CHOSEN = "#4f7fc4", "#d0752b"


def view(update: Update) -> View:
    source = ColumnDataSource({name: [] for name in COLUMNS}, name="channel_points", selected=Selection())
    title = Title(text="Channels that the same samples use are near")
    plot = figure(
        name="channel_map",
        width=420,
        height=300,
        tools=[HoverTool(tooltips=TIP), TapTool(mode="replace"), "pan", "wheel_zoom", "reset"],
        toolbar_location=None,
        title=title,
    )
    plot.scatter(
        "x", "y", source=source, size=8, fill_color=POINT, line_color=None, selection_fill_color=CHOSEN,
        nonselection_fill_color=POINT, nonselection_fill_alpha=0.6,
    )  # fmt: skip
    plot.axis.visible = False
    box = pane("channel_of_map")

    def choose(_attr: str, _old: list[int], new: list[int]) -> None:
        if new:
            variable = source.data["variable"][new[0]]
            update(colour=variable, paint="", scale="", low=None, high=None)

    source.selected.on_change("indices", choose)

    def render(scene: Scene) -> None:
        plot.visible = bool(layer_of(scene))
        box.text = ""

    def finish(scene: Scene, found: ChannelMap) -> None:
        data = _columns(scene, found)
        source.update(data=data)
        at = [row for row, variable in enumerate(data["variable"]) if variable == scene.state.colour]
        source.selected.update(indices=at)
        plot.visible = bool(data["x"])
        layer = layer_of(scene)
        said = f"{found.unused} channels that no sample uses are not on the map." if found.unused else ""
        chosen = ""
        if at:
            channel = int(found.channel[at[0]])
            head = concept_head(scene, layer, channel, _names(scene, layer))
            chosen = html.tag("article", head, reference_row(scene, layer, channel), data_chosen=channel)
        box.text = html.join([html.tag("p", said, class_="hint"), chosen])

    def darken(dark: bool) -> None:
        title.text_color = "#a9b0bb" if dark else "#565d68"

    return View((plot, box), ("layer", "colour"), render, darken, work=work, finish=finish, shown_in="concepts")


def work(scene: Scene) -> ChannelMap | None:
    layer = layer_of(scene)
    return channel_map(scene.project, layer) if scene.state.view == "concepts" and layer else None


def _names(scene: Scene, layer: str) -> dict[int, str]:
    """A damaged file of names is said beside the channels of the selection."""
    try:
        return names(scene, layer)
    except ProjectError:
        return {}


def _columns(scene: Scene, found: ChannelMap) -> dict[str, Any]:
    layer = layer_of(scene)
    known, crops = _names(scene, layer), bool(len(found.channel)) and has_crops(scene.project, layer)
    channels = found.channel.tolist()
    return {
        "x": found.place[:, 0].tolist(),
        "y": found.place[:, 1].tolist(),
        "name": [concept_name(known, channel) for channel in channels],
        "variable": [channel_variable(layer, channel) for channel in channels],
        "crops": [_crops(scene, layer, channel) if crops else "" for channel in channels],
    }


def _crops(scene: Scene, layer: str, channel: int) -> str:
    shown = (html.tag("img", src=crop_address(scene, layer, channel, rank), alt="", width=56) for rank in range(CROPS))
    return str(html.join(shown))
