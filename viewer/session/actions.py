"""What a visitor can do besides changing one setting: each action is a function of the session and a value."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from viewer import export, state
from viewer.export import gallery_drawing
from viewer.projects import Category, Finding, Project, findings
from viewer.scene import resolve
from viewer.scene.columns import places, positions
from viewer.scene.confusion import pairs
from viewer.scene.density import brushed, is_dense
from viewer.scene.filters import passing
from viewer.scene.gallery import step
from viewer.scene.grouping import grouping
from viewer.state import CHOICES, State, Window, links, selection
from viewer.state.paint import repaint
from viewer.state.window import read, whole, write

if TYPE_CHECKING:
    from viewer.session.session import Session

LONGEST_IMPORT = 8 << 20  # characters


class Refusal(Exception):
    """What was asked for cannot be done; the text says why and is all that the visitor needs to know."""


def act(session: "Session", text: str) -> None:
    """What the page's own script reports: a click on one of our buttons, a selection, a key."""
    action = json.loads(text)
    ACTIONS[action["name"]](session, action["value"])


def _here(session: "Session") -> tuple[Project, Category]:
    scene = session.scene
    if scene.project is None or scene.category is None:
        raise Refusal("There is no category to do this with.")
    return scene.project, scene.category


def _choose(session: "Session", rows: np.ndarray) -> None:
    """Select some rows, as far as they pass the filters."""
    _, category = _here(session)
    chosen = category.sample[rows & passing(category, session.scene.state)]
    session.update(selection=selection.encode(chosen), page=0)


def _select_rows(session: "Session", value: Mapping[str, str]) -> None:
    """Rows selected in the plot, unless the plot has moved on to another table meanwhile."""
    if session.scene.category is not None and value["of"] == session.scene.table:
        _choose(session, selection.mask(value["bits"], len(session.scene.category.sample)))


def _brush(session: "Session", value: Mapping[str, Any]) -> None:
    """Something was drawn around points of which the browser has a picture only."""
    _, category = _here(session)
    scene = session.scene
    if value["of"] == scene.place(value["plot"]) and is_dense(category):
        place = places(scene.state)[value["plot"]]
        _choose(session, brushed(category, scene.state, place, value["geometry"], value["mode"]))


def _select_cluster(session: "Session", value: str) -> None:
    _, category = _here(session)
    if (groups := category.clusterings.get(session.scene.state.clustering)) is None:
        raise Refusal("This category has no clusterings.")
    _choose(session, groups == int(value))


def _select_group(session: "Session", value: str) -> None:
    _, category = _here(session)
    _choose(session, grouping(category, session.scene.state).at == int(value))


def _select_pair(session: "Session", value: str) -> None:
    """The samples of one row of the confusion table, among those it was made of."""
    _, category = _here(session)
    found, chosen = pairs(category), category.rows(selection.decode(session.scene.state.selection))
    if found is not None:
        _choose(session, (found.at == int(value)) & (chosen | ~chosen.any()))


def _select_samples(session: "Session", value: str) -> None:
    _, category = _here(session)
    _choose(session, category.rows(selection.decode(value)))


def _invert(session: "Session", _: object) -> None:
    _, category = _here(session)
    _choose(session, ~category.rows(selection.decode(session.scene.state.selection)))


def _paint(session: "Session", value: Mapping[str, str] | str) -> None:
    """One group's colour, or with no group all of them as they were."""
    before = session.scene.state.paint
    session.update(paint=repaint(before, int(value["of"]), value["value"]) if isinstance(value, Mapping) else "")


def _end(name: str) -> Callable[["Session", Any], None]:
    return lambda session, value: session.update(**{name: float(value["value"]) if value["value"] else None})


def _step(session: "Session", value: int) -> None:
    project, category = _here(session)
    session.update(focus=step(project, category, session.scene.state, int(value)))


def _open_category(session: "Session", value: str) -> None:
    session.update(category=value, view="clusters", selection="", focus=None, page=0, window="", beside_window="")


def _look(session: "Session", value: Mapping[str, Any]) -> None:
    """A plot was moved or zoomed; unlike all else, undo does not take this back: the plot has a tool for it."""
    _, category = _here(session)
    current = session.scene.state
    place = places(current)[value["plot"]]
    if value["of"] == session.scene.place(value["plot"]):
        shown = Window(*map(float, value["shown"]))
        text = "" if np.allclose(shown, whole(positions(category, place))) else write(shown)
        field = "window" if value["plot"] == "scatter" else "beside_window"
        session.show(resolve(session.projects, replace(current, **{field: text and write(read(text))})))


def _show(session: "Session", value: str) -> None:
    if value in CHOICES["view"]:
        session.update(view=value)


