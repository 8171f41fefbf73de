"""The selection against a finding, or against the rest of its category: mean images, mean heatmaps, labels."""

from collections.abc import Iterator

import numpy as np
from bokeh.models import Select
from markupsafe import Markup

from spray.arrays.association import association
from viewer import html
from viewer.pictures import few, mean_modes
from viewer.projects import Category, findings
from viewer.projects.classes import class_of, masks
from viewer.scene import Scene
from viewer.scene.addresses import LOOK_SETTINGS, mean_address, sharpness, some
from viewer.scene.contrast.comparison import label_counts
from viewer.state import decode
from viewer.views.parts import Update, View
from viewer.views.parts.pane import pane

HINT = "Select samples in the plot first: they are compared with the rest of the category, or with a finding."


def view(update: Update) -> View:
    box = pane("compare")
    against = Select(name="against", title="Compare the selection with")
    against.on_change("value", lambda _attr, _old, new: update(against=new))

    def render(scene: Scene) -> None:
        found = findings.load(scene.project.home)
        against.update(options=[("", "the rest of the category"), *((name, name) for name in found)])
        name = scene.state.against if scene.state.against in found else ""
        against.value = name
        chosen = decode(scene.state.selection)
        rest = found[name].ids if name else np.setdiff1d(scene.category.sample, chosen)
        rest = _explained(scene, rest[scene.project.find(rest) >= 0])
        box.text = _compared(scene, chosen, rest, name) if chosen.size and rest.size else html.tag("p", HINT)

    watches = ("selection", "against", *LOOK_SETTINGS)
    return View((box, against), watches, render, shown_in="compare", has_findings=True)


def _explained(scene: Scene, ids: np.ndarray) -> np.ndarray:
    """Those that have relevance of the class that is shown: a finding of another category may hold others."""
    of = class_of(scene.state.method)
    if of is None:
        return ids
    labels = masks(scene.project.attributions, scene.project.find(ids))
    return ids[labels.get(str(of), np.zeros(len(ids), bool))]


def _compared(scene: Scene, chosen: np.ndarray, rest: np.ndarray, name: str) -> Markup:
    a, b = some(chosen), some(rest)
    columns = [_column(scene, "selection", chosen, a, b), _column(scene, name or "rest", rest, b, a)]
    columns += [
        html.tag(
            "article",
            html.tag("h3", "Difference"),
            html.tag("div", _picture(scene, address, "selection minus other"), class_="means", data_pictures=1),
        )
        for mode in mean_modes(scene.project, scene.state.method)
        if mode != "input"
        for address in [mean_address(scene, mode, a, minus=b, other=b)]
    ]
    shared = np.intersect1d(chosen, rest).size
    many = few(scene.project, scene.state.method) if scene.state.method in scene.project.attributions else 1
    words = f"Means of at most {many} samples each, evenly spread, on one scale. {shared} samples are in both."
    hints = (html.tag("p", line, class_="hint") for line in (words, *_tests(scene.category, chosen, rest)))
    return html.tag("section", *hints, html.tag("div", *columns, class_="cards"))


def _tests(category: Category, chosen: np.ndarray, rest: np.ndarray) -> Iterator[str]:
    """Whether labels and predictions differ between the two sets."""
    for name in ("label", "prediction"):
        values = category.variables.get(name)
        found = None if values is None else association(values.astype(str), category.rows(chosen), category.rows(rest))
        if found:
            yield f"{name}: Cramér's V {found.strength:.2f}, p {_p(found.p)} (chi-squared)"


def _p(value: float) -> str:
    return "< 1e-16" if value < 1e-16 else f"= {value:.2g}"


def _column(scene: Scene, name: str, ids: np.ndarray, samples: str, other: str) -> Markup:
    title = html.tag("h3", f"{name}, {len(ids)} samples")
    shown = mean_modes(scene.project, scene.state.method)
    places = {mode: mean_address(scene, mode, samples, other="" if mode == "input" else other) for mode in shown}
    pictures = html.join(_picture(scene, places[mode], caption) for mode, caption in shown.items())
    counts = label_counts(scene.project, scene.category, np.flatnonzero(scene.category.rows(ids)))
    labels = html.tag("p", ", ".join(f"{label}: {count}" for label, count in counts), class_="hint")
    return html.tag("article", title, html.tag("div", pictures, class_="means", data_pictures=len(shown)), labels)


def _picture(scene: Scene, address: str, caption: str) -> Markup:
    shown = html.tag("img", src=address, alt=caption, class_=sharpness(scene), loading="lazy")
    return html.tag("figure", shown, html.tag("figcaption", caption))
