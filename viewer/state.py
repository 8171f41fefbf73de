"""All that a person chose, as one frozen value that round-trips to JSON and to the address of the page.

Sharing, exporting, importing, undoing and testing are this one value. Text from outside becomes a state only through
`read`, which never fails: what it cannot use it leaves at the default and says so.
"""

import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlencode

import numpy as np

from spray.colour.colormap import palette
from viewer import window
from viewer.colours import painted
from viewer.selection import decode, encode

VERSION = 1
LONGEST_NAME = 1000
LONGEST_SELECTION = 4 << 20


@dataclass(frozen=True)
class State:
    project: str = ""
    view: str = "explore"
    analysis: str = ""
    category: str = ""
    clustering: str = ""
    embedding: str = ""
    x: int = 0
    y: int = 1
    beside: str = ""  # a second embedding, shown beside the first
    beside_x: int = 0
    beside_y: int = 1
    window: str = ""  # the part of the embedding that is shown; none: all
    beside_window: str = ""
    markers: str = "dots"
    colour: str = "cluster"  # or any per-sample variable
    paint: str = ""  # colours of single groups, `0:ff0000,7:00aa00`, where they are not the default's
    scale: str = ""  # the colour map of a variable that is a number; none: by its signs
    low: float | None = None  # the numbers at the scale's ends; none: the least and the most there are
    high: float | None = None
    label: str = ""  # filters: only samples that pass all of them can be selected
    predicted: str = ""
    correct: str = ""
    least: float = 0.0  # confidence
    most: float = 1.0
    selection: str = ""
    focus: int | None = None
    page: int = 0
    page_size: int = 20
    sort: str = "file"
    colour_map: str = "bwr"
    method: str = "relevance"  # whose relevance is shown, where a project has several
    mode: str = "input"
    sampling: str = "auto"
    scaling: str = "sample"  # whose relevance has full colour
    limit: float = 1.0  # the relevance of full colour where scaling is fixed
    percentile: float = 100.0
    gamma: float = 1.0
    against: str = ""  # a finding to compare the selection with; none: the rest of the category
    other: str = ""  # a method, of this project or another, that shows the same samples
    spectrum: str = "eigenvalues"
    order: str = ""  # the column that categories are ranked by


CHOICES: dict[str, tuple[Any, ...]] = {
    "view": ("explore", "clusters", "categories", "compare", "findings"),
    "markers": ("dots", "pictures"),
    "spectrum": ("eigenvalues", "tree"),
    "mode": ("input", "overlay", "heatmap"),
    "sampling": ("auto", "smooth", "pixelated"),
    "scaling": ("sample", "selection", "category", "fixed"),
    "page_size": (20, 50, 100),
    "sort": ("file", "random", "typical", "unusual", "confident", "unsure", "relevance"),
    "correct": ("", "right", "wrong"),
}
BOUNDS = {"least": (0, 1), "most": (0, 1), "limit": (1e-30, 1e30), "percentile": (50, 100), "gamma": (0.1, 10)}


class Read(NamedTuple):
    state: State
    warnings: tuple[str, ...] = ()


def _text(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_NAME:
        raise ValueError(f"text of at most {LONGEST_NAME} characters is needed")
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str) or len(str(value)) > 20:
        raise ValueError("a whole number is needed")
    number = int(value)
    if not -(2**63) <= number < 2**63:
        raise ValueError("the number is too large")
    return number


def _natural(value: Any) -> int:
    if not 0 <= (number := _whole(value)) < 2**31:
        raise ValueError("a number from 0 is needed")
    return number


def _optional(value: Any) -> int | None:
    return None if value in (None, "") else _whole(value)


def _number(value: Any) -> float:
    if isinstance(value, bool) or not math.isfinite(number := float(value)):
        raise ValueError("a finite number is needed")
    return number


def _optional_number(value: Any) -> float | None:
    return None if value in (None, "") else _number(value)


def _selection(value: Any) -> str:
    if not isinstance(value, str) or len(value) > LONGEST_SELECTION:
        raise ValueError("a selection of samples is needed")
    if not value.startswith("@"):  # the name of a selection that is kept beside the project (links.py)
        decode(value)
    return value


def _window(value: Any) -> str:
    text = _text(value)
    return text and window.write(window.read(text))


def _colour_map(value: Any) -> str:
    source = _text(value)
    palette(source)
    return source


def _scale(value: Any) -> str:
    return "" if value == "" else _colour_map(value)


def _paint(value: Any) -> str:
    text = _text(value)
    painted(text)
    return text


