"""The clusters with colours and sizes, and what other colours mean; a click selects all of a kind."""

from viewer import html
from viewer.grouping import Group, Scale, clusters, grouping, groups
from viewer.resolve import Scene
from viewer.selection import decode
from viewer.views.pane import pane
from viewer.views.view import Update, View

WATCHES = ("clustering", "selection", "colour")


def cluster_list(_update: Update) -> View:
    box = pane("clusters")

    def render(scene: Scene) -> None:
        box.text = "" if scene.category is None else _legend(scene) + _clusters(scene)

    return View((box,), WATCHES, render)


def _clusters(scene: Scene) -> str:
    assert scene.category is not None
    selected = scene.category.rows(decode(scene.state.selection))
    found = clusters(scene.category, scene.state.clustering, selected)
    if not found:
        return html.tag("p", "This category has no clusterings.", class_="hint")
    return html.tag("div", *(row("cluster", group) for group in found), class_="groups")


def _legend(scene: Scene) -> str:
    """What colours mean where they do not show the clusters."""
    assert scene.project is not None and scene.category is not None
    if scene.state.colour == "cluster":
        return ""
    title = html.tag("h3", html.text(scene.state.colour))
    if scale := grouping(scene.category, scene.state).scale:
        return html.tag("div", title, _bar(scene.project.key, scale), class_="legend")
    selected = scene.category.rows(decode(scene.state.selection))
    found = groups(scene.project, scene.category, scene.state, selected)
    rows = html.tag("div", *(row("group", group) for group in found), class_="groups")
    return html.tag("div", title, rows, class_="legend")


def _bar(key: str, scale: Scale) -> str:
    picture = html.tag("img", src=html.address("strip", f"{key}.png", map=scale.colour_map), alt="", class_="strip")
    ends = html.tag("span", f"{scale.low:.4g}") + html.tag("span", f"{scale.high:.4g}")
    return picture + html.tag("div", ends, class_="ends")


def row(action: str, group: Group) -> str:
    share = f"{group.selected} / {group.size}" if group.selected else str(group.size)
    return html.button(
        action,
        group.number,
        html.tag("span", class_="dot", style=f"background: {group.colour}"),
        html.tag("span", html.text(group.name), class_="name"),
        html.tag("span", html.text(share), class_="size"),
        aria_label=f"Select {group.name}, {group.size} samples",
        class_="group chosen" if group.selected else "group",
    )
