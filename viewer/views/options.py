"""Which data the plots show: analysis, category, clustering, embeddings, axes, colours."""

from collections.abc import Iterable, Mapping
from typing import Any

from bokeh.models import AutocompleteInput, Select

from viewer.projects import offered
from viewer.scene import Scene
from viewer.scene.points.grouping import variables
from viewer.state import CHOICES
from viewer.views.parts import Update, View

AXES = ("x", "y", "beside_x", "beside_y")
WATCHES = ("analysis", "method", "category", "clustering", "embedding", "beside", *AXES, "colour", "markers")
TITLES = {
    "analysis": "Analysis",
    "method": "Method",
    "clustering": "Clustering",
    "embedding": "Embedding",
    "x": "x axis",
    "y": "y axis",
    "markers": "Points as",
    "beside": "Beside it",
    "beside_x": "x axis there",
    "beside_y": "y axis there",
    "colour": "Colour by",
}


def view(update: Update) -> View:
    selects = {name: Select(name=name, title=title) for name, title in TITLES.items()}
    category = AutocompleteInput(
        name="category",
        title="Category",
        restrict=True,
        min_characters=0,
        max_completions=2000,
        search_strategy="includes",
        case_sensitive=False,
        width=190,
    )
    names: dict[str, str] = {}
    for name, select in selects.items():
        select.on_change("value", lambda _attr, _old, new, name=name: update(**_change(name, new)))
    category.on_change("value", lambda _attr, _old, new: update(**_change("category", names.get(str(new), new))))

    def render(scene: Scene) -> None:
        for name, choices in _choices(scene).items():
            _fill(selects[name], choices, str(getattr(scene.state, name)))
        for name in AXES:
            selects[name].visible = len(selects[name].options) > 2
        selects["method"].visible = len(selects["method"].options) > 1
        names.clear()
        names.update({scene.project.category_text(name): name for name in scene.project.analyses[scene.state.analysis]})
        category.completions = list(names)
        category.value = scene.project.category_text(scene.state.category)

    return View((category, *selects.values()), WATCHES, render)


def _fill(select: Select, choices: list[tuple[str, str]], value: str) -> None:
    if select.options != choices:
        select.update(options=choices)
    select.value = value
    select.disabled = len(choices) < 2


def _change(name: str, value: Any) -> dict[str, object]:
    """Another category has other samples, another embedding other axes."""
    beside = "beside_" if name.startswith("beside") else ""
    if name in ("analysis", "category"):
        gone: dict[str, object] = dict.fromkeys(
            ("selection", "label", "predicted", "filter", "window", "beside_window"), ""
        )
        return gone | {name: value, "focus": None, "page": 0}
    if name in ("embedding", "beside"):
        return {name: value, f"{beside}x": 0, f"{beside}y": 1, f"{beside}window": ""}
    if name in ("clustering", "colour"):  # other groups
        return {name: value, "paint": "", "scale": "", "low": None, "high": None}
    if name in AXES:
        return {name: int(value), f"{beside}window": ""}
    return {name: value}


def _choices(scene: Scene) -> Mapping[str, list[tuple[str, str]]]:
    project, category, state = scene.project, scene.category, scene.state
    embeddings = _same(category.embeddings)
    axes = _axes(category.embeddings[state.embedding].shape[1])
    beside = _axes(category.embeddings[state.beside].shape[1]) if state.beside else []
    return {
        "analysis": _same(name for name, categories in project.analyses.items() if categories),
        "method": list(offered(project, scene.category).items()),
        "clustering": _same(dict.fromkeys([*category.clusterings, state.clustering])),
        "embedding": embeddings,
        "x": axes,
        "y": axes,
        "markers": _same(CHOICES["markers"]),
        "beside": [("", "nothing"), *embeddings],
        "beside_x": beside,
        "beside_y": beside,
        "colour": _same(dict.fromkeys(["cluster", *variables(category), state.colour])),
    }


def _same(names: Iterable[str]) -> list[tuple[str, str]]:
    return [(name, name) for name in names]


def _axes(count: int) -> list[tuple[str, str]]:
    return [(str(axis), str(axis + 1)) for axis in range(count)]
