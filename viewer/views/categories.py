"""All categories of the analysis, the most suspicious first: a card each, then all numbers; a click opens one."""

from typing import Any

from markupsafe import Markup

from viewer import html
from viewer.pictures import mean_modes
from viewer.scene import Scene
from viewer.scene.addresses import LOOK_SETTINGS, sharpness, suspect_address
from viewer.scene.meanings import meaning
from viewer.scene.overview import MOST_LISTED, TEXTS, Card, Overview, overview
from viewer.views.parts import Update, View
from viewer.views.parts.pane import pane

LOOK_HERE = "look here"  # of a card's judgements the one that asks for a look
INTRODUCTION = (
    "The most suspicious first. Each card sets the suspect group beside its whole category: look at what"
    " differs. A click opens the group. A high number is a hint to look, not a proof."
)
NOTHING_STANDS_OUT = (
    "By the numbers none of these groups stands out from what is usual. Nor does a cue that a whole category or several"
    " of them share: look at the first ones all the same."
)
NO_CARDS = "The most suspicious first. A high score is a hint to look, not a proof."


def view(_update: Update) -> View:
    box = pane("categories")

    def render(scene: Scene) -> None:
        found = overview(scene.project, scene.state.analysis, scene.state.order)
        title = html.tag("h2", f"Categories of {scene.state.analysis}: {len(found.rows)}")
        note = html.tag("p", INTRODUCTION if found.cards else NO_CARDS, class_="hint")
        judged = {card.judgement for card in found.cards} - {""}
        note += html.tag("p", NOTHING_STANDS_OUT, class_="hint") if judged and LOOK_HERE not in judged else ""
        missing = html.tag("p", f"Not looked at: {found.missing}", class_="hint") if found.missing else ""
        cards = html.tag("div", *(_card(scene, card) for card in found.cards), class_="cards") if found.cards else ""
        box.text = title + note + missing + cards + _table(scene, found)

    return View((box,), ("analysis", "order", "category", *LOOK_SETTINGS), render, shown_in="categories")


def _card(scene: Scene, card: Card) -> Markup:
    name = scene.project.category_text(card.category)
    judged = html.tag("span", card.judgement, class_="wrong" if card.judgement == LOOK_HERE else "hint")
    title = html.button("category", card.category, html.tag("b", name), title="Open the suspect group")
    where = f"{card.suspect.analysis}, {card.suspect.clustering}, cluster {card.suspect.cluster}"
    words = [html.tag("p", card.reasons)] if card.reasons else []
    current = "true" if card.category == scene.state.category else None
    return html.tag(
        "article",
        html.tag("div", title, judged, class_="head"),
        _pictures(scene, card, name),
        *words,
        html.tag("dl", *(_number_of(key, value) for key, value in card.numbers.items()), class_="meanings"),
        html.tag("p", where, class_="hint"),
        aria_current=current,
    )


def _pictures(scene: Scene, card: Card, name: str) -> Markup:
    """The suspect above, its category below; a click on any of them opens the suspect."""
    shown = mean_modes(scene.project, scene.state.method)
    figures = []
    for whole, whose in ((False, "suspect"), (True, "category")):
        for mode, caption in shown.items():
            address = suspect_address(scene, card.category, card.suspect, mode, whole=whole)
            text = f"{whose}: {caption}"
            picture = html.tag("img", src=address, alt=f"{text} of {name}", class_=sharpness(scene), loading="lazy")
            figures.append(html.tag("span", picture, html.tag("span", text, class_="hint")))
    label = f"Open the suspect group of {name}"
    return html.button("category", card.category, *figures, class_="means", data_pictures=len(shown), aria_label=label)


def _number_of(name: str, value: float) -> Markup:
    term = html.tag("dt", name.replace("_", " "), " ", html.tag("b", _number(value)))
    return term + html.tag("dd", meaning(name), class_="hint")


def _table(scene: Scene, found: Overview) -> Markup:
    head = html.tag("tr", html.tag("th", "category"), *(_heading(name, found.order) for name in found.columns))
    rows = (_row(scene, name, values, found) for name, values in found.rows[:MOST_LISTED])
    table = html.tag("div", html.tag("table", head, *rows, class_="overview"), class_="wide")
    listed = f"The first {MOST_LISTED} of {len(found.rows)} are listed." if len(found.rows) > MOST_LISTED else ""
    terms = (
        html.tag("dt", name.replace("_", " ")) + html.tag("dd", meaning(name), class_="hint")
        for name in found.columns
        if name not in TEXTS
    )
    title = html.tag("h3", "All numbers") if found.cards else ""
    return html.tag("section", title, table, html.tag("p", listed, class_="hint"), html.tag("dl", *terms))


def _heading(name: str, order: str) -> Markup:
    label = name.replace("_", " ")
    if name in TEXTS:
        return html.tag("th", label)
    button = html.button("order", name, label, title=meaning(name))
    return html.tag("th", button, aria_sort="descending" if name == order else None)


def _row(scene: Scene, name: str, values: dict[str, Any], found: Overview) -> Markup:
    text = scene.project.category_text(name)
    if values["error"]:
        failed = html.tag("td", f"failed: {values['error']}", colspan=len(found.columns), class_="wrong")
        return html.tag("tr", html.tag("td", text), failed)
    current = "true" if name == scene.state.category else None
    cells = (html.tag("td", _number(values[column])) for column in found.columns)
    return html.tag("tr", html.tag("td", html.button("category", name, text)), *cells, aria_current=current)


def _number(value: float | str) -> str:
    if isinstance(value, str):
        return value or "–"
    if value != value:
        return "–"
    return str(int(value)) if float(value).is_integer() else f"{value:.3f}"
