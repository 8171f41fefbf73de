"""The clusters with colours and sizes; a click selects a whole cluster."""

from viewer import html
from viewer.clusters import Cluster, clusters
from viewer.resolve import Scene
from viewer.selection import decode
from viewer.views.pane import pane
from viewer.views.view import Update, View


def cluster_list(_update: Update) -> View:
    box = pane("clusters")

    def render(scene: Scene) -> None:
        if scene.category is None:
            box.text = ""
            return
        selected = scene.category.rows(decode(scene.state.selection))
        found = clusters(scene.category, scene.state.clustering, selected)
        box.text = html.tag("div", *map(_row, found), class_="clusters") if found else _none()

    return View((box,), ("clustering", "selection"), render)


def _row(cluster: Cluster) -> str:
    share = f"{cluster.selected} / {cluster.size}" if cluster.selected else str(cluster.size)
    return html.button(
        "cluster",
        cluster.number,
        html.tag("span", class_="dot", style=f"background: {cluster.colour}"),
        html.tag("span", html.text(cluster.name), class_="name"),
        html.tag("span", html.text(share), class_="size"),
        aria_label=f"Select {cluster.name}, {cluster.size} samples",
        class_="cluster chosen" if cluster.selected else "cluster",
    )


def _none() -> str:
    return html.tag("p", "This category has no clusterings.", class_="hint")
