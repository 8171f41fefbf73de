"""A finding as one page to send: pictures inside, no script, no server."""

import base64
import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from markupsafe import Markup

from spray.pictures.images import media_type
from viewer import html, pictures
from viewer.export.tables import drawing, snippet
from viewer.pictures import Look, mean_modes, modes, spread
from viewer.pictures.pictures import largest_mean, mean_picture
from viewer.projects import Finding, findings
from viewer.scene import Scene
from viewer.scene.addresses import scene_look, sharpness
from viewer.scene.contrast.differences import differences, measured, typical
from viewer.scene.facts import facts
from viewer.scene.gallery import distance
from viewer.scene.meanings import meaning
from viewer.scene.overview import overview
from viewer.scene.sheet import scores
from viewer.state import decode, encode, to_query
from viewer.state.links import LONGEST_IN_LINK

STATIC = Path(__file__).resolve().parents[1] / "static"
SHOWN = 8  # typical samples, and as many unusual ones
MOST_DOTS = 20_000  # of the embedding's drawing
STYLE = (STATIC / "report.css").read_text(encoding="utf-8")
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"


def report(scene: Scene) -> str:
    """HTML of the selected samples: where, how many, their means beside the rest's, typical and unusual ones, what
    tells them apart, scores, versions, and how to find them again.

    Pictures are read, so not for the thread that serves pages.
    """
    chosen = decode(scene.state.selection)
    kept = _kept(scene, chosen)
    category = scene.project.category_text(scene.category.name)
    title = kept.name if kept else f"{len(chosen)} samples of {category}"
    parts = [
        html.tag("h1", title),
        _where(scene, chosen, category),
        _note(kept) if kept else "",
        html.tag("h2", "Means"),
        _means(scene, chosen),
        _samples(scene, chosen),
        html.tag("h2", "What tells them from the rest of the category"),
        _differences(scene),
        html.tag("h2", "Where they lie"),
        drawing(scene.category, scene.state, 460) if len(scene.category.sample) <= MOST_DOTS else "",
        html.tag("h2", "Scores"),
        _scores(scene),
        html.tag("h2", "How it was made"),
        _made(scene),
    ]
    head = html.tag(
        "head",
        html.tag("meta", charset="utf-8"),
        html.tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        html.tag("meta", http_equiv="Content-Security-Policy", content=POLICY),
        html.tag("title", title),
        html.tag("style", Markup(STYLE)),  # ours
    )
    return Markup("<!DOCTYPE html>\n") + html.tag("html", head, html.tag("body", *parts), lang="en") + "\n"


def _kept(scene: Scene, chosen: np.ndarray) -> Finding | None:
    """The finding of these very samples."""
    known = findings.load(scene.project.home).values()
    return next((one for one in known if np.array_equal(np.sort(one.ids), chosen)), None)


def _where(scene: Scene, chosen: np.ndarray, category: str) -> Markup:
    n, state = len(scene.category.sample), scene.state
    words = f"{len(chosen)} of {n} samples ({len(chosen) / n:.1%}) of category {category}, analysis {state.analysis}"
    return html.tag("p", f"{words}, project {scene.project.name}.", class_="quiet")


def _note(kept: Finding) -> Markup:
    lines = [html.tag("p", line) for line in kept.text.splitlines()]
    made = ", ".join(filter(None, (kept.author, kept.created[:10], *kept.tags)))
    return html.join([*lines, html.tag("p", made, class_="quiet")])


def _picture(scene: Scene, data: bytes, caption: str) -> Markup:
    source = f"data:{media_type(data)};base64,{base64.b64encode(data).decode()}"
    return html.tag("figure", html.tag("img", src=source, alt=caption, class_=sharpness(scene)), caption)


def _look(scene: Scene) -> Look:
    return scene_look(scene._replace(state=replace(scene.state, mode="heatmap")))


