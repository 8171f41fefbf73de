"""A correction against what was before: heatmaps of both models, groups, the samples whose prediction changed."""

from typing import NamedTuple

import numpy as np
import xarray as xr
from markupsafe import Markup

from viewer import html
from viewer.pictures import modes
from viewer.projects import FIRST_METHOD, Source, findings
from viewer.projects.corrected import Corrected, changed, corrections_of
from viewer.projects.sources import methods, predictions
from viewer.scene import Scene
from viewer.scene.addresses import LOOK_SETTINGS, sharpness, source_address
from viewer.state import encode
from viewer.views.parts import Update, View
from viewer.views.parts.pane import pane

MOST = 12  # samples in a row
MEASURES = {"accuracy": "right", "relevance": "relevance on the artefact", "changed": "changed"}
WORDS = (
    "Each class without and with the artefact; brackets are 95 % intervals of a bootstrap over test samples. Worst and "
    "mean are over the classes; the clean row is what the correction costs."
)


class Found(NamedTuple):
    one: Corrected
    members: np.ndarray
    changed: np.ndarray


def view(_update: Update) -> View:
    box = pane("after_correction")

    def render(scene: Scene) -> None:
        if not corrections_of(scene.projects, scene.project):
            box.text = ""

    def finish(scene: Scene, found: Found) -> None:
        box.text = _proof(scene, found)

    watches = ("correcting", *LOOK_SETTINGS)
    return View((box,), watches, render, work=work, finish=finish, shown_in="compare", has_findings=True)


def work(scene: Scene) -> Found | None:
    """The last correction of the finding that is named, or of any."""
    if scene.state.view != "compare" or not (found := corrections_of(scene.projects, scene.project)):
        return None
    one = next((one for one in found if one.finding == scene.state.correcting), found[0])
    ids = findings.load(scene.project.home)[one.finding].ids
    members = ids[(one.project.find(ids) >= 0) & (scene.project.find(ids) >= 0)]
    return Found(one, members, changed(scene.project, one.project))


def _proof(scene: Scene, found: Found) -> Markup:
    attrs = found.one.report.attrs
    how = f"{attrs.get('method', 'corrected')}, in layer {attrs.get('layer', 'unknown')}: {attrs.get('why', '')}"
    n = len(found.changed)
    text = "No sample of the project is predicted otherwise." if not n else f"{n} samples are predicted otherwise"
    select = html.button("samples", encode(found.changed), "Select them", class_="plain") if n else ""
    return html.tag(
        "section",
        html.tag("h2", f"Corrected: {found.one.finding}"),
        html.tag("p", how, class_="hint"),
        html.tag("h3", "Its samples, before and after"), _pairs(scene, found.one, found.members[:MOST]),
        html.tag("h3", "Groups"), _table(found.one.report), html.tag("p", WORDS, class_="hint"),
        html.tag("div", html.tag("h3", text), select, class_="title"), _pairs(scene, found.one, found.changed[:MOST]),
        class_="proof",
    )  # fmt: skip


def _pairs(scene: Scene, one: Corrected, samples: np.ndarray) -> Markup:
    """Of each sample the input, and its heatmap by both models."""
    if not samples.size:
        return Markup()
    told = {
        name: predictions(project, samples) for name, project in (("before", scene.project), ("after", one.project))
    }
    cards = (
        _card(scene, one, int(sample), {name: str(values[at]) for name, values in told.items()})
        for at, sample in enumerate(samples)
    )
    return html.tag("div", *cards, class_="cards pairs")


def _card(scene: Scene, one: Corrected, sample: int, told: dict[str, str]) -> Markup:
    own, after = Source(scene.project, scene.state.method), next(iter(methods(one.project)), FIRST_METHOD)
    shown = modes(scene.project, scene.state.method)
    pictures = [_picture(scene, own, sample, shown[0], shown[0])] if shown[0] == "input" else []
    pictures += [
        _picture(scene, source, sample, shown[-1], f"{name}: {told[name]}" if told[name] else name)
        for name, source in (("before", own), ("after", Source(one.project, after)))
    ]
    title = html.button("focus", sample, f"sample {sample}", class_="plain")
    wrong = "changed" if told["before"] != told["after"] else None
    return html.tag(
        "article", title, html.tag("div", *pictures, class_="means", data_pictures=len(pictures)),
        class_=wrong, data_sample=sample,
    )  # fmt: skip


def _picture(scene: Scene, source: Source, sample: int, mode: str, caption: str) -> Markup:
    alt = f"{mode} of sample {sample}, {caption}"
    address = source_address(scene, source, sample, mode)
    shown = html.tag("img", src=address, alt=alt, class_=sharpness(scene), loading="lazy")
    return html.tag("figure", shown, html.tag("figcaption", caption))


def _table(report: xr.Dataset) -> Markup:
    known = [name for name in MEASURES if name in report.measure.values]
    head = html.tag("tr", *(html.tag("th", name) for name in ("group", *(MEASURES[name] for name in known))))
    rows = (
        html.tag("tr", html.tag("th", group), *(_cell(report.sel(group=group, measure=name), name) for name in known))
        for group in report.group.values
    )
    table = html.tag("table", head, *rows, class_="groups")
    return html.tag("div", table, class_="scrolled", tabindex=0, role="region", aria_label="Groups")


def _cell(one: xr.Dataset, measure: str) -> Markup:
    before, after = (_number(one.sel(model=model)) for model in ("before", "after"))
    if before == after == "":
        return html.tag("td", "–")
    return html.tag("td", after if measure == "changed" else f"{before} → {after}")


def _number(one: xr.Dataset) -> str:
    value, lower, upper = (float(one[name]) for name in ("value", "lower", "upper"))
    return f"{value:.3f} [{lower:.2f} {upper:.2f}]" if np.isfinite(value) else ""
