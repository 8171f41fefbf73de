"""What the page's own script (static/) is told of a scene: each message is a text, for the property of its name."""

import json
from collections.abc import Callable

from viewer import state
from viewer.scene import Blank, Scene
from viewer.scene.addresses import is_drawn, modes_of, picture_address
from viewer.scene.points.columns import colour, places, positions, shown_window, whole_window
from viewer.scene.points.markers import marker_rows
from viewer.state import links, selection
from viewer.state.paint import css


def messages(scene: Scene | Blank) -> dict[str, str]:
    told = {name: message(scene) for name, message in ALWAYS.items()}
    shown = NOTHING if isinstance(scene, Blank) else {name: message(scene) for name, message in MESSAGES.items()}
    return told | shown


def marks(scene: Scene | Blank) -> str:
    """What the page's style depends on."""
    view = "help" if not scene.projects else "broken" if isinstance(scene, Blank) else scene.state.view
    beside, focus = bool(scene.state.beside), scene.state.focus is not None
    drawn = isinstance(scene, Scene) and is_drawn(scene)
    found = {"view": view, "beside": beside, "focus": focus, "spectrum": scene.state.spectrum, "drawn": drawn}
    spectral = isinstance(scene, Scene) and bool(len(scene.category.eigenvalue))
    return json.dumps(found | {"fixed": scene.state.scaling == "fixed", "spectral": spectral})


def query(scene: Scene | Blank) -> str:
    """The address of what is shown; a selection too long for it is there by the name that it is kept under."""
    return state.to_query(links.in_address(scene.state))


def selected(scene: Scene) -> str:
    rows = scene.category.rows(selection.decode(scene.state.selection))
    return json.dumps({"of": scene.table, "bits": selection.bits(rows), "n": len(rows)})


def preview(scene: Scene) -> str:
    """The pictures of a sample: input and heatmap; of what is made of lines or words one is enough."""
    shown = modes_of(scene)
    wanted = (scene.state.mode,) if is_drawn(scene) else tuple(mode for mode in ("input", "heatmap") if mode in shown)
    return json.dumps([_template(scene, mode) for mode in wanted or shown[:1]])


def windows(scene: Scene) -> str:
    """Name of each plot -> what it shows, and all that it could show."""
    shown = {name: place for name, place in places(scene.state).items() if place.embedding}
    return json.dumps(
        {
            name: {
                "of": scene.place(name),
                "shown": shown_window(scene.category, place),
                "whole": whole_window(scene.category, place),
            }
            for name, place in shown.items()
        }
    )


def markers(scene: Scene) -> str:
    """Name of each plot -> sample, position and colour of the pictures in it."""
    if scene.state.markers != "pictures":
        return "{}"
    found = {}
    words = colour(scene.category, scene.state)
    for name, place in places(scene.state).items():
        if place.embedding:
            rows = marker_rows(scene.category, scene.state, place)
            at = positions(scene.category, place)[rows].tolist()
            colours = [css((word >> 24, word >> 16 & 255, word >> 8 & 255)) for word in words[rows].tolist()]
            found[name] = list(zip(scene.category.sample[rows].tolist(), at, colours, strict=True))
    return json.dumps({"address": _template(scene, scene.state.mode), "plots": found})


def _template(scene: Scene, mode: str) -> str:
    return picture_address(scene, 0, mode).replace("/0/", "/SAMPLE/", 1)


ALWAYS: dict[str, Callable[[Scene | Blank], str]] = {"marks": marks, "query": query}
MESSAGES: dict[str, Callable[[Scene], str]] = {
    "windows": windows,
    "selection": selected,
    "preview": preview,
    "markers": markers,
}
NOTHING = {"windows": "{}", "selection": "", "preview": "[]", "markers": "{}"}
"""What stands for MESSAGES where nothing is shown."""