def _keep(session: "Session", value: Mapping[str, str]) -> None:
    project, _ = _here(session)
    current = session.scene.state
    ids = tuple(selection.decode(current.selection).tolist())
    if not ids:
        raise Refusal("Select samples first: a finding is about samples.")
    try:
        tags = findings.tags(value["tags"])
        found = Finding(value["name"].strip(), value["text"], tags, current.analysis, current.category, ids)
        findings.keep(project.home, found)
    except ValueError as error:
        raise Refusal(str(error)) from error
    session.redraw()


def _recall(session: "Session", value: str) -> None:
    project, _ = _here(session)
    found = findings.load(project.home).get(value)
    if found is None:
        raise Refusal(f"There is no finding {value!r} any more.")
    where = {"analysis": found.analysis, "category": found.category}
    session.update(**where, selection=selection.encode(found.ids), view="explore", page=0, focus=None)


def _rename(session: "Session", value: Mapping[str, str]) -> None:
    project, _ = _here(session)
    try:
        findings.rename(project.home, value["of"], value["value"])
    except ValueError as error:
        raise Refusal(str(error)) from error
    against = session.scene.state.against
    session.update(against=value["value"].strip() if against == value["of"] else against)
    session.redraw()


def _drop(session: "Session", value: str) -> None:
    project, _ = _here(session)
    findings.drop(project.home, value)
    session.redraw()


def _import(session: "Session", text: Any) -> None:
    if not isinstance(text, str) or len(text) > LONGEST_IMPORT:  # the page does not even send what is too large
        raise Refusal(f"The file is too large to be an export (more than {LONGEST_IMPORT >> 20} MB).")
    try:
        read = state.from_json(text)
    except ValueError as error:
        raise Refusal(str(error)) from error
    session.go(read.state, read.warnings)


def _share(session: "Session", _: object) -> None:
    project, _ = _here(session)
    short, note = links.shorten(project.home, session.scene.state)
    session.command("share", query=state.to_query(short), note=note)


def _export(session: "Session", kind: str) -> None:
    project, category = _here(session)
    scene, current = session.scene, session.scene.state
    made: dict[str, tuple[str, Callable[[], str]]] = {
        "json": ("application/json", lambda: state.to_json(current)),
        "csv": ("text/csv", lambda: export.table(category, current)),
        "svg": ("image/svg+xml", lambda: export.drawing(category, current)),
        "py": ("text/x-python", lambda: export.snippet(project, category, current)),
        "gallery.svg": ("image/svg+xml", lambda: gallery_drawing(scene)),
        "gallery.png": ("image/png", lambda: gallery_drawing(scene)),  # the browser draws it
    }
    if kind.startswith("gallery") and not current.selection:
        raise Refusal("Select samples first: the gallery is empty.")
    if kind in made:
        media, make = made[kind]
        file = export.file_name(project, current, kind)
        session.later(make, lambda text: session.command("download", file=file, media=media, text=text))


def _page(session: "Session", value: str) -> None:
    session.update(page=max(0, int(value)))


ACTIONS: dict[str, Callable[["Session", Any], None]] = {
    "select": _select_rows,
    "brush": _brush,
    "cluster": _select_cluster,
    "group": _select_group,
    "pair": _select_pair,
    "samples": _select_samples,
    "all": lambda session, _: _choose(session, np.ones(len(_here(session)[1].sample), bool)),
    "invert": _invert,
    "clear": lambda session, _: session.update(selection="", page=0),
    "project": lambda session, value: session.go(_elsewhere(session.scene.state, value)),
    "view": _show,
    "page": _page,
    "paint": _paint,
    "scale": lambda session, value: session.update(scale=value["value"]),
    "low": _end("low"),
    "high": _end("high"),
    "look": _look,
    "focus": lambda session, value: session.update(focus=int(value)),
    "unfocus": lambda session, _: session.update(focus=None),
    "step": _step,
    "category": _open_category,
    "spectrum": lambda session, value: session.update(spectrum=str(value)),
    "order": lambda session, value: session.update(order=str(value)),
    "undo": lambda session, _: session.undo(),
    "redo": lambda session, _: session.redo(),
    "keep": _keep,
    "recall": _recall,
    "rename": _rename,
    "drop": _drop,
    "import": _import,
    "share": _share,
    "export": _export,
}


STAYS = (
    "view",
    "mode",
    "colour_map",
    "sampling",
    "scaling",
    "limit",
    "percentile",
    "gamma",
    "page_size",
    "sort",
    "markers",
)


def _elsewhere(current: State, project: str) -> State:
    """Another project in the same view and colours: its samples are others."""
    return State(project=project, **{name: getattr(current, name) for name in STAYS})
