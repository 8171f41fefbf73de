"""What the pointer does in a plot: it moves and zooms, rests on a sample, clicks on a picture of many."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from viewer.scene import Scene
from viewer.scene.facts import facts
from viewer.scene.points.columns import places, positions, whole_window
from viewer.scene.points.picking import nearest
from viewer.session.change import Change, settings
from viewer.state import Window, window

MOST_HOVERED = 12  # variables beside the pointer; the sample in focus has all


def look(scene: Scene, value: Mapping[str, Any]) -> Change:
    """A plot was moved or zoomed; unlike all else, undo does not take this back: the plot has a tool for it."""
    place = places(scene.state)[value["plot"]]
    if value["of"] != scene.place(value["plot"]):
        return Change()
    seen = Window(*map(float, value["shown"]))
    whole = whole_window(scene.category, place)
    text = "" if np.allclose(seen, whole) else window.write(seen)
    field = "window" if value["plot"] == "scatter" else "beside_window"
    return Change(
        state=replace(scene.state, **{field: text and window.write(window.read(text))}),
        undoable=False,
    )


def hover(scene: Scene, value: int) -> Change:
    """What is known of the sample that the pointer is at."""
    rows = np.flatnonzero(scene.category.sample == int(value))
    found = facts(scene.category, int(rows[0])) if len(rows) else []
    return Change(command={"name": "hovered", "sample": int(value), "facts": found[:MOST_HOVERED]})


def point(scene: Scene, value: Mapping[str, Any]) -> Change:
    """The sample nearest to the pointer, where the browser has a picture of them only; and where both plots have it."""
    if (row := _nearest(scene, value)) < 0:
        return Change(command={"name": "pointed", "sample": None})
    shown = {name: place for name, place in places(scene.state).items() if place.embedding}
    at = {name: positions(scene.category, place)[row].tolist() for name, place in shown.items()}
    sample, known = int(scene.category.sample[row]), facts(scene.category, row)[:MOST_HOVERED]
    return Change(command={"name": "pointed", "sample": sample, "at": at, "facts": known})


def pick(scene: Scene, value: Mapping[str, Any]) -> Change:
    """A click on such a picture brings the nearest sample into focus; where there is none nothing is selected."""
    row = _nearest(scene, value)
    return settings(focus=int(scene.category.sample[row]), place="") if row >= 0 else settings(selection="", page=0)


def _nearest(scene: Scene, value: Mapping[str, Any]) -> int:
    if value["of"] != scene.place(value["plot"]):
        return -1
    place, (x, y), (reach_x, reach_y) = places(scene.state)[value["plot"]], value["at"], value["reach"]
    return nearest(scene.category, scene.state, place, (float(x), float(y)), (float(reach_x), float(reach_y)))
