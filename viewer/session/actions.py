"""What a visitor can do besides changing one setting: each action is a pure function of what is shown and a value."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from viewer import export
from viewer.projects import Finding, findings, open_category
from viewer.scene import Blank, Scene
from viewer.scene.confusion import pairs
from viewer.scene.facts import facts
from viewer.scene.gallery import step
from viewer.scene.points.columns import places, positions
from viewer.scene.points.density import brushed, is_dense
from viewer.scene.points.filters import narrowed, passing
from viewer.scene.points.grouping import grouping
from viewer.scene.suspects import suspect_of
from viewer.session.change import Change, Command, Refusal, settings
from viewer.state import (
    CHOICES,
    State,
    Window,
    decode,
    encode,
    filters,
    from_json,
    links,
    selection,
    to_json,
    to_query,
    window,
)
from viewer.state.paint import repaint
from viewer.state.reading import read

LONGEST_IMPORT = 8 << 20  # characters
MOST_HOVERED = 12  # variables beside the pointer; the sample in focus has all


def react(shown: Scene | Blank, name: str, value: Any) -> Change:
    """What follows from a report of the page's own script: a click on one of our buttons, a selection, a key."""
    if name in ANYWHERE:
        return ANYWHERE[name](shown, value)
    if isinstance(shown, Blank):
        raise Refusal("There is no category to do this with.")
    return ACTIONS[name](shown, value)


def _choose(scene: Scene, rows: np.ndarray) -> Change:
    """Select some rows, as far as they pass the filters."""
    chosen = scene.category.sample[rows & passing(scene.category, scene.state)]
    return settings(selection=encode(chosen), page=0)


def _selected(scene: Scene) -> np.ndarray:
    return scene.category.rows(decode(scene.state.selection))


def _select_rows(shown: Scene | Blank, value: Mapping[str, str]) -> Change:
    """Rows selected in the plot, unless the plot has moved on to another table meanwhile."""
    if isinstance(shown, Blank) or value["of"] != shown.table:
        return Change()
    return _choose(shown, selection.mask(value["bits"], len(shown.category.sample)))


def _brush(scene: Scene, value: Mapping[str, Any]) -> Change:
    """Something was drawn around points of which the browser has a picture only."""
    if value["of"] != scene.place(value["plot"]) or not is_dense(scene.category):
        return Change()
    place = places(scene.state)[value["plot"]]
    return _choose(scene, brushed(scene.category, scene.state, place, value["geometry"], value["mode"]))


def _select_cluster(scene: Scene, value: str) -> Change:
    if (groups := scene.category.clusterings.get(scene.state.clustering)) is None:
        raise Refusal("This category has no clusterings.")
    return _choose(scene, groups == int(value))


def _select_group(scene: Scene, value: str) -> Change:
    return _choose(scene, grouping(scene.category, scene.state).at == int(value))


def _select_pair(scene: Scene, value: str) -> Change:
    """The samples of one row of the confusion table, among those it was made of."""
    found, chosen = pairs(scene.category), _selected(scene)
    return Change() if found is None else _choose(scene, (found.at == int(value)) & (chosen | ~chosen.any()))


def _select_samples(scene: Scene, value: str) -> Change:
    return _choose(scene, scene.category.rows(decode(value)))


def _select_all(scene: Scene, _: object) -> Change:
    return _choose(scene, np.ones(len(scene.category.sample), bool))


def _filter(scene: Scene, value: str) -> Change:
    return _filtered(scene, filters.added(scene.state.filter, value))


def _unfilter(scene: Scene, value: str) -> Change:
    return _filtered(scene, filters.without(scene.state.filter, value))


def _filtered(scene: Scene, text: str) -> Change:
    narrow = narrowed(scene.category, replace(scene.state, filter=text))
    return settings(filter=text, selection=narrow, page=0)


def _colour(scene: Scene, value: str) -> Change:
    other = scene.state.colour != value
    return settings(colour=value, **({"paint": "", "scale": "", "low": None, "high": None} if other else {}))


def _paint(shown: Scene | Blank, value: Mapping[str, str] | str) -> Change:
    """One group's colour, or with no group all of them as they were."""
    if not isinstance(value, Mapping):
        return settings(paint="")
    return settings(paint=repaint(shown.state.paint, int(value["of"]), value["value"]))


