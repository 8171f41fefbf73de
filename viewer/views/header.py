"""Project tabs, and what there is to do where nothing can be shown."""

from viewer import html
from viewer.scene import Blank, Scene
from viewer.views.parts import Update, View
from viewer.views.parts.pane import pane

OFFERED = 50  # categories beside one that cannot be shown

HELP = html.tag(
    "div",
    html.tag("h1", "No project is open"),
    html.tag("p", "Give the folders of one or more projects when you start the viewer:"),
    html.tag("pre", "bokeh serve viewer --args PROJECT [PROJECT ...]"),
    html.tag("p", "A project is the folder that holds <code>project.json</code>, as written by "),
    html.tag(
        "pre", 'lrp.attribute_dataset(explain, dataset, "PROJECT")\nspray.save_analysis(analysis, "PROJECT", ...)'
    ),
    class_="notice",
)


def view(_update: Update) -> View:
    tabs = pane("tabs")
    problem = pane("problem")

    def render(scene: Scene | Blank) -> None:
        tabs.text = html.tag("nav", *(_tab(scene, key) for key in scene.projects), aria_label="Projects")
        problem.text = HELP if not scene.projects else _problem(scene)
        problem.visible = bool(problem.text)

    return View((tabs, problem), ("project", "analysis", "category"), render, blank=render)


def _tab(scene: Scene | Blank, key: str) -> str:
    project = scene.projects[key]
    current = "page" if key == scene.state.project else None
    mark = html.tag("span", "!", class_="mark", title="This project could not be opened") if project.error else ""
    return html.button("project", key, html.text(project.name), mark, aria_current=current)


def _problem(scene: Scene | Blank) -> str:
    """What is wrong, and what else can be opened."""
    if isinstance(scene, Scene):
        return ""
    title = html.tag("h1", html.text("This project could not be shown"))
    return html.tag(
        "div", title, html.tag("p", html.text(scene.problem)), _elsewhere(scene), class_="notice", role="alert"
    )


def _elsewhere(scene: Blank) -> str:
    if scene.project.error:
        return ""
    names = [name for name in scene.project.analyses.get(scene.state.analysis, ()) if name != scene.state.category]
    buttons = (
        html.button("category", name, html.text(scene.project.category_text(name)), class_="plain")
        for name in names[:OFFERED]
    )
    return html.tag("p", "Other categories: ", ", ".join(buttons)) if names else ""
