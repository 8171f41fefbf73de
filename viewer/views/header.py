"""Project tabs above, names and remedies below."""

from viewer import html
from viewer.resolve import Scene
from viewer.views.pane import pane
from viewer.views.view import Update, View

OFFERED = 50  # categories beside one that cannot be shown
LINE = 80  # characters of the status line for one fact

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


def header(_update: Update) -> View:
    tabs = pane("tabs")
    problem = pane("problem")

    def render(scene: Scene) -> None:
        tabs.text = html.tag("nav", *(_tab(scene, key) for key in scene.projects), aria_label="Projects")
        problem.text = HELP if not scene.projects else _problem(scene)
        problem.visible = bool(problem.text)

    return View((tabs, problem), ("project", "analysis", "category"), render)


def _tab(scene: Scene, key: str) -> str:
    project = scene.projects[key]
    current = "page" if key == scene.state.project else None
    mark = html.tag("span", "!", class_="mark", title="This project could not be opened") if project.error else ""
    return html.button("project", key, html.text(project.name), mark, aria_current=current)


def _problem(scene: Scene) -> str:
    """What is wrong, and what else can be opened."""
    if not scene.problem:
        return ""
    title = html.tag("h1", html.text("This project could not be shown"))
    return html.tag(
        "div", title, html.tag("p", html.text(scene.problem)), _elsewhere(scene), class_="notice", role="alert"
    )


def _elsewhere(scene: Scene) -> str:
    if scene.project is None or scene.project.error:
        return ""
    names = [name for name in scene.project.analyses.get(scene.state.analysis, ()) if name != scene.state.category]
    buttons = (
        html.button("category", name, html.text(scene.project.category_text(name)), class_="plain")
        for name in names[:OFFERED]
    )
    return html.tag("p", "Other categories: ", ", ".join(buttons)) if names else ""


def status(_update: Update) -> View:
    line = pane("status")

    def render(scene: Scene) -> None:
        facts = scene.project.facts if scene.project else {}
        named = [("Project", scene.project.name if scene.project else "")]
        named += [(name, facts.get(name.lower())) for name in ("Dataset", "Model", "Method", "Composite")]
        line.text = html.tag("div", *(_fact(name, str(value)) for name, value in named if value), class_="line")

    return View((line,), (), render)


def _fact(name: str, value: str) -> str:
    """A name and its value; what takes several lines opens on a click."""
    title = html.tag("b", name)
    if "\n" not in value and len(value) <= LINE:
        return html.tag("span", f"{title} {html.text(value)}")
    return html.tag("details", html.tag("summary", title), html.tag("pre", html.text(value)))
