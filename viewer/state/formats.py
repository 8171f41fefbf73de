"""A state as text: the query of an address, an export in JSON, and ViRelAy's exported selections."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any
from urllib.parse import parse_qsl, urlencode

import numpy as np

from viewer.state.reading import FIELDS, Read, integer, read
from viewer.state.selection import decode, encode
from viewer.state.state import State

VERSION = 1
DEFAULT = State()


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
        selection = encode(np.array([integer(sample) for sample in samples], np.int64))
    except (TypeError, ValueError) as error:
        state, warnings = read(values)
        return Read(state, (*warnings, f"'samples' was ignored: {error}"))
    return read(values | ({"selection": selection} if selection else {}))
