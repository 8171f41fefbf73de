"""The same samples as another method or another model explains them, side by side."""

import numpy as np
from bokeh.models import Select
from markupsafe import Markup

from viewer import html
from viewer.pictures import mean_modes
from viewer.projects import Source, methods, others
from viewer.projects.sources import agreement, predictions
from viewer.scene import Scene
from viewer.scene.addresses import LOOK_SETTINGS, sharpness, some, source_address
from viewer.scene.gallery import gallery
from viewer.state import decode
from viewer.views.parts import Update, View
from viewer.views.parts.pane import pane

WATCHES = ("other", "selection", "page", "page_size", "sort", *LOOK_SETTINGS)


def view(update: Update) -> View:
    box = pane("methods")
    other = Select(name="other", title="The same samples by")
    other.on_change("value", lambda _attr, _old, new: update(other=new))

    def render(scene: Scene) -> None:
        known = others(scene.projects, Source(scene.project, scene.state.method), scene.category)
        other.update(options=[("", "no other method"), *((name, text) for name, (_, text) in known.items())])
        other.update(value=scene.state.other, visible=bool(known))
        box.text = _compared(scene, *scene.other) if scene.other else ""

    return View((other, box), WATCHES, render, shown_in="compare")


def _compared(scene: Scene, there: Source, text: str) -> Markup:
    here = Source(scene.project, scene.state.method)
    chosen = decode(scene.state.selection)
    ids = chosen if chosen.size else scene.category.sample
    found = agreement(here.project, there.project, ids)
    words = f"{len(found.samples)} of {len(ids)} samples are in both"
    words += "." if found.same is None else f"; both models predict the same in {found.same}."
    title = html.tag("h2", f"The same samples by {text}")
    names = (methods(here.project)[here.method], text)
    shown = [tile.sample for tile in gallery(scene.project, scene.category, scene.state).tiles]
    shown = [sample for sample in shown or found.samples[: scene.state.page_size].tolist() if sample in found.samples]
    means = _card(scene, "mean", some(found.samples), (here, there), names) if found.samples.size else ""
    cards = html.join(_card(scene, f"sample {sample}", sample, (here, there), names) for sample in shown)
    hint = html.tag("p", words, class_="hint")
    return html.tag("section", title, hint, html.tag("div", means + cards, class_="cards"))


def _card(scene: Scene, title: str, what: int | str, sources: tuple[Source, Source], names: tuple[str, str]) -> Markup:
    """One sample, or the mean of many: input, and the heatmap by each, every one on a scale of its own."""
    captions = [_caption(source, name, what) for source, name in zip(sources, names, strict=True)]
    places = [source_address(scene, source, what, "heatmap") for source in sources]
    if "input" in mean_modes(scene.project, scene.state.method):
        captions, places = ["input", *captions], [source_address(scene, sources[0], what, "input"), *places]
    figures = (_figure(scene, place, caption) for place, caption in zip(places, captions, strict=True))
    means = html.tag("div", *figures, class_="means", data_pictures=len(places))
    return html.tag("article", html.tag("h3", title), means)


def _caption(source: Source, name: str, what: int | str) -> str:
    if isinstance(what, str) or not (found := predictions(source.project, np.array([what]))[0]):
        return name
    return f"{name}: {found}"


def _figure(scene: Scene, address: str, caption: str) -> Markup:
    shown = html.tag("img", src=address, alt=caption, class_=sharpness(scene), loading="lazy")
    return html.tag("figure", shown, html.tag("figcaption", caption))
