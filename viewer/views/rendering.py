"""How samples are shown: input, overlay or heatmap, in which colours, on which scale, in which order."""

from collections.abc import Sequence
from typing import Any

from bokeh.models import PaletteSelect, RadioButtonGroup, Select, Spinner, TextInput

from spray.colour.colormap import NAMES, palette
from viewer.scene import Scene
from viewer.scene.addresses import modes_of
from viewer.state import CHOICES
from viewer.state.paint import css
from viewer.views.parts import Update, View

WATCHES = ("mode", "method", "colour_map", "sampling", "scaling", "limit", "percentile", "gamma", "sort", "page_size")
TITLES = {"scaling": "Full colour is", "sort": "Order", "page_size": "A page", "sampling": "Enlarging"}
WIDTHS = {"scaling": 158, "sort": 130, "page_size": 66, "sampling": 200}
WORDS = {
    "sample": "each sample's max",
    "selection": "the selection's max",
    "category": "the category's max",
    "fixed": "a fixed value",
    "file": "as in file",
    "typical": "typical first",
    "unusual": "unusual first",
    "confident": "confident first",
    "unsure": "unsure first",
    "relevance": "relevance first",
}


def view(update: Update) -> View:
    mode = RadioButtonGroup(name="mode", labels=[choice.capitalize() for choice in CHOICES["mode"]])
    selects = {
        name: Select(name=name, title=title, options=_words(name), width=WIDTHS[name]) for name, title in TITLES.items()
    }
    colour_map = PaletteSelect(name="colour_map", title="Colour map", items=_swatches(NAMES), value=NAMES[0], ncols=3)
    own = TextInput(name="own_colours", title="Own colours, from − to +", placeholder="00f,fff,f00")
    numbers = {
        "percentile": Spinner(name="percentile", title="Percentile of |relevance|", low=50, high=100, step=0.5),
        "gamma": Spinner(name="gamma", title="Gamma (< 1 lifts weak)", low=0.1, high=10, step=0.1),
        "limit": Spinner(name="limit", title="Relevance of full colour", low=1e-30, step=0.1),
    }
    mode.on_change("active", lambda _attr, _old, new: None if new is None else update(mode=mode.labels[new].lower()))
    for chooser in (colour_map, own):
        chooser.on_change("value", lambda _attr, _old, new: new and update(colour_map=new))
    for name, select in selects.items():
        select.on_change("value", lambda _attr, _old, new, name=name: update(**{name: _typed(name, new)}, page=0))
    for name, spinner in numbers.items():
        spinner.on_change("value", lambda _attr, _old, new, name=name: new and update(**{name: float(new)}))

    def render(scene: Scene) -> None:
        shown = modes_of(scene)
        mode.update(labels=[choice.capitalize() for choice in shown], active=shown.index(scene.state.mode))
        for name, select in selects.items():
            select.value = str(getattr(scene.state, name))
        for name, spinner in numbers.items():
            spinner.update(value=getattr(scene.state, name))
        if scene.state.colour_map not in dict(colour_map.items):  # one that the address wrote out
            colour_map.items = _swatches((*NAMES, scene.state.colour_map))
        colour_map.value = scene.state.colour_map
        own.value = "" if scene.state.colour_map in NAMES else scene.state.colour_map

    return View((mode, colour_map, own, *selects.values(), *numbers.values()), WATCHES, render)


def _words(name: str) -> Any:
    return [(str(choice), WORDS.get(str(choice), str(choice))) for choice in CHOICES[name]]


def _typed(name: str, value: str) -> object:
    return int(value) if name == "page_size" else value


def _swatches(names: Sequence[str]) -> list[tuple[str, list[str]]]:
    return [(name, [css(colour) for colour in palette(name)[::8].tolist()]) for name in names]
