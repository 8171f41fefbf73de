"""What tells the selection from the rest: every variable tested, the strongest first; a click colours or filters."""

from markupsafe import Markup

from spray.arrays.association import Found, associations
from viewer import html
from viewer.scene import Scene
from viewer.scene.points.filters import NAMED, passing
from viewer.scene.points.grouping import variables
from viewer.state import decode, filters
from viewer.state.filters import Filter
from viewer.views.parts import Update, View
from viewer.views.parts.pane import pane

HINT = "Select samples first: every variable is tested for telling them from the rest of the category."
WORDS = (
    "The strongest first, from 0, no difference, to 1. V is Cramér's; AUROC is how often a sample of the selection has"
    " the higher number. p is corrected for the number of variables."
)
SURE = 0.05  # p above which a difference is shown as chance


def view(_update: Update) -> View:
    box = pane("differences")

    def render(scene: Scene) -> None:
        if not scene.state.selection:
            box.text = html.tag("p", HINT, class_="hint")

    def finish(scene: Scene, found: list[Found]) -> None:
        none = html.tag("p", "No variable differs between the selection and the rest.", class_="hint")
        box.text = html.tag("p", WORDS, class_="hint") + html.join(_row(scene, one) for one in found) if found else none

    watches = ("selection", "label", "predicted", "correct", "least", "most", "filter")
    return View((box,), watches, render, work=differences, finish=finish)


def differences(scene: Scene) -> list[Found] | None:
    """Of the selection, from what else passes the filters."""
    category = scene.category
    selected = category.rows(decode(scene.state.selection))
    if not selected.any():
        return None
    known = {name: category.variables[name] for name in variables(category)}
    known |= {name: known[name].astype(str) for name in NAMED if name in known}  # classes have no order
    return associations(known, selected, passing(category, scene.state) & ~selected)


def _row(scene: Scene, found: Found) -> Markup:
    one = found.association
    p = "p < 1e-16" if found.p < 1e-16 else f"p = {found.p:.2g}"
    number = html.tag("span", f"{one.measure} {one.value:.2f}, {p}", class_="size")
    bar = html.tag("span", html.tag("span", found.name, class_="name"), number, class_="head")
    style = f"--share: {one.strength:.3f}"
    title = f"Colour by {found.name}"
    colour = html.button("colour", found.name, bar, class_="bar", style=style, title=title, aria_label=title)
    weak = " weak" if found.p > SURE else ""
    return html.tag("div", colour, _typical(scene, found), class_="difference" + weak)


def _typical(scene: Scene, found: Found) -> Markup:
    if found.association.measure == "AUROC":
        middle = (found.inside + found.outside) / 2
        test = Filter(found.name, ">=" if found.association.value >= 0.5 else "<=", f"{middle:.6g}")
        words = f"median {found.inside:.3g}, of the rest {found.outside:.3g}"
    else:
        test = Filter(found.name, "=", str(found.typical))
        name = scene.category.label_text(found.typical) if found.name in NAMED else found.typical
        words = f"{name}: {found.inside:.0%}, of the rest {found.outside:.0%}"
    text = filters.text((test,))
    return html.tag(
        "p", words, " ", html.button("filter", text, "filter", class_="plain", title=f"Filter by {text}"), class_="hint"
    )
