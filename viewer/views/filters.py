"""Filters by label, prediction, correctness, confidence; what they leave out stays as a faint background."""

from dataclasses import replace
from typing import Any

from bokeh.models import RangeSlider, Select
from markupsafe import Markup

from viewer import html
from viewer.scene import Scene
from viewer.scene.points.filters import is_filtered, passing, values
from viewer.state import decode, encode
from viewer.views.parts import Update, View
from viewer.views.parts.pane import pane

WATCHES = ("label", "predicted", "correct", "least", "most")
VARIABLES = {"label": "label", "predicted": "prediction", "correct": "correct"}
TITLES = {"label": "True label", "predicted": "Predicted label", "correct": "Prediction is"}


def view(update: Update) -> View:
    selects = {name: Select(name=f"filter_{name}", title=title) for name, title in TITLES.items()}
    confidence = RangeSlider(
        name="filter_confidence", title="Confidence", start=0, end=1, step=0.01, value=(0, 1), show_value=True
    )
    note = pane("filtered")
    shown: list[Scene] = []

    def change(**changes: Any) -> None:
        for scene in shown:  # nothing stays selected that is filtered out
            category, state = scene.category, replace(scene.state, **changes)
            keep = category.rows(decode(state.selection)) & passing(category, state)
            update(**changes, page=0, selection=encode(category.sample[keep]))

    for name, select in selects.items():
        select.on_change("value", lambda _attr, _old, new, name=name: change(**{name: new}))
    confidence.on_change("value_throttled", lambda _attr, _old, new: change(least=new[0], most=new[1]))

    def render(scene: Scene) -> None:
        shown[:] = [scene]
        for name, select in selects.items():
            known = [(value, scene.project.label_text(value)) for value in values(scene.category, VARIABLES[name])]
            select.update(options=[("", "any"), *known], visible=len(known) > 1 or bool(getattr(scene.state, name)))
            select.value = getattr(scene.state, name)
        confidence.visible = "confidence" in scene.category.variables
        confidence.value = (scene.state.least, scene.state.most)
        note.text = _note(scene)

    return View((*selects.values(), confidence, note), WATCHES, render)


def _note(scene: Scene) -> Markup:
    if not is_filtered(scene.state):
        return html.tag("p", "No filter: every sample can be selected.", class_="hint")
    rows = passing(scene.category, scene.state)
    text = html.tag("p", f"{rows.sum()} of {len(rows)} samples pass.")
    return text + html.tag("p", html.button("all", "", "Select them", class_="plain"))
