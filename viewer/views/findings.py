"""What people found in this project: named sets of samples with notes and tags."""

from markupsafe import Markup

from viewer import html
from viewer.projects import Finding
from viewer.projects.findings import load
from viewer.scene import Scene
from viewer.views.parts import Update, View
from viewer.views.parts.pane import pane


def view(_update: Update) -> View:
    box = pane("findings")

    def render(scene: Scene) -> None:
        found = load(scene.project.home)
        none = html.tag("p", "Nothing is kept yet. Select samples, name them, and keep them here.", class_="hint")
        box.text = html.tag("div", *map(_entry, found.values()), class_="findings") if found else none

    return View((box,), (), render, shown_in="findings")


def _entry(finding: Finding) -> Markup:
    where = f"{len(finding.samples)} samples of {finding.category or 'no category'}, {finding.analysis}"
    tags = html.tag("div", *(html.tag("span", tag, class_="tag") for tag in finding.tags), class_="tags")
    buttons = (
        html.button("recall", finding.name, "Show", class_="plain", aria_label=f"Show {finding.name}"),
        html.button("drop", finding.name, "Delete", class_="plain", aria_label=f"Delete {finding.name}"),
    )
    name = {"value": finding.name, "data_input": "rename", "data_of": finding.name, "maxlength": 200}
    field = html.tag("input", aria_label=f"Rename {finding.name}", title="Rename", **name)
    head = html.tag("div", html.tag("h3", field, aria_label=finding.name), *buttons, class_="title")
    note = html.tag("p", finding.text) if finding.text else ""
    return html.tag("article", head, note, tags, html.tag("p", where, class_="hint"))
