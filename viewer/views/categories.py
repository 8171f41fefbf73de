"""All categories of the analysis, the most suspicious first; a click opens one."""

from typing import Any

from markupsafe import Markup

from viewer import html
from viewer.scene import Scene
from viewer.scene.overview import MOST_LISTED, TEXTS, Overview, overview
from viewer.views.parts import Update, View
from viewer.views.parts.pane import pane

INTRODUCTION = "The most suspicious first. A high score is a hint to look, not a proof."


def view(_update: Update) -> View:
    box = pane("categories")

    def render(scene: Scene) -> None:
        found = overview(scene.project, scene.state.analysis, scene.state.order)
        head = html.tag("tr", html.tag("th", "category"), *(_heading(name, found.order) for name in found.columns))
        rows = (_row(scene, name, values, found) for name, values in found.rows[:MOST_LISTED])
        title = html.tag("h2", f"Categories of {scene.state.analysis}: {len(found.rows)}")
        more = f" The first {MOST_LISTED} of {len(found.rows)} are listed." if len(found.rows) > MOST_LISTED else ""
        note = html.tag("p", INTRODUCTION + more, class_="hint")
        box.text = title + note + html.tag("table", head, *rows, class_="overview")

    return View((box,), ("analysis", "order", "category"), render, shown_in="categories")


def _heading(name: str, order: str) -> Markup:
    label = name.replace("_", " ")
    if name in TEXTS:
        return html.tag("th", label)
    return html.tag("th", html.button("order", name, label), aria_sort="descending" if name == order else None)


def _row(scene: Scene, name: str, values: dict[str, Any], found: Overview) -> Markup:
    text = scene.project.category_text(name)
    if values["error"]:
        failed = html.tag("td", f"failed: {values['error']}", colspan=len(found.columns), class_="wrong")
        return html.tag("tr", html.tag("td", text), failed)
    current = "true" if name == scene.state.category else None
    cells = (html.tag("td", _number(values[column])) for column in found.columns)
    return html.tag("tr", html.tag("td", html.button("category", name, text)), *cells, aria_current=current)


def _number(value: float | str) -> str:
    if isinstance(value, str):
        return value or "–"
    if value != value:
        return "–"
    return str(int(value)) if float(value).is_integer() else f"{value:.3f}"
