"""PCX's sheet: prototypes as columns with share and sample, concepts as rows; and how the focus deviates."""

from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from viewer import html
from viewer.scene import Scene
from viewer.scene.addresses import LOOK_SETTINGS, SCALE_SETTINGS
from viewer.scene.concepts import Prototypes, concept_name, deviations, layer_of, names, prototypes
from viewer.scene.points.grouping import cluster_colour
from viewer.views.parts import Update, View
from viewer.views.parts.concept import concept_head, reference_row
from viewer.views.parts.pane import pane
from viewer.views.parts.tile import thumbnail

WATCHES = ("layer", "colour", "paint", "clustering", "focus", "mode", *LOOK_SETTINGS, *SCALE_SETTINGS)
LIKELIHOOD = "log_likelihood"


class Found(NamedTuple):
    sheet: Prototypes | None
    deviations: list[tuple[int, float]]


def view(_update: Update) -> View:
    box, bars = pane("prototypes"), pane("deviations")

    def render(scene: Scene) -> None:
        if "prototype_sample" not in scene.category.data:
            box.text = bars.text = ""

    def finish(scene: Scene, found: Found) -> None:
        box.text = "" if found.sheet is None else _sheet(scene, found.sheet)
        bars.text = _bars(scene, found.deviations) if found.deviations else ""

    return View((box, bars), WATCHES, render, work=work, finish=finish, shown_in="concepts")


def work(scene: Scene) -> Found | None:
    """What takes long; nothing where the page is not shown, or the analysis has no prototypes."""
    if scene.state.view != "concepts" or "prototype_sample" not in scene.category.data:
        return None
    return Found(prototypes(scene), deviations(scene))


def _sheet(scene: Scene, found: Prototypes) -> Markup:
    known = names(scene, found.layer)
    head = html.tag("tr", html.tag("th", "concept"), *(_column(scene, found, k) for k in range(len(found.sample))))
    most = float(abs(found.mean).max()) or 1.0
    rows = (_row(scene, found, row, known, most) for row in range(len(found.channel)))
    colour = html.button(
        "colour", LIKELIHOOD, "Colour by likelihood", class_="plain",
        title="Low is out of the ordinary; order by unusual first, or filter",
    )  # fmt: skip
    unlikely = html.button("filter", _unlikely(scene), "Only the least likely twentieth", class_="plain")
    category = scene.project.category_text(scene.category.name)
    title = html.tag("h2", f"Prototypes of {category}, {found.layer}", class_="part")
    words = html.tag("p", "Mean share of each concept in percent. ", colour, " ", unlikely, class_="hint")
    table = html.tag("table", head, *rows, class_="prototypes")
    return html.join(
        [title, words, html.tag("div", table, class_="scrolled", tabindex=0, role="region", aria_label="Prototypes")]
    )


def _unlikely(scene: Scene) -> str:
    return f"{LIKELIHOOD}<={np.quantile(scene.category.variables[LIKELIHOOD], 0.05):.6g}"


def _column(scene: Scene, found: Prototypes, number: int) -> Markup:
    colour = cluster_colour(scene.state, number)
    dot = html.tag("span", class_="dot", style=f"background: {colour}")
    words = f"{found.share[number]:.0%}, {found.size[number]} samples"
    title = html.button("cluster", number, dot, f"prototype {number}", title="Select its samples", class_="plain")
    shown = thumbnail(scene, int(found.sample[number]), scene.state.mode)
    return html.tag("th", title, html.tag("div", shown), html.tag("span", words, class_="hint"))


def _row(scene: Scene, found: Prototypes, row: int, known: dict[int, str], most: float) -> Markup:
    channel = int(found.channel[row])
    cells = (
        html.tag("td", f"{value:.1%}", class_="number", style=f"--share: {abs(value) / most:.3f}")
        for value in found.mean[row].tolist()
    )
    head = concept_head(scene, found.layer, channel, known)
    return html.tag("tr", html.tag("th", head, reference_row(scene, found.layer, channel)), *cells)


def _bars(scene: Scene, found: list[tuple[int, float]]) -> Markup:
    """Right of the middle: more than its prototype."""
    known, most = names(scene, layer_of(scene)), max(abs(value) for _, value in found) or 1.0
    bars = (
        html.tag(
            "p",
            html.tag("span", concept_name(known, channel), class_="name"),
            html.tag("span", class_="more" if value > 0 else "less", style=f"--share: {abs(value) / most:.3f}"),
            html.tag("span", f"{100 * value:+.1f}", class_="size"),
        )
        for channel, value in found
    )
    title = html.tag("h2", f"How sample {scene.state.focus} deviates from its prototype", class_="part")
    words = html.tag("p", "In percent of the layer: blue is less, red is more.", class_="hint")
    return html.join([title, words, html.tag("div", *bars, class_="deviations")])
