"""project.json: what was attributed, with what."""

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from os import PathLike
from pathlib import Path
from typing import Any

from spray.files import DamagedFile, ProjectError, as_json, from_json, locked, make_folder, within, write_text

SCHEMA = 1
KINDS = {"name": str, "label_names": list, "category_names": dict, "settings": dict, "versions": dict}
"""Facts that are used as what they are; project.json may be a stranger's."""
MOST_FACTS = 256_000_000  # bytes of project.json
LIBRARIES = ("lrp-spray", "torch", "xarray", "numpy", "scipy", "scikit-learn")

Place = str | PathLike[str]


def write_project(
    path: Place,
    *,
    name: str,
    model: str = "",
    dataset: str = "",
    method: str = "",
    composite: Any = None,
    label_names: Any = (),
    **extra: Any,
) -> None:
    """Write project.json; versions and the time of creation are added. An existing project keeps its creation time.

    Args:
        path: The project's folder.
        name: For people to read.
        model, dataset, method, composite: What was attributed, with what.
        label_names: Name of each class.
        extra: Further facts that JSON can hold.

    Raises:
        ProjectError: A fact is nothing that JSON can hold.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> write_project(folder, name="digits", model="vgg16")
        >>> read_project(folder)["model"]
        'vgg16'
    """
    file = Path(path) / "project.json"
    project = {"schema": SCHEMA, "name": name, "model": model, "dataset": dataset, "method": method}
    project |= {"composite": composite, "label_names": [str(label) for label in label_names]}
    make_folder(Path(path))
    with locked(Path(path)):
        created = read_project(path)["created"] if file.exists() else datetime.now(UTC).isoformat("T", "seconds")
        _write_facts(path, project | {"created": created, "versions": versions()} | extra)


def add_facts(path: Place, **facts: Any) -> None:
    """Write further facts to project.json; all others stay as they are.

    Args:
        path: The project's folder.
        facts: What JSON can hold.

    Raises:
        ProjectError: There is no project, or a fact is nothing that JSON can hold.

    Example:
        >>> import tempfile
        >>> folder = tempfile.mkdtemp()
        >>> write_project(folder, name="digits", model="vgg16")
        >>> add_facts(folder, model="vgg19")
        >>> read_project(folder)["name"], read_project(folder)["model"]
        ('digits', 'vgg19')
    """
    with locked(Path(path)):
        before = read_project(path)
        if before | facts != before:
            _write_facts(path, before | facts)


def _write_facts(path: Place, facts: Mapping[str, Any]) -> None:
    file = Path(path) / "project.json"
    try:
        text = as_json(dict(facts))
    except TypeError as error:
        why = f"project facts must be JSON (text, numbers, lists, mappings): {error}"
        raise ProjectError(f"{file}: {why}") from error
    write_text(file, text + "\n", Path(path))


def versions() -> dict[str, str]:
    """Versions of ours and of the libraries that compute, as far as they are installed.

    Returns:
        Library -> version.

    Example:
        >>> "numpy" in versions()
        True
    """

    def find(library: str) -> str | None:
        try:
            return version(library)
        except PackageNotFoundError:
            return None

    return {library: found for library in LIBRARIES if (found := find(library))}


def read_project(path: Place) -> dict[str, Any]:
    """The facts of project.json.

    Args:
        path: The project's folder.

    Returns:
        What project.json says.

    Raises:
        ProjectError: There is no project, it is damaged, or it is of a later version of ours.

    Example:
        >>> read_project("nowhere")
        Traceback (most recent call last):
        spray.files.links.ProjectError: no folder nowhere: give the folder of a project...
    """
    file = Path(path) / "project.json"
    if not Path(path).is_dir():
        raise ProjectError(f"no folder {path}: give the folder of a project, the one that holds project.json")
    if not file.is_file():
        raise ProjectError(f"{path} is no project, it has no project.json: write one with spray.store.write_project")
    within(file, Path(path))
    if file.stat().st_size > MOST_FACTS:
        raise ProjectError(f"{file} has more than {MOST_FACTS / 1e6:.0f} MB: it is none of ours")
    try:
        project = from_json(file.read_text(encoding="utf-8"), file)
    except DamagedFile:
        raise
    except (ValueError, RecursionError) as error:
        raise ProjectError(f"{file} is no JSON text ({error}): restore it or write it again") from error
    if not isinstance(project, dict) or not isinstance(project.get("schema"), int):
        raise ProjectError(f"{file} was not written by this package (no integer 'schema'): give another folder")
    if project["schema"] > SCHEMA:
        raise ProjectError(f"{file} has schema {project['schema']}, we read up to {SCHEMA}: update lrp-spray")
    for fact, kind in KINDS.items():
        if project.get(fact) is not None and not isinstance(project[fact], kind):
            raise ProjectError(f"{file} has {fact!r} of type {type(project[fact]).__name__}, expected {kind.__name__}")
    return project
