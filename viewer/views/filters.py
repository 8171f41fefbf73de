"""Filters by label, prediction, correctness, confidence and any variable; what they leave out stays as a faint
background."""

from dataclasses import replace
from typing import Any

from bokeh.models import RangeSlider, Select, TextInput
from markupsafe import Markup

from viewer import html
from viewer.scene import Scene
from viewer.scene.points.filters import is_filtered, narrowed, passing, values
from viewer.scene.points.grouping import variables
from viewer.state.filters import parsed, text
from viewer.views.parts import Update, View
from viewer.views.parts.pane import pane

WATCHES = ("label", "predicted", "correct", "least", "most", "filter")
VARIABLES = {"label": "label", "predicted": "prediction", "correct": "correct"}
TITLES = {"label": "True label", "predicted": "Predicted label", "correct": "Prediction is"}


def view(update: Update) -> View:
    selects = {name: Select(name=f"filter_{name}", title=title) for name, title in TITLES.items()}
    confidence = RangeSlider(
        name="filter_confidence", title="Confidence", start=0, end=1, step=0.01, value=(0, 1), show_value=True
    )
    typed = TextInput(name="filter", title="Search and filter", placeholder="17, or a word, or confidence>0.9")
    note = pane("filtered")
    shown: list[Scene] = []

    def change(**changes: Any) -> None:
        for scene in shown:  # nothing stays selected that is filtered out
            state = replace(scene.state, **changes)
            update(**changes, page=0, selection=narrowed(scene.category, state))

    def search(text: str) -> None:
        try:
            change(filter=text)
        except ValueError:  # not to be read, or nothing to compare with: the session says why
            update(filter=text)

    for name, select in selects.items():
        select.on_change("value", lambda _attr, _old, new, name=name: change(**{name: new}))
    typed.on_change("value", lambda _attr, _old, new: search(new))
    confidence.on_change("value_throttled", lambda _attr, _old, new: change(least=new[0], most=new[1]))

    def render(scene: Scene) -> None:
        shown[:] = [scene]
        for name, select in selects.items():
            known = [(value, scene.project.label_text(value)) for value in values(scene.category, VARIABLES[name])]
            select.update(options=[("", "any"), *known], visible=len(known) > 1 or bool(getattr(scene.state, name)))
            select.value = getattr(scene.state, name)
        confidence.visible = "confidence" in scene.category.variables
        confidence.value = (scene.state.least, scene.state.most)
        typed.value = scene.state.filter
        note.text = _typed(scene) + _note(scene)

    return View((typed, *selects.values(), confidence, note), WATCHES, render)


def _typed(scene: Scene) -> Markup:
    """What was typed, each to be taken away again; or what may be."""
    words = [text((test,)) for test in parsed(scene.state.filter)]
    if words:
        chips = (
            html.button("unfilter", word, word, " ×", class_="chip", title="Take this filter away") for word in words
        )
        return html.tag("p", *chips)
    known = ", ".join(variables(scene.category))
    return html.tag(
        "p", f"Several words have to pass all: label=3|7 size<10 file~scan. Variables: {known}.", class_="hint"
    )


def _note(scene: Scene) -> Markup:
    if not is_filtered(scene.state):
        return html.tag("p", "No filter: every sample can be selected.", class_="hint")
    rows = passing(scene.category, scene.state)
    text = html.tag("p", f"{rows.sum()} of {len(rows)} samples pass.")
    return text + html.tag("p", html.button("all", "", "Select them", class_="plain"))
