"""Which data the plot shows: analysis, category, clustering, embedding, axes."""

from bokeh.models import Select

from viewer.resolve import Scene
from viewer.views.view import Update, View

WATCHES = ("analysis", "category", "clustering", "embedding", "x", "y")


def options(update: Update) -> View:
    selects = {
        "analysis": Select(name="analysis", title="Analysis"),
        "category": Select(name="category", title="Category"),
        "clustering": Select(name="clustering", title="Clustering"),
        "embedding": Select(name="embedding", title="Embedding"),
        "x": Select(name="x", title="x axis", width=64),
        "y": Select(name="y", title="y axis", width=64),
    }
    for name, select in selects.items():
        select.on_change("value", lambda _attr, _old, new, name=name: update(**_change(name, new)))

    def render(scene: Scene) -> None:
        for name, choices in _choices(scene).items():
            if selects[name].options != choices:
                selects[name].options = choices  # pyright: ignore[reportAttributeAccessIssue]
            selects[name].value = str(getattr(scene.state, name))
            selects[name].disabled = len(choices) < 2

    return View(tuple(selects.values()), WATCHES, render)


def _change(name: str, value: str) -> dict[str, object]:
    """Another category has other samples, another embedding other axes."""
    if name in ("analysis", "category"):
        return {name: value, "selection": "", "focus": None, "page": 0}
    if name == "embedding":
        return {name: value, "x": 0, "y": 1}
    return {name: value}


def _choices(scene: Scene) -> dict[str, list[tuple[str, str]]]:
    project, category, state = scene.project, scene.category, scene.state
    if project is None or category is None:
        return {}
    axes = [(str(axis), str(axis + 1)) for axis in range(category.embeddings[state.embedding].shape[1])]
    return {
        "analysis": [(name, name) for name, categories in project.analyses.items() if categories],
        "category": [(name, project.category_text(name)) for name in project.analyses[state.analysis]],
        "clustering": [(name, name) for name in category.clusterings],
        "embedding": [(name, name) for name in category.embeddings],
        "x": axes,
        "y": axes,
    }
