"""Concepts: the channels that tell the selection from the rest, each with references, and more samples like it."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from bokeh.models import Select
from markupsafe import Markup

from spray.store import ProjectError
from viewer import html
from viewer.projects.channels import layers
from viewer.scene import Scene
from viewer.scene.addresses import LOOK_SETTINGS, SCALE_SETTINGS
from viewer.scene.concepts import Telling, alike, layer_of, names, telling
from viewer.state import decode, encode
from viewer.views.parts import Update, View
from viewer.views.parts.concept import concept_head, reference_row
from viewer.views.parts.pane import pane
from viewer.views.parts.tile import thumbnail

NONE = "No hidden layer is kept in this project: attribute with --concepts LAYER."
SELECT = "Select samples in the plot: here is what tells them from the rest, and which others are like them."
WORDS = "AUROC: how often a sample of the selection has more of a channel than one of the rest; 0.5 is no difference."
LIKE = "Press + to add a sample to the selection; keep the selection as a finding under Findings."
WATCHES = ("layer", "colour", "mode", "label", "predicted", "correct", "least", "most", "filter", *LOOK_SETTINGS)


class Found(NamedTuple):
    layer: str
    telling: list[Telling]
    alike: list[int]


def view(update: Update) -> View:
    layer = Select(name="concept_layer", title="Layer", width=190)
    layer.on_change("value", lambda _attr, _old, new: update(layer=str(new)))
    channels, like = pane("concepts"), pane("alike")

    def render(scene: Scene) -> None:
        known = list(layers(scene.project))
        layer.update(options=known, value=layer_of(scene), disabled=len(known) < 2, visible=bool(known))
        missing = NONE if not known else SELECT if not scene.state.selection else ""
        channels.text = html.tag("p", missing, class_="hint") if missing else channels.text
        if missing:
            like.text = ""

    def finish(scene: Scene, found: Found) -> None:
        channels.text, like.text = _channels(scene, found), _alike(scene, found.alike)

    watches = (*WATCHES, *SCALE_SETTINGS)
    return View((layer, channels, like), watches, render, work=work, finish=finish, shown_in="concepts")


def work(scene: Scene) -> Found | None:
    """What takes long; nothing where the page is not shown."""
    layer = layer_of(scene)
    if scene.state.view != "concepts" or not layer or not scene.state.selection:
        return None
    return Found(layer, telling(scene, layer), alike(scene, layer))


def _channels(scene: Scene, found: Found) -> Markup:
    known, problem = _names(scene, found.layer)
    title = html.tag("h2", f"Channels of {found.layer} that tell the selection from the rest")
    if not found.telling:
        return title + html.tag("p", "Everything is selected: there is no rest.", class_="hint")
    rows = (_channel(scene, found.layer, one, known) for one in found.telling)
    return html.join([title, problem, html.tag("p", WORDS, class_="hint"), html.tag("div", *rows, class_="cards")])


def _names(scene: Scene, layer: str) -> tuple[dict[int, str], Markup]:
    """What channels are called; where the file of names cannot be read, their numbers do, and that is said."""
    try:
        return names(scene, layer), Markup()
    except ProjectError as error:
        return {}, html.tag("p", str(error), role="alert")


def _channel(scene: Scene, layer: str, one: Telling, known: dict[int, str]) -> Markup:
    number = html.tag("span", f"AUROC {one.auroc:.2f}", class_="hint")
    head = html.tag("div", concept_head(scene, layer, one.channel, known), number, class_="head")
    return html.tag("article", head, reference_row(scene, layer, one.channel), data_channel=one.channel)


def _alike(scene: Scene, samples: Sequence[int]) -> Markup:
    if not samples:
        return Markup()
    chosen = decode(scene.state.selection).tolist()
    tiles = (
        html.tag(
            "figure",
            thumbnail(scene, sample, scene.state.mode),
            html.button(
                "samples", encode(np.array([*chosen, sample])), "+", class_="plain", title=f"Add sample {sample}"
            ),
            data_sample=sample,
        )
        for sample in samples
    )
    whole = encode(np.array([*chosen, *samples]))
    every = html.button("samples", whole, f"Add all {len(samples)}", class_="plain", title="Add all that are shown")
    title = html.tag("h2", "More like these", class_="part")
    return html.join([title, html.tag("p", LIKE, " ", every, class_="hint"), html.tag("div", *tiles, class_="alike")])
