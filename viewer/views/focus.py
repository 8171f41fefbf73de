"""One sample in full: input, heatmap and overlay side by side, labels, scores, nearest neighbours."""

import numpy as np
from markupsafe import Markup

from viewer import html
from viewer.pictures import is_sliced, kind, place_of_most, shown
from viewer.projects import Category, Project
from viewer.scene import Scene
from viewer.scene.addresses import LOOK_SETTINGS, SCALE_SETTINGS, modes_of, picture_address, sharpness
from viewer.scene.facts import facts
from viewer.scene.gallery import Tile, tile
from viewer.state import encode
from viewer.state.filters import Filter
from viewer.state.filters import text as written
from viewer.views.parts import Update, View
from viewer.views.parts.pane import pane
from viewer.views.parts.tile import cluster_mark, thumbnail

TOP, NEAREST = 5, 8
TOLD = ("label", "prediction", "confidence")  # before all else
WATCHES = ("focus", "place", "clustering", "colour", "paint", *LOOK_SETTINGS, *SCALE_SETTINGS)


def view(_update: Update) -> View:
    box = pane("focus")

    def render(scene: Scene) -> None:
        box.text = "" if scene.state.focus is None else _focus(scene, scene.state.focus)

    return View((box,), WATCHES, render)


def _focus(scene: Scene, sample: int) -> Markup:
    row = int(np.flatnonzero(scene.category.sample == sample)[0])
    found = tile(scene.project, scene.category, scene.state, row)
    steps = (
        html.button("step", -1, "‹", aria_label="Previous sample"),
        html.tag("h2", f"Sample {found.sample}"),
        html.button("step", 1, "›", aria_label="Next sample"),
        html.button("unfocus", "", "×", aria_label="Close", class_="close"),
    )
    order = (mode for mode in ("input", "heatmap", "overlay") if mode in modes_of(scene))
    place = _place(scene, sample)
    pictures = [_picture(scene, found.sample, mode, ",".join(map(str, place)) or None) for mode in order]
    facts = html.tag("div", _labels(found), _variables(scene, row), _scores(scene.project, sample), class_="facts")
    return (
        html.tag("div", *steps, class_="title")
        + html.tag("div", *pictures, facts, class_="pictures", style=f"--pictures: {len(pictures)}")
        + _sliders(scene, place)
        + _neighbours(scene, scene.category, row)
    )


def _place(scene: Scene, sample: int) -> tuple[int, ...]:
    """Where the slices of a volume are shown."""
    project, method = scene.project, scene.state.method
    if not is_sliced(project, method):
        return ()
    if scene.state.place:
        return tuple(map(int, scene.state.place.split(",")))
    return place_of_most(project, sample, method)


def _sliders(scene: Scene, place: tuple[int, ...]) -> Markup:
    """One for each direction; static/slices.js moves the pictures with them."""
    if not place:
        return Markup()
    data = scene.project.attributions[shown(scene.project, scene.state.method)]
    own = kind(scene.project, str(data.name))
    sizes = {own.named(str(axis)): size for axis, size in data.sizes.items()}
    long = dict(zip(own.places, scene.project.facts.get("voxel_size") or (), strict=False))
    sliders = (
        html.tag(
            "label",
            html.tag("span", f"{axis} ", html.tag("output", f"{at + 1}"), f" of {sizes[axis]}{_apart(long.get(axis))}"),
            html.tag("input", type="range", min=0, max=sizes[axis] - 1, value=at, data_slice=axis, aria_label=axis),
        )
        for axis, at in zip(own.places, place, strict=True)
    )
    return html.tag("div", *sliders, class_="slices", title="↑ and ↓ move through the depth")


def _apart(long: object) -> str:
    """How long a voxel is, where the project says it."""
    return f" · {long:g} mm" if isinstance(long, int | float) and long > 0 else ""


def _picture(scene: Scene, sample: int, mode: str, place: str | None) -> Markup:
    address = picture_address(scene, sample, mode, place)
    shown = html.tag("img", src=address, alt=f"{mode} of sample {sample}", class_=sharpness(scene))
    return html.tag("figure", html.tag("div", shown, class_="zoom", data_zoom=""), html.tag("figcaption", mode))


def _labels(found: Tile) -> Markup:
    wrong = "wrong" if found.wrong else None
    pairs = [("Label", found.label)]
    pairs += [("Predicted", html.tag("span", found.prediction, class_=wrong) if found.prediction else "")]
    pairs += [("Confidence", "" if found.confidence is None else f"{found.confidence:.3f}")]
    pairs += [("Cluster", cluster_mark(found))]
    return html.tag("dl", *(html.tag("dt", name) + html.tag("dd", value) for name, value in pairs if value))


def _variables(scene: Scene, row: int) -> Markup:
    """All else that the project knows of the sample; a click filters by it."""
    pairs = [(name, text) for name, text in facts(scene.category, row) if name not in TOLD]
    exact = {name: str(scene.category.variables[name][row]) for name, _ in pairs}
    filtered = (
        html.tag("dt", name)
        + html.tag(
            "dd", html.button("filter", written((Filter(name, "=", exact[name]),)), text, title="Filter by this")
        )
        for name, text in pairs
    )
    return html.tag("dl", *filtered, class_="variables") if pairs else Markup()


def _scores(project: Project, sample: int) -> Markup:
    """The largest outputs of the model."""
    if "output" not in project.attributions or project.attributions["output"].ndim != 2:
        return Markup()
    output = project.attributions["output"].isel(sample=project.find(np.array([sample]))[0]).values
    top = np.argsort(-np.nan_to_num(output, nan=-np.inf), kind="stable")[:TOP]
    rows = (html.tag("tr", html.tag("td", project.label_text(n)), html.tag("td", f"{output[n]:.4g}")) for n in top)
    return html.tag("table", html.tag("caption", "Largest outputs"), *rows)


def nearest(category: Category, row: int) -> np.ndarray:
    """Ids of the samples whose attributions are nearest, as the analysis found them."""
    if "neighbor" not in category.data:
        return np.empty(0, np.int64)
    found = category.data["neighbor"].values[row]
    return found[np.isin(found, category.sample)]


def _neighbours(scene: Scene, category: Category, row: int) -> Markup:
    found = nearest(category, row)
    if not found.size:
        return Markup()
    mode = scene.state.mode
    title = html.tag("h3", "Nearest by attribution")
    select = html.button("samples", encode(np.append(found, category.sample[row])), "Select them", class_="plain")
    shown = (thumbnail(scene, int(sample), mode) for sample in found[:NEAREST])
    return html.tag("div", title, select, class_="title") + html.tag("div", *shown, class_="strip-of-samples")
