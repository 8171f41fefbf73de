"""The selected samples as pictures, one page at a time, and how the pictures are made."""

from collections.abc import Sequence
from zlib import crc32

from bokeh.models import PaletteSelect, RadioButtonGroup, Select

from spray.colormap import NAMES, palette
from viewer import html
from viewer.clusters import cluster_name
from viewer.colours import css, group_colour
from viewer.gallery import Gallery, Tile, gallery
from viewer.resolve import Scene
from viewer.state import CHOICES
from viewer.views.pane import pane
from viewer.views.view import Update, View

SMALL = 150  # pixels of the shorter side, up to which enlarging keeps the pixels sharp
HINT = "Select points with the lasso, a click, or a cluster: their samples appear here."
WATCHES = ("selection", "clustering", "colour_map", "mode", "sampling", "page", "page_size", "sort", "focus")


def gallery_options(update: Update) -> View:
    mode = RadioButtonGroup(name="mode", labels=["Input", "Overlay", "Heatmap"])
    sampling = Select(name="sampling", title="Enlarging", options=list(CHOICES["sampling"]))
    colour_map = PaletteSelect(name="colour_map", title="Colour map", items=_swatches(NAMES), value=NAMES[0])
    mode.on_change("active", lambda _attr, _old, new: update(mode=CHOICES["mode"][new]))
    sampling.on_change("value", lambda _attr, _old, new: update(sampling=new))
    colour_map.on_change("value", lambda _attr, _old, new: update(colour_map=new))

    def render(scene: Scene) -> None:
        mode.active = CHOICES["mode"].index(scene.state.mode)
        sampling.value = scene.state.sampling
        if scene.state.colour_map not in dict(colour_map.items):  # one that the address wrote out
            colour_map.items = _swatches((*NAMES, scene.state.colour_map))
        colour_map.value = scene.state.colour_map

    return View((mode, sampling, colour_map), ("mode", "sampling", "colour_map"), render)


def _swatches(names: Sequence[str]) -> list[tuple[str, list[str]]]:
    return [(name, [css(colour) for colour in palette(name)[::8].tolist()]) for name in names]


def gallery_pane(_update: Update) -> View:
    box = pane("gallery")

    def render(scene: Scene) -> None:
        if scene.project is None or scene.category is None:
            box.text = ""
            return
        found = gallery(scene.project, scene.category, scene.state)
        tiles = (_tile(scene, tile) for tile in found.tiles)
        hint = html.tag("p", html.text(HINT), class_="hint")
        box.text = html.tag("div", *tiles, class_="tiles") + _pager(found) if found.total else hint

    return View((box,), WATCHES, render)


def _tile(scene: Scene, tile: Tile) -> str:
    picture = html.tag(
        "img",
        src=source(scene, tile.sample, scene.state.mode),
        alt=f"sample {tile.sample}, {scene.state.mode}",
        class_=sharpness(scene),
        loading="lazy",
    )
    wrong = "wrong" if tile.prediction and tile.prediction != tile.label else None
    labels = html.tag("span", html.text(_labels(tile)), class_=wrong)
    caption = html.tag("figcaption", _cluster(tile), labels)
    return html.tag("figure", picture, caption, data_sample=tile.sample)


def _cluster(tile: Tile) -> str:
    if tile.cluster is None:
        return ""
    dot = html.tag("span", class_="dot", style=f"background: {css(group_colour(tile.cluster))}")
    return html.tag("span", dot, html.text(cluster_name(tile.cluster)))


def _labels(tile: Tile) -> str:
    if not tile.prediction or tile.prediction == tile.label:
        return tile.label
    return f"{tile.label}, predicted {tile.prediction}"


def _pager(found: Gallery) -> str:
    last = found.first + len(found.tiles)
    return html.tag("p", html.text(f"{found.first + 1} to {last} of {found.total} selected"), class_="pager")


def source(scene: Scene, sample: int, mode: str) -> str:
    """The address of a picture, relative to the page's base."""
    assert scene.project is not None
    colour_map = None if mode == "input" else scene.state.colour_map
    return html.address("image", scene.project.key, sample, f"{mode}.png", map=colour_map, v=version(scene))


def version(scene: Scene) -> str:
    """Changes when the project is written to, so that no browser shows a picture of its past."""
    assert scene.project is not None
    return f"{crc32(repr(scene.project.stamp).encode()):x}"


def sharpness(scene: Scene) -> str:
    if scene.state.sampling != "auto":
        return scene.state.sampling
    assert scene.project is not None
    sizes = scene.project.attributions.sizes
    sides = [sizes[name] for name in ("height", "width") if name in sizes]
    return "pixelated" if sides and min(sides) <= SMALL else "smooth"
