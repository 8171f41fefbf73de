"""What actions do outside of the page: findings of the project, files of the visitor, links."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from spray.store import corrections
from viewer import export as files
from viewer.projects import Finding, findings
from viewer.scene import Blank, Scene
from viewer.session.change import Change, Command, Refusal, settings
from viewer.state import State, decode, encode, from_json, from_query, links, to_json, to_query

LONGEST_IMPORT = 8 << 20  # characters


def keep(scene: Scene, value: Mapping[str, str]) -> Change:
    current, ids = scene.state, tuple(decode(scene.state.selection).tolist())
    if not ids:
        raise Refusal("Select samples first: a finding is about samples.")
    tags = findings.tags(value["tags"])
    found = Finding(value["name"].strip(), value["text"], tags, current.analysis, current.category, ids)
    found = replace(found, author=value.get("author", ""))
    return Change(write=lambda: _told(found.name, findings.keep(scene.project.home, found)), redraw=True)


def _told(wanted: str, name: str) -> str:
    return "" if name == wanted else f"There is a finding {wanted!r} already, so this one is kept as {name!r}."


def _where(scene: Scene, name: str) -> dict[str, Any]:
    """Settings that show a finding."""
    found = findings.load(scene.project.home).get(name)
    if found is None:
        raise Refusal(f"There is no finding {name!r} any more.")
    where = {"analysis": found.analysis, "category": found.category, "selection": encode(found.ids)}
    return {**where, "view": "explore", "page": 0, "focus": None}


def recall(scene: Scene, value: str) -> Change:
    return settings(**_where(scene, value))


def move(scene: Scene, value: str, by: int) -> Change:
    return Change(write=partial(findings.move, scene.project.home, value, by), redraw=True)


def rename(scene: Scene, value: Mapping[str, str]) -> Change:
    old, new = value["of"], value["value"]
    write = partial(findings.rename, scene.project.home, old, new)
    named = {name: getattr(scene.state, name) for name in ("against", "correcting")}
    return Change(write, {name: new.strip() if was == old else was for name, was in named.items()}, redraw=True)


def drop(scene: Scene, value: str) -> Change:
    return Change(write=partial(findings.drop, scene.project.home, value), redraw=True)


def undelete(scene: Scene, value: str) -> Change:
    return Change(write=lambda: _told(value, findings.undelete(scene.project.home, value)), redraw=True)


def queue(scene: Scene, value: str) -> Change:
    """Ask for a correction, which `lrp correct --watch` makes."""
    if scene.project.foreign is not None:
        raise Refusal("A project of ViRelAy's cannot be corrected: its model is not known. Convert it first.")
    ask = partial(corrections.ask, scene.project.home, value, scene.state.at_layer, scene.state.by_method)
    return Change(write=lambda: "" if ask() else None, redraw=True)


def import_state(_: Scene | Blank, text: Any) -> Change:
    if not isinstance(text, str) or len(text) > LONGEST_IMPORT:  # the page does not even send what is too large
        raise Refusal(f"The file is too large to be an export (more than {LONGEST_IMPORT >> 20} MB).")
    try:
        found = from_json(text)
    except ValueError as error:
        raise Refusal(str(error)) from error
    return Change(state=found.state, warnings=found.warnings)


def open_address(_: Scene | Blank, text: Any) -> Change:
    """Where the browser's Back and Forward lead."""
    if not isinstance(text, str) or len(text) > LONGEST_IMPORT:
        raise Refusal("This address is too long.")
    found = from_query(text)
    return Change(state=found.state, warnings=found.warnings)


def share(scene: Scene, _: object) -> Change:
    return _link(scene, scene.state)


def share_finding(scene: Scene, value: str) -> Change:
    return _link(scene, replace(scene.state, **_where(scene, value)))


def _link(scene: Scene, state: State) -> Change:
    def link() -> Command:
        short, note = links.shorten(scene.project.home, state)
        return {"name": "share", "query": to_query(short), "note": note}

    return Change(work=link)  # a large selection is written beside the project


def export(scene: Scene, kind: str) -> Change:
    if kind not in FILES:
        return Change()
    if kind in OF_SELECTION and not scene.state.selection:
        raise Refusal(f"Select samples first: the {OF_SELECTION[kind]}.")
    media, make = FILES[kind]
    file = files.file_name(scene.project, scene.state, kind)
    return Change(work=lambda: {"name": "download", "file": file, "media": media, "text": make(scene)})


FILES: dict[str, tuple[str, Callable[[Scene], str]]] = {
    "json": ("application/json", lambda scene: to_json(scene.state)),
    "csv": ("text/csv", lambda scene: files.table(scene.category, scene.state)),
    "svg": ("image/svg+xml", lambda scene: files.drawing(scene.category, scene.state)),
    "py": ("text/x-python", lambda scene: files.snippet(scene.project, scene.category, scene.state)),
    "gallery.svg": ("image/svg+xml", files.gallery_drawing),
    "gallery.png": ("image/png", files.gallery_drawing),  # the browser draws it
    "report.html": ("text/html", files.report),
}
OF_SELECTION = {
    "gallery.svg": "gallery is empty",
    "gallery.png": "gallery is empty",
    "report.html": "report is about them",
}