def _end(name: str) -> Callable[[Scene | Blank, Any], Change]:
    """One end of the scale of colours; an empty text is told from the data."""
    return lambda _, value: settings(**{name: float(value["value"]) if value["value"] else None})


def _step(scene: Scene, value: int) -> Change:
    return settings(focus=step(scene.project, scene.category, scene.state, int(value)), place="")


def _move_slices(_: Scene | Blank, value: Mapping[str, str]) -> Change:
    """Other slices of the volume in focus; like a plot's window, they move back the way they came."""
    return Change(state={"place": read({"place": value["value"]}).state.place}, undoable=False)


def _open_category(shown: Scene | Blank, value: str) -> Change:
    """A category: its suspect, selected, where it was found; where it has none, all of its clusters."""
    opened = {
        "category": value,
        "selection": "",
        "focus": None,
        "page": 0,
        "window": "",
        "beside_window": "",
        "filter": "",
    }
    found = suspect_of(shown.project, shown.state.analysis, value)
    if found is None or isinstance(shown, Blank) or value not in shown.project.analyses[found.analysis]:
        return settings(**opened, view="clusters")
    groups = open_category(shown.project, found.analysis, value)
    members = groups.sample[groups.clusterings.get(found.clustering, np.zeros(0, int)) == found.cluster]
    where = {"analysis": found.analysis, "clustering": found.clustering, "colour": "cluster", "paint": ""}
    unfiltered = {"label": "", "predicted": "", "correct": "", "least": 0.0, "most": 1.0}
    return settings(**opened | where | unfiltered | {"selection": encode(members), "view": "explore"})


def _look(scene: Scene, value: Mapping[str, Any]) -> Change:
    """A plot was moved or zoomed; unlike all else, undo does not take this back: the plot has a tool for it."""
    place = places(scene.state)[value["plot"]]
    if value["of"] != scene.place(value["plot"]):
        return Change()
    seen = Window(*map(float, value["shown"]))
    whole = window.whole(positions(scene.category, place))
    text = "" if np.allclose(seen, whole) else window.write(seen)
    field = "window" if value["plot"] == "scatter" else "beside_window"
    return Change(
        state=replace(scene.state, **{field: text and window.write(window.read(text))}),
        undoable=False,
    )


def _hover(scene: Scene, value: int) -> Change:
    """What is known of the sample that the pointer is at."""
    rows = np.flatnonzero(scene.category.sample == int(value))
    found = facts(scene.category, int(rows[0])) if len(rows) else []
    return Change(command={"name": "hovered", "sample": int(value), "facts": found[:MOST_HOVERED]})


def _view(_: Scene | Blank, value: str) -> Change:
    return settings(view=value) if value in CHOICES["view"] else Change()


def _keep(scene: Scene, value: Mapping[str, str]) -> Change:
    current, ids = scene.state, tuple(decode(scene.state.selection).tolist())
    if not ids:
        raise Refusal("Select samples first: a finding is about samples.")
    tags = findings.tags(value["tags"])
    found = Finding(value["name"].strip(), value["text"], tags, current.analysis, current.category, ids)
    found = replace(found, author=value.get("author", ""))
    return Change(write=lambda: _told(found.name, findings.keep(scene.project.home, found)), redraw=True)


def _told(wanted: str, name: str) -> str:
    return "" if name == wanted else f"There is a finding {wanted!r} already, so this one is kept as {name!r}."


def _recall(scene: Scene, value: str) -> Change:
    found = findings.load(scene.project.home).get(value)
    if found is None:
        raise Refusal(f"There is no finding {value!r} any more.")
    where = {"analysis": found.analysis, "category": found.category}
    return settings(**where, selection=encode(found.ids), view="explore", page=0, focus=None)


def _rename(scene: Scene, value: Mapping[str, str]) -> Change:
    old, new, against = value["of"], value["value"], scene.state.against
    write = partial(findings.rename, scene.project.home, old, new)
    return Change(write, {"against": new.strip() if against == old else against}, redraw=True)


def _drop(scene: Scene, value: str) -> Change:
    return Change(write=partial(findings.drop, scene.project.home, value), redraw=True)


