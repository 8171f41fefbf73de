"""The clusters with colours and sizes, and what other colours mean; a click selects all of a kind."""

from collections.abc import Sequence

from markupsafe import Markup

from spray.colour.colormap import NAMES
from viewer import html
from viewer.scene import Scene
from viewer.scene.points.grouping import Group, Scale, clusters, grouping, groups
from viewer.state import State, decode
from viewer.views.parts import Update, View
from viewer.views.parts.pane import pane

MOST_LISTED = 1000
WATCHES = ("clustering", "selection", "colour", "paint", "scale", "low", "high")


def view(_update: Update) -> View:
    box = pane("clusters")

    def render(scene: Scene) -> None:
        box.text = _legend(scene) + _clusters(scene)

    return View((box,), WATCHES, render)


def _clusters(scene: Scene) -> Markup:
    selected = scene.category.rows(decode(scene.state.selection))
    found = clusters(scene.category, scene.state, selected)
    if not found:
        return html.tag("p", "This category has no clusterings.", class_="hint")
    paintable = scene.state.colour == "cluster"
    rows = _rows("cluster", found, paintable)
    return rows + (_default(scene) if paintable else "")


def _legend(scene: Scene) -> Markup:
    """What colours mean where they do not show the clusters."""
    if scene.state.colour == "cluster":
        return Markup()
    title = html.tag("h3", scene.state.colour)
    if scale := grouping(scene.category, scene.state).scale:
        return html.tag("div", title, _bar(scene.project.key, scale), _settings(scene.state, scale), class_="legend")
    selected = scene.category.rows(decode(scene.state.selection))
    found = groups(scene.project, scene.category, scene.state, selected)
    rows = _rows("group", found, True)
    return html.tag("div", title, rows, _default(scene), class_="legend")


def _bar(key: str, scale: Scale) -> Markup:
    picture = html.tag("img", src=html.address("strip", f"{key}.png", map=scale.colour_map), alt="", class_="strip")
    ends = html.tag("span", f"{scale.low:.4g}") + html.tag("span", f"{scale.high:.4g}")
    return picture + html.tag("div", ends, class_="ends")


def _settings(state: State, scale: Scale) -> Markup:
    """The colour map and the ends of a scale: what is left empty is told from the data."""
    named = {"": "automatic", **{name: name for name in (state.scale, *NAMES) if name}}
    options = (
        html.tag("option", text, value=name, selected="" if name == state.scale else None)
        for name, text in named.items()
    )
    choice = html.tag("select", *options, data_input="scale", aria_label="Colours of the scale")
    ends = (_end("low", "From", state.low, scale.low), _end("high", "to", state.high, scale.high))
    return html.tag("div", choice, *ends, class_="settings")


def _end(name: str, title: str, chosen: float | None, found: float) -> Markup:
    value = "" if chosen is None else f"{chosen:g}"
    hint = f"{found:.4g}"
    field = html.tag("input", type="number", step="any", value=value, placeholder=hint, data_input=name)
    return html.tag("label", title, field)


def _default(scene: Scene) -> Markup:
    return html.button("paint", "", "Default colours", class_="plain") if scene.state.paint else Markup()


def _rows(action: str, found: Sequence[Group], paintable: bool) -> Markup:
    """The largest, in their own order, where there are more than anybody reads."""
    largest = {group.number for group in sorted(found, key=lambda group: -group.size)[:MOST_LISTED]}
    listed = [group for group in found if group.number in largest]
    rows = html.tag("div", *(_row(action, group, paintable) for group in listed), class_="groups")
    if len(listed) == len(found):
        return rows
    return rows + html.tag("p", f"The {len(listed)} largest of {len(found)} are listed.", class_="hint")


def _row(action: str, group: Group, paintable: bool) -> Markup:
    share = f"{group.selected} / {group.size}" if group.selected else str(group.size)
    dot = html.tag("span", class_="dot", style=f"background: {group.colour}")
    if paintable:
        name = f"Colour of {group.name}"
        given = {
            "value": group.colour,
            "data_input": "paint",
            "data_of": group.number,
            "aria_label": name,
            "title": name,
        }
        dot = html.tag("input", type="color", class_="dot", **given)
    choose = html.button(
        action,
        group.number,
        html.tag("span", group.name, class_="name"),
        html.tag("span", share, class_="size"),
        aria_label=f"Select {group.name}, {group.size} samples",
    )
    return html.tag("div", dot, choose, class_="group chosen" if group.selected else "group")
