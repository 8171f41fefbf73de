"""Correct a finding: in which layer, by which method; the command for it, or a request that a worker does."""

from typing import NamedTuple

import numpy as np
from markupsafe import Markup

from spray.store import corrections
from spray.store.corrections import METHODS, Request
from viewer import html
from viewer.projects import Finding
from viewer.projects.corrected import corrections_of
from viewer.scene import Scene
from viewer.scene.correcting import AUTO, Layer, command, finding_to_correct, layers_of, warnings_of
from viewer.views.parts import Update, View
from viewer.views.parts.pane import pane

NONE_KEPT = (
    "This project keeps no hidden layer, so its AUROC cannot be told here: lrp correct looks at all of them. "
    "lrp attribute --concepts LAYER keeps one."
)
WATCH = "lrp correct PROJECT --watch --model MODEL --weights WEIGHTS --test TEST"
KEPT = "A request is kept with the project until a worker has done it: "
SHOWN = 8  # requests, the last ones


class Prepared(NamedTuple):
    finding: Finding
    layers: list[Layer]


def view(_update: Update) -> View:
    box = pane("corrections")

    def render(scene: Scene) -> None:
        box.text = _requests(scene)

    def finish(scene: Scene, found: Prepared) -> None:
        box.text = _form(scene, found) + _requests(scene)

    watches = ("correcting", "at_layer", "by_method")
    return View(
        (box,), watches, render, work=work, finish=finish, shown_in="findings", has_findings=True
    )  # fmt: skip


def work(scene: Scene) -> Prepared | None:
    """Directions take a moment."""
    if scene.state.view != "findings" or (finding := finding_to_correct(scene)) is None:
        return None
    return Prepared(finding, layers_of(scene, finding))


def _form(scene: Scene, found: Prepared) -> Markup:
    state, finding = scene.state, found.finding
    auto = [Layer(AUTO, "the one that tells it best", np.nan)]
    rows = [_choice("at_layer", one.name, _layer(one), state.at_layer) for one in auto + found.layers]
    methods = [_choice("by_method", name, words, state.by_method) for name, words in METHODS.items()]
    said = [html.tag("p", line, role="alert") for line in warnings_of(scene, finding, found.layers)]
    none = [] if found.layers else [html.tag("p", NONE_KEPT, class_="hint")]
    text = command(scene, finding)
    ask = html.button("queue", finding.name, "Ask for it", class_="ask", title="Queue it: lrp correct --watch does it")
    copy = html.tag("button", "Copy", type="button", data_copy=text, class_="plain")
    close = html.button("correct", "", "Close", class_="plain")
    return html.tag(
        "section",
        html.tag("div", html.tag("h2", f"Correct {finding.name}"), close, class_="title"),
        *said,
        html.tag("h3", "Where its direction is taken"), *none, html.tag("div", *rows, class_="choices"),
        html.tag("h3", "How"), html.tag("div", *methods, class_="choices"),
        html.tag("h3", "In a shell"), html.tag("pre", text, tabindex=0), copy,
        html.tag("h3", "Or by a worker"), ask,
        html.tag("p", KEPT, html.tag("code", WATCH), class_="hint"),
        class_="correction",
    )  # fmt: skip


def _layer(one: Layer) -> str:
    return one.statistic if np.isnan(one.auroc) else f"AUROC {one.auroc:.2f}, of the {one.statistic}"


def _choice(action: str, name: str, words: str, chosen: str) -> Markup:
    current = "true" if name == chosen else "false"
    return html.button(
        action, name, html.tag("strong", name), " ", html.tag("span", words), aria_pressed=current, class_="choice"
    )


def _requests(scene: Scene) -> Markup:
    """What was asked for, the last first, and what came of it."""
    asked = corrections.read(scene.project.home)[::-1]
    proven = {one.project.path.name for one in corrections_of(scene.projects, scene.project) if one.project.of}
    rows = [_request(one, str(one.number) in proven) for one in asked[:SHOWN]]
    return html.tag("div", html.tag("h2", "Corrections"), *rows, class_="requests") if rows else Markup()


def _request(one: Request, proven: bool) -> Markup:
    waiting = "waiting for lrp correct --watch, or being done"
    see = html.button("proof", one.finding, "Before and after", class_="plain") if proven else ""
    words = f"{one.number}. {one.finding}, layer {one.layer}, method {one.method}: "
    said = waiting if one.state == corrections.OPEN else f"{one.state}. {one.said}"
    return html.tag("p", words, html.tag("span", said, class_="hint"), " ", see, data_request=one.number)
