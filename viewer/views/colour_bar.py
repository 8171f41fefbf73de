"""What the colours of heatmaps mean: the colour map between the numbers at its ends."""

from markupsafe import Markup

from viewer import html
from viewer.pictures import largest_of
from viewer.scene import Scene
from viewer.scene.addresses import SCALE_FROM, scale_samples
from viewer.views.parts import Update, View
from viewer.views.parts.pane import pane

WATCHES = ("method", "mode", "colour_map", "scaling", "limit", "percentile", "gamma", "selection")
WHOSE = {"selection": "of the selection", "category": "of the category", "sample": "of each sample"}


def view(_update: Update) -> View:
    box = pane("colour_bar")

    def render(scene: Scene) -> None:
        fixed = scene.state.limit if scene.state.scaling == "fixed" else None
        box.text = "" if scene.state.mode == "input" else _bar(scene, fixed)

    def finish(scene: Scene, limit: float) -> None:
        box.text = _bar(scene, limit)

    return View((box,), WATCHES, render, work=_limit, finish=finish)


def _limit(scene: Scene) -> float | None:
    """The relevance of full colour, which many samples have to be read for."""
    if scene.state.mode == "input":
        return None
    samples = scale_samples(scene)
    return largest_of(scene.project, scene.state.method, samples, scene.state.percentile) if samples else None


def _bar(scene: Scene, limit: float | None) -> Markup:
    """From minus `limit` to `limit`, or to what is the largest of each sample."""
    address = html.address("strip", f"{scene.project.key}.png", map=scene.state.colour_map)
    strip = html.tag("img", src=address, alt="", class_="strip")
    end = "max" if limit is None else f"{limit:.3g}"
    words = html.tag("span", _words(scene), class_="hint")
    return html.tag("div", html.tag("span", f"−{end}"), strip, html.tag("span", f"+{end}"), words, class_="colours")


def _words(scene: Scene) -> str:
    state = scene.state
    if state.scaling == "fixed":
        return "relevance; beyond this, full colour" + _gamma(state.gamma)
    most = "largest" if state.percentile == 100 else f"{state.percentile:g}th percentile"
    told = f", told from at most {SCALE_FROM}" if state.scaling in ("selection", "category") else ""
    return f"relevance; full colour at the {most} {WHOSE[state.scaling]}{told}" + _gamma(state.gamma)


def _gamma(gamma: float) -> str:
    return "" if gamma == 1 else f"; gamma {gamma:g}"