def _undelete(scene: Scene, value: str) -> Change:
    return Change(write=lambda: _told(value, findings.undelete(scene.project.home, value)), redraw=True)


def _import(_: Scene | Blank, text: Any) -> Change:
    if not isinstance(text, str) or len(text) > LONGEST_IMPORT:  # the page does not even send what is too large
        raise Refusal(f"The file is too large to be an export (more than {LONGEST_IMPORT >> 20} MB).")
    try:
        found = from_json(text)
    except ValueError as error:
        raise Refusal(str(error)) from error
    return Change(state=found.state, warnings=found.warnings)


def _share(scene: Scene, _: object) -> Change:
    def link() -> Command:
        short, note = links.shorten(scene.project.home, scene.state)
        return {"name": "share", "query": to_query(short), "note": note}

    return Change(work=link)  # a large selection is written beside the project


def _export(scene: Scene, kind: str) -> Change:
    if kind not in FILES:
        return Change()
    if kind in OF_SELECTION and not scene.state.selection:
        raise Refusal(f"Select samples first: the {OF_SELECTION[kind]}.")
    media, make = FILES[kind]
    file = export.file_name(scene.project, scene.state, kind)
    return Change(work=lambda: {"name": "download", "file": file, "media": media, "text": make(scene)})


FILES: dict[str, tuple[str, Callable[[Scene], str]]] = {
    "json": ("application/json", lambda scene: to_json(scene.state)),
    "csv": ("text/csv", lambda scene: export.table(scene.category, scene.state)),
    "svg": ("image/svg+xml", lambda scene: export.drawing(scene.category, scene.state)),
    "py": ("text/x-python", lambda scene: export.snippet(scene.project, scene.category, scene.state)),
    "gallery.svg": ("image/svg+xml", export.gallery_drawing),
    "gallery.png": ("image/png", export.gallery_drawing),  # the browser draws it
    "report.html": ("text/html", export.report),
}
OF_SELECTION = {
    "gallery.svg": "gallery is empty",
    "gallery.png": "gallery is empty",
    "report.html": "report is about them",
}
ACTIONS: dict[str, Callable[[Scene, Any], Change]] = {
    "brush": _brush,
    "cluster": _select_cluster,
    "group": _select_group,
    "pair": _select_pair,
    "samples": _select_samples,
    "filter": _filter,
    "unfilter": _unfilter,
    "colour": _colour,
    "all": _select_all,
    "invert": lambda scene, _: _choose(scene, ~_selected(scene)),
    "look": _look,
    "hover": _hover,
    "step": _step,
    "keep": _keep,
    "recall": _recall,
    "rename": _rename,
    "drop": _drop,
    "undelete": _undelete,
    "share": _share,
    "export": _export,
}
ANYWHERE: dict[str, Callable[[Scene | Blank, Any], Change]] = {
    "select": _select_rows,
    "clear": lambda *_: settings(selection="", page=0),
    "project": lambda shown, value: Change(state=_elsewhere(shown.state, _chosen(value))),
    "view": _view,
    "page": lambda _, value: settings(page=max(0, int(value))),
    "paint": _paint,
    "scale": lambda _, value: settings(scale=value["value"]),
    "low": _end("low"),
    "high": _end("high"),
    "focus": lambda _, value: settings(focus=int(value), place=""),
    "unfocus": lambda *_: settings(focus=None, place=""),
    "place": _move_slices,
    "category": _open_category,
    "spectrum": lambda _, value: settings(spectrum=str(value)),
    "order": lambda _, value: settings(order=str(value)),
    "undo": lambda *_: Change(history=-1),
    "redo": lambda *_: Change(history=1),
    "import": _import,
}
"""What can be done where there is no category too."""


def _chosen(value: Any) -> str:
    """Of a button, or of a field, which says more."""
    return str(value["value"] if isinstance(value, Mapping) else value)


STAYS = "view mode colour_map sampling scaling limit percentile gamma page_size sort markers".split()


def _elsewhere(current: State, project: str) -> State:
    """Another project in the same view and colours: its samples are others."""
    return State(project=project, **{name: getattr(current, name) for name in STAYS})
