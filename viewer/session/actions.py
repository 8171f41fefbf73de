"""What a visitor can do besides changing one setting: each action is a pure function of what is shown and a value."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from viewer.projects import open_category
from viewer.scene import Blank, Scene
from viewer.scene.contrast.confusion import pairs
from viewer.scene.gallery import step
from viewer.scene.points.columns import places
from viewer.scene.points.density import is_dense
from viewer.scene.points.filters import narrowed, passing
from viewer.scene.points.grouping import grouping
from viewer.scene.points.picking import brushed
from viewer.scene.suspects import suspect_of
from viewer.session import naming, outside, pointer
from viewer.session.change import Change, Refusal, settings
from viewer.state import (
    CHOICES,
    State,
    decode,
    encode,
    filters,
    selection,
)
from viewer.state.paint import repaint
from viewer.state.reading import read


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


def _view(_: Scene | Blank, value: str) -> Change:
    return settings(view=value) if value in CHOICES["view"] else Change()


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
    "look": pointer.look,
    "hover": pointer.hover,
    "point": pointer.point,
    "pick": pointer.pick,
    "step": _step,
    "keep": outside.keep,
    "recall": outside.recall,
    "rename": outside.rename,
    "drop": outside.drop,
    "earlier": partial(outside.move, by=-1),
    "later": partial(outside.move, by=1),
    "concept": naming.name,
    "undelete": outside.undelete,
    "correct": lambda _, value: settings(correcting=str(value), at_layer="auto", by_method="auto"),
    "at_layer": lambda _, value: settings(at_layer=str(value)),
    "by_method": lambda _, value: settings(by_method=str(value)),
    "queue": outside.queue,
    "proof": lambda _, value: settings(correcting=str(value), view="compare"),
    "share": outside.share,
    "share_finding": outside.share_finding,
    "export": outside.export,
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
    "import": outside.import_state,
    "address": outside.open_address,
}
"""What can be done where there is no category too."""


def _chosen(value: Any) -> str:
    """Of a button, or of a field, which says more."""
    return str(value["value"] if isinstance(value, Mapping) else value)


STAYS = "view mode colour_map sampling scaling limit percentile gamma page_size sort markers".split()


def _elsewhere(current: State, project: str) -> State:
    """Another project in the same view and colours: its samples are others."""
    return State(project=project, **{name: getattr(current, name) for name in STAYS})
