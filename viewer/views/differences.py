"""What tells the selection from the rest: every variable tested, the strongest first; a click colours or filters."""

from markupsafe import Markup

from spray.arrays.association import Found
from viewer import html
from viewer.scene import Scene
from viewer.scene.contrast.differences import MOST_TESTED, differences, measured, typical
from viewer.views.parts import Update, View
from viewer.views.parts.pane import pane

HINT = "Select samples first: every variable is tested for telling them from the rest of the category."
WORDS = (
    "The strongest first, from 0, no difference, to 1. V is Cramér's; AUROC is how often a sample of the selection has"
    " the higher number. p is corrected for the number of variables."
    f" Of more than {MOST_TESTED} samples on either side so many at most are tested, evenly spread."
)
SURE = 0.05  # p above which a difference is shown as chance


def view(_update: Update) -> View:
    box = pane("differences")

    def render(scene: Scene) -> None:
        if not scene.state.selection:
            box.text = html.tag("p", HINT, class_="hint")

    def finish(scene: Scene, found: list[Found]) -> None:
        none = html.tag("p", "No variable differs between the selection and the rest.", class_="hint")
        box.text = (
            html.join([*(_row(scene, one) for one in found), html.tag("p", WORDS, class_="hint")]) if found else none
        )

    watches = ("selection", "label", "predicted", "correct", "least", "most", "filter")
    return View((box,), watches, render, work=differences, finish=finish)


def _row(scene: Scene, found: Found) -> Markup:
    number = html.tag("span", measured(found), class_="size")
    head = html.tag("span", html.tag("span", found.name, class_="name"), number, class_="head")
    style, title = f"--share: {found.association.strength:.3f}", f"Colour by {found.name}"
    colour = html.button("colour", found.name, head, class_="bar", style=style, title=title, aria_label=title)
    words, text = typical(scene, found)
    choose = html.button("filter", text, "filter", class_="plain", title=f"Filter by {text}")
    weak = " weak" if found.p > SURE else ""
    return html.tag("div", colour, html.tag("p", words, " ", choose, class_="hint"), class_="difference" + weak)
