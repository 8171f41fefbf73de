"""Project tabs, and what there is to do where nothing can be shown."""

from collections.abc import Mapping

from markupsafe import Markup

from viewer import html
from viewer.projects import Project
from viewer.scene import Blank, Scene
from viewer.views.parts import Update, View
from viewer.views.parts.pane import pane

MOST_TABS, MOST_LETTERS = 4, 90  # projects beside each other, and what their names may have together
OFFERED = 50  # categories beside one that cannot be shown

HELP = html.tag(
    "div",
    html.tag("h1", "No project is open"),
    html.tag("p", "Give the folders of one or more projects when you start the viewer:"),
    html.tag("pre", "bokeh serve viewer --args PROJECT [PROJECT ...]"),
    html.tag("p", "A project is the folder that holds ", html.tag("code", "project.json"), ", as written by "),
    html.tag(
        "pre", 'lrp.attribute_dataset(explain, dataset, "PROJECT")\nspray.save_analysis(analysis, "PROJECT", ...)'
    ),
    class_="notice",
)


def view(_update: Update) -> View:
    tabs = pane("tabs")
    problem = pane("problem")

    def render(scene: Scene | Blank) -> None:
        shown = {key: project for key, project in scene.projects.items() if not project.of}
        letters = sum(len(project.name) for project in shown.values())
        many = len(shown) > MOST_TABS or (letters > MOST_LETTERS and len(shown) > 1)
        found = [_menu(scene, shown)] if many else [_tab(scene, key) for key in shown]
        tabs.text = html.tag("nav", *found, aria_label="Projects")
        problem.text = HELP if not scene.projects else _problem(scene)
        problem.visible = bool(problem.text)

    return View((tabs, problem), ("project", "analysis", "category"), render, blank=render)


def _menu(scene: Scene | Blank, shown: Mapping[str, Project]) -> Markup:
    """Many projects fit into a menu only."""
    options = (
        html.tag("option", project.name + (" !" if project.error else ""), value=key, selected=_chosen(scene, key))
        for key, project in shown.items()
    )
    return html.tag("select", *options, data_input="project", aria_label="Project")


def _chosen(scene: Scene | Blank, key: str) -> str | None:
    return "" if key == scene.state.project else None


def _tab(scene: Scene | Blank, key: str) -> Markup:
    project = scene.projects[key]
    current = "page" if key == scene.state.project else None
    mark = html.tag("span", "!", class_="mark", title="This project could not be opened") if project.error else ""
    return html.button("project", key, project.name, mark, aria_current=current)


def _problem(scene: Scene | Blank) -> Markup:
    """What is wrong, and what else can be opened."""
    if isinstance(scene, Scene):
        return Markup()
    title = html.tag("h1", "This project could not be shown")
    return html.tag("div", title, html.tag("p", scene.problem), _elsewhere(scene), class_="notice", role="alert")


def _elsewhere(scene: Blank) -> Markup:
    if scene.project.error:
        return Markup()
    names = [name for name in scene.project.analyses.get(scene.state.analysis, ()) if name != scene.state.category]
    buttons = (
        html.button("category", name, scene.project.category_text(name), class_="plain") for name in names[:OFFERED]
    )
    return html.tag("p", "Other categories: ", html.join(buttons, ", ")) if names else Markup()
