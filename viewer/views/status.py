"""The line below the page: the project, and how its explanations were made."""

from markupsafe import Markup

from viewer import html
from viewer.scene import Blank, Scene
from viewer.views.parts import Update, View
from viewer.views.parts.pane import pane

LONGEST_FACT = 80  # characters that stand in the line; more open on a click


def view(_update: Update) -> View:
    line = pane("status")

    def render(scene: Scene | Blank) -> None:
        named = [("Project", scene.project.name)]
        named += [(name, scene.project.facts.get(name.lower())) for name in ("Dataset", "Model", "Method", "Composite")]
        line.text = html.tag("div", *(_fact(name, str(value)) for name, value in named if value), class_="line")

    return View((line,), (), render, blank=render)


def _fact(name: str, value: str) -> Markup:
    """A name and its value; what takes several lines opens on a click."""
    title = html.tag("b", name)
    if "\n" not in value and len(value) <= LONGEST_FACT:
        return html.tag("span", title, " ", value)
    return html.tag("details", html.tag("summary", title), html.tag("pre", value))
