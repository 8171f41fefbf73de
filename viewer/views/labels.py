"""The confusion table of what is selected: labels, predictions, how often; a click selects the samples of a row."""

from markupsafe import Markup

from viewer import html
from viewer.projects import Project
from viewer.scene import Scene
from viewer.scene.contrast.confusion import Confusion, Pair, confusion
from viewer.views.parts import Update, View
from viewer.views.parts.pane import pane

SEVERAL = "Samples have several labels each: there is no table of label and prediction. Differs tests each label."


def view(_update: Update) -> View:
    box = pane("labels")

    def render(scene: Scene) -> None:
        found = confusion(scene.category, scene.state)
        why = SEVERAL if scene.category.labels else "This project has no labels and predictions of its samples."
        unknown = html.tag("p", why, class_="hint")
        box.text = unknown if found is None else _table(scene.project, found, bool(scene.state.selection))

    return View((box,), ("selection",), render)


def _table(project: Project, found: Confusion, is_selection: bool) -> Markup:
    head = html.tag("tr", *(html.tag("th", word, scope="col") for word in ("label", "predicted", "samples")))
    words = "Of the selection" if is_selection else "Of all samples"
    more = f", the {len(found.pairs)} most frequent of {found.different}" if found.different > len(found.pairs) else ""
    rows = (_row(project, pair) for pair in found.pairs)
    return html.tag("table", html.tag("caption", words + more), head, *rows, class_="confusion")


def _row(project: Project, pair: Pair) -> Markup:
    label, prediction = project.label_text(pair.label), project.label_text(pair.prediction)
    select = html.button("pair", pair.number, pair.samples, aria_label=f"Select {label} seen as {prediction}")
    wrong = "wrong" if pair.label != pair.prediction else None
    cells = (html.tag("td", label), html.tag("td", prediction, class_=wrong))
    return html.tag("tr", *cells, html.tag("td", select))
