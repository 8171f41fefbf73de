"""Projects are opened once, and again when their samples or analyses have changed."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

from spray import store
from spray.files import refuse_links
from spray.store import corrections
from spray.virelay.project import open_virelay
from viewer.projects import classes
from viewer.projects.project import Project


def open_projects(paths: Sequence[str]) -> dict[str, Project]:
    """Key -> project, in the order given; a project that cannot be read is there, with its error."""
    projects: dict[str, Project] = {}
    for path in paths:
        key = _unique(_name(Path(path)), projects)
        try:
            projects[key] = _open(key, Path(path).resolve(), _stamp(Path(path)))
        except (OSError, ValueError, RuntimeError) as error:  # gone meanwhile, not readable, or a circle of links
            projects[key] = Project(key, Path(path), error=str(error) or repr(error))
    return projects | _corrected(projects)


def _corrected(projects: Mapping[str, Project]) -> dict[str, Project]:
    """What came of corrections that were asked for in these projects."""
    found: dict[str, Project] = {}
    for key, project in projects.items():
        for path in corrections.done(project.home):
            own = _unique(f"{key} corrected {path.name}", {**projects, **found})
            found[own] = _open_corrected(own, path.resolve(), _stamp(path), key)
    return found


@lru_cache(maxsize=64)
def _open_corrected(key: str, path: Path, stamp: tuple, of: str) -> Project:
    return replace(_open(key, path, stamp), of=of)


def _name(path: Path) -> str:
    """A folder's own name; project.yaml is called after the folder it lies in."""
    path = Path(os.path.realpath(path))  # Path.resolve has an error for a circle of links
    return (path.parent.name if path.suffix in (".yaml", ".yml") else path.name) or "project"


def _unique(name: str, taken: Mapping[str, Any]) -> str:
    number = 2
    key = name
    while key in taken:
        key, number = f"{name}-{number}", number + 1
    return key


def _stamp(path: Path) -> tuple:
    """What changes when samples or analyses are written: an open project is read again then. Not its folder, which
    changes with every finding that is kept: all windows would have a second copy of all that is open."""
    own = [path] if path.is_file() else [path / name for name in ("project.json", "attributions", "analyses")]
    files = [*own, *sorted(path.glob("analyses/*"))]
    return tuple((str(file), file.stat().st_mtime_ns) for file in files if file.exists())


@lru_cache(maxsize=64)
def _open(key: str, path: Path, stamp: tuple) -> Project:
    try:
        if path.suffix in (".yaml", ".yml"):
            return _open_foreign(key, path, stamp)
        facts = store.read_project(path)
        attributions = classes.with_classes(store.open_attributions(path))
        names = {name: tuple(store.open_analysis(path, name)) for name in store.analyses(path)}
        return Project(key, path, stamp, facts, attributions, names, incomplete=str(store.missing(path)))
    except Exception as error:  # whatever it is: the other projects stay open
        return Project(key, path, stamp, error=str(error) or repr(error))


def _open_foreign(key: str, path: Path, stamp: tuple) -> Project:
    found = open_virelay(path)
    refuse_links(path.with_suffix(".viewer"))  # its `home`, beside what the user named
    names = {name: tuple(categories) for name, categories in found.analyses.items()}
    return Project(key, path, stamp, found.facts, found.attributions, names, foreign=found.analyses)