def _means(scene: Scene, chosen: np.ndarray) -> Markup:
    """Of the selection and of the rest, on one scale."""
    project, method = scene.project, scene.state.method
    rest = np.setdiff1d(scene.category.sample, chosen)
    sets = {"selection": encode(spread(chosen)), "rest": encode(spread(rest)) if rest.size else ""}
    sets = {name: ids for name, ids in sets.items() if ids}
    rows = []
    for name, ids in sets.items():
        for mode, caption in mean_modes(project, method).items():
            look = _look(scene)
            if mode != "input":
                look = look._replace(limit=largest_mean(project, method, *sets.values()))
            rows.append(_picture(scene, mean_picture(project, ids, "", mode, look), f"{name}: {caption}"))
    return html.tag("div", *rows, class_="row")


def _samples(scene: Scene, chosen: np.ndarray) -> Markup:
    rows = np.flatnonzero(scene.category.rows(chosen))
    ordered = rows[np.argsort(distance(scene.category, rows), kind="stable")]
    sets = {"Typical samples": ordered[:SHOWN], "Unusual samples": ordered[SHOWN:][::-1][:SHOWN]}
    return html.join(
        html.tag("h2", title) + html.tag("div", *(_sample(scene, int(row)) for row in found), class_="row small")
        for title, found in sets.items()
        if len(found)
    )


def _sample(scene: Scene, row: int) -> Markup:
    sample, look = int(scene.category.sample[row]), _look(scene)
    known = "; ".join(f"{name}: {text}" for name, text in facts(scene.category, row))
    shown = [mode for mode in ("input", "heatmap") if mode in modes(scene.project, look.method)]
    found = [_picture(scene, pictures.picture(scene.project, sample, mode, look), "") for mode in shown]
    return html.tag("figure", html.tag("div", *found, class_="row"), f"sample {sample}", title=known)


def _differences(scene: Scene) -> Markup:
    found = differences(scene)
    if not found:
        return html.tag("p", "No variable differs, or there is nothing to compare with.", class_="quiet")
    rows = (
        html.tag("tr", html.tag("td", one.name), html.tag("td", measured(one)), html.tag("td", typical(scene, one)[0]))
        for one in found
    )
    words = "V is Cramér's, AUROC Mann and Whitney's; p is corrected for the number of variables (Holm)."
    return html.tag("table", *rows) + html.tag("p", words, class_="quiet")


def _scores(scene: Scene) -> Markup:
    """All numbers of the category and of its clustering, with a sentence each."""
    ranked = overview(scene.project, scene.state.analysis)
    own = next((values for name, values in ranked.rows if name == scene.category.name), {})
    numbers = {name: own[name] for name in ranked.columns if isinstance(own.get(name), int | float)}
    numbers |= scores(scene.category, scene.state.clustering)
    reasons = str(scene.category.facts.get("reasons", ""))
    rows = (
        html.tag(
            "tr", html.tag("td", name.replace("_", " ")), html.tag("td", f"{value:.4g}"), html.tag("td", meaning(name))
        )
        for name, value in numbers.items()
    )
    return (html.tag("p", reasons) if reasons else Markup()) + html.tag("table", *rows)


def _made(scene: Scene) -> Markup:
    facts_of = scene.project.facts
    made = {name: facts_of.get(name) for name in ("dataset", "model", "method", "composite")}
    made |= {"recipe": scene.category.facts.get("recipe"), "clustering": scene.state.clustering}
    made |= {"versions": _versions(scene)}
    rows = (
        html.tag("tr", html.tag("th", name), html.tag("td", html.tag("pre", str(value))))
        for name, value in made.items()
        if value
    )
    is_short = len(scene.state.selection) <= LONGEST_IN_LINK  # the samples are in the code below, too
    query = to_query(scene.state if is_short else replace(scene.state, selection=""))
    again = f"lrp-viewer {scene.project.path}\n# and behind the address that it prints: ?{query}\n\n"
    return html.tag("table", *rows) + html.tag("pre", again + snippet(scene.project, scene.category, scene.state))


def _versions(scene: Scene) -> str:
    """Of the explanations, and of the analysis where they differ."""
    found = dict(scene.project.facts.get("versions") or {})
    with suppress(ValueError):
        found |= json.loads(scene.category.facts.get("versions", "{}"))
    return ", ".join(f"{name} {version}" for name, version in found.items())