READ: dict[str, Callable[[Any], Any]] = {
    "str": _text,
    "int": _natural,
    "int | None": _optional,
    "float": _number,
    "float | None": _optional_number,
}
FIELDS = {f.name: READ[f.type.__name__ if isinstance(f.type, type) else str(f.type)] for f in fields(State)}
FIELDS |= {"selection": _selection, "window": _window, "beside_window": _window}
FIELDS |= {"colour_map": _colour_map, "scale": _scale, "paint": _paint}
DEFAULT = State()


def read(values: Mapping[str, Any]) -> Read:
    """The state that `values` describe; every name or value of no use is a warning and not an error."""
    good, warnings = {}, []
    for name, value in values.items():
        try:
            good[name] = _value(name, value)
        except (KeyError, ValueError, TypeError, OverflowError) as error:
            reason = "no such setting" if isinstance(error, KeyError) else str(error)
            warnings.append(f"{name[:40]!r} was ignored: {reason}")
    return Read(State(**good), tuple(warnings))


def _value(name: str, value: Any) -> Any:
    found = FIELDS[name](value)
    low, high = BOUNDS.get(name, (0, 0))
    if name in BOUNDS and not low <= found <= high:
        raise ValueError(f"it must lie between {low} and {high}")
    if name in CHOICES and found not in CHOICES[name]:
        raise ValueError(f"it must be one of {', '.join(map(str, CHOICES[name]))}")
    return found


def changed(state: State) -> dict[str, Any]:
    """The settings that are not the default."""
    return {f.name: value for f in fields(State) if (value := getattr(state, f.name)) != getattr(DEFAULT, f.name)}


def to_query(state: State) -> str:
    """The part of the address behind the question mark: nothing for what is at its default.

    >>> to_query(State(category="a&b", focus=0))
    'category=a%26b&focus=0'
    """
    return urlencode({name: "" if value is None else value for name, value in changed(state).items()})


def from_query(query: str) -> Read:
    """The state of an address; unknown names (another page's, a proxy's) are ignored."""
    pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=200)
    return read({name: value for name, value in pairs if name in FIELDS})


def from_arguments(arguments: Mapping[str, Iterable[bytes]]) -> Read:
    """The state of an address as Tornado hands it over: each name with a list of bytes."""
    values = {name: list(given) for name, given in arguments.items()}
    return read({name: v[-1].decode("utf-8", "replace") for name, v in values.items() if v and name in FIELDS})


FORMAT = "lrp-spray viewer state"
VIRELAY = {  # the names of ViRelAy's exported selections
    "projectName": "project",
    "selectedAnalysisMethod": "analysis",
    "selectedAnalysisCategory": "category",
    "selectedClustering": "clustering",
    "selectedEmbeddingName": "embedding",
    "selectedColorMap": "colour_map",
    "selectedImageMode": "mode",
    "selectedEmbeddingVectorsIndices": "samples",
}
RENAMED = {"attribution": "heatmap", "seismic": "virelay-seismic"}


def to_json(state: State) -> str:
    """All settings that are not at their default; the selection as a plain list of sample ids."""
    values = changed(state)
    if values.pop("selection", ""):
        values["samples"] = decode(state.selection).tolist()
    return json.dumps({"format": FORMAT, "version": VERSION} | values, indent=2)


def from_json(text: str) -> Read:
    """The state of an export, ours or ViRelAy's; ValueError if the text is no export at all."""
    try:
        values = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the file is no JSON text ({error})") from None
    if isinstance(values, dict) and "selectedAnalysisMethod" in values:
        return _from_virelay(values)
    if not isinstance(values, dict) or values.get("format") != FORMAT:
        raise ValueError("the file is no export of this viewer")
    if not isinstance(values.get("version"), int) or values["version"] > VERSION:
        raise ValueError(f"the file has version {values.get('version')!r}, this viewer reads up to {VERSION}")
    return _read_with_samples({name: value for name, value in values.items() if name not in ("format", "version")})


def _from_virelay(values: dict[str, Any]) -> Read:
    found = {ours: values[theirs] for theirs, ours in VIRELAY.items() if theirs in values}
    for name in ("colour_map", "mode"):
        if isinstance(value := found.get(name), str):
            found[name] = RENAMED.get(value, value)
    return _read_with_samples(found)


def _read_with_samples(values: dict[str, Any]) -> Read:
    samples = values.pop("samples", [])
    try:
        selection = encode(np.array([_whole(sample) for sample in samples], np.int64))
    except (TypeError, ValueError) as error:
        state, warnings = read(values)
        return Read(state, (*warnings, f"'samples' was ignored: {error}"))
    return read(values | ({"selection": selection} if selection else {}))
