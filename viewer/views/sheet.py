"""The contact sheet: every cluster of a category on one page."""

import numpy as np
from markupsafe import Markup

from viewer import html
from viewer.pictures import mean_modes
from viewer.scene import Scene
from viewer.scene.addresses import LOOK_SETTINGS, SCALE_SETTINGS, cluster_address, sharpness
from viewer.scene.sheet import Card, scores, sheet
from viewer.state import decode
from viewer.views.parts import Update, View
from viewer.views.parts.pane import pane
from viewer.views.parts.tile import thumbnail

WATCHES = ("clustering", "mode", "colour", "paint", *LOOK_SETTINGS, *SCALE_SETTINGS)


def view(_update: Update) -> View:
    box = pane("sheet")

    def render(scene: Scene) -> None:
        cards = (_card(scene, card) for card in sheet(scene.project, scene.category, scene.state))
        box.text = _title(scene) + html.tag("div", *cards, class_="cards")

    return View((box,), WATCHES, render, shown_in="clusters")


def _title(scene: Scene) -> Markup:
    name = scene.project.category_text(scene.category.name)
    words = [f"{key} {value:.3g}" for key, value in scores(scene.category, scene.state.clustering).items()]
    facts = ((key, scene.category.facts.get(key)) for key in ("eigengap", "suggested_k"))
    words += [
        f"{key.replace('_', ' ')} {value:.3g}" for key, value in facts if isinstance(value, int | float | np.number)
    ]
    line = html.tag("p", ", ".join([f"{len(scene.category.sample)} samples", *words]), class_="hint")
    return html.tag("h2", f"{name}, {scene.state.clustering}") + line + _selected(scene)


def _selected(scene: Scene) -> Markup:
    if not (count := len(decode(scene.state.selection))):
        return Markup()
    show = html.button("view", "explore", "Look at them in Explore", class_="plain")
    return html.tag("p", html.tag("b", f"{count} samples are selected."), " ", show, role="status", class_="selected")


def _card(scene: Scene, card: Card) -> Markup:
    number = card.group.number
    dot = html.tag("span", class_="dot", style=f"background: {card.group.colour}")
    size = f"{card.group.size} samples, {card.share:.0%}"
    size += f", {card.group.selected} selected" if card.group.selected else ""
    whole = "true" if card.group.selected == card.group.size else "false"
    name = html.tag("b", card.group.name)
    title = html.button("cluster", number, dot, name, title="Select this cluster", aria_pressed=whole)
    shown = mean_modes(scene.project, scene.state.method)
    means = html.join(_mean(scene, number, mode, caption) for mode, caption in shown.items())
    head = html.tag("div", title, html.tag("span", size, class_="hint"), class_="head")
    rows = html.tag("div", means, class_="means", data_pictures=len(shown)) + _row(scene, "typical", card.typical)
    current = "true" if card.group.selected else None
    return html.tag("article", head, rows, _row(scene, "unusual", card.unusual), _labels(card), aria_current=current)


def _mean(scene: Scene, number: int, mode: str, caption: str) -> Markup:
    alt = f"{caption} of cluster {number}"
    shown = html.tag("img", src=cluster_address(scene, number, mode), alt=alt, class_=sharpness(scene), loading="lazy")
    return html.tag("figure", shown, html.tag("figcaption", caption))


def _row(scene: Scene, title: str, samples: list[int]) -> Markup:
    if not samples:
        return Markup()
    shown = html.join(thumbnail(scene, sample, scene.state.mode) for sample in samples)
    return html.tag("div", html.tag("span", title, class_="hint"), shown, class_="three")


def _labels(card: Card) -> Markup:
    most = max((count for _, count in card.labels), default=1)
    bars = (
        html.tag("span", f"{label}: {count}", style=f"--share: {count / most:.3f}", class_="bar")
        for label, count in card.labels
    )
    words = [] if card.wrong is None else [f"{card.wrong:.0%} predicted wrong"]
    words += [f"{name} {value:.2f}" for name, value in card.scores.items()]
    return html.tag("div", *bars, class_="bars") + html.tag("p", ", ".join(words), class_="hint")
