"""The selected samples as pictures, one page at a time."""

from markupsafe import Markup

from viewer import html
from viewer.scene import Scene
from viewer.scene.addresses import LOOK_SETTINGS, SCALE_SETTINGS
from viewer.scene.gallery import Gallery, gallery
from viewer.views.parts import Update, View
from viewer.views.parts.pane import pane
from viewer.views.parts.tile import tile

HINT = "Select points with the lasso, a click, or a cluster: their samples appear here."
WATCHES = (
    "clustering",
    "page",
    "page_size",
    "sort",
    "focus",
    "mode",
    "colour",
    "paint",
    *LOOK_SETTINGS,
    *SCALE_SETTINGS,
)


def view(_update: Update) -> View:
    box, pager = pane("gallery"), pane("pager")

    def render(scene: Scene) -> None:
        if not _is_slow(scene):
            finish(scene, gallery(scene.project, scene.category, scene.state))

    def finish(scene: Scene, found: Gallery) -> None:
        tiles = html.tag("div", *(tile(scene, shown) for shown in found.tiles), class_="tiles")
        box.text = tiles if found.total else html.tag("p", HINT, class_="hint")
        pager.text = _pager(scene, found)

    return View((box, pager), WATCHES, render, work=_read, finish=finish)


def _is_slow(scene: Scene) -> bool:
    """Whether all selected samples have to be read before the first one can be shown."""
    return scene.state.sort == "relevance" and bool(scene.state.selection)


def _read(scene: Scene) -> Gallery | None:
    """What took too long for drawing."""
    return gallery(scene.project, scene.category, scene.state) if _is_slow(scene) else None


def _pager(scene: Scene, found: Gallery) -> Markup:
    if not found.total:
        return html.tag("div", _commands(found), class_="pager")
    last, size = found.first + len(found.tiles), scene.state.page_size
    page = found.first // size
    words = f"{found.first + 1}–{last} of {found.total} selected"
    turns = (
        html.button("page", page - 1, "‹", aria_label="Previous page", disabled="" if page == 0 else None),
        html.tag("span", words, class_="count", title=f"{len(scene.category.sample)} samples in all"),
        html.button("page", page + 1, "›", aria_label="Next page", disabled="" if last == found.total else None),
    )
    note = html.tag("span", found.note, class_="wrong") if found.note else ""
    return html.tag("div", *turns, _commands(found), note, class_="pager")


def _commands(found: Gallery) -> Markup:
    none = "" if not found.total else None
    return html.button("invert", "", "Invert", title="Select what is not selected") + html.button(
        "clear", "", "Clear", title="Select nothing (Esc)", disabled=none
    )
