"""Conditional heatmaps that a project keeps: what went through chosen channels of a layer, one file a sample."""

from collections.abc import Iterable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote, unquote

import xarray as xr

from spray.files import ProjectError, locked, within
from spray.store.netcdf import load, read_attrs, read_netcdf, write_netcdf

FOLDER = "conditions"
MEANINGS: Mapping[bool, str] = {True: "all", False: "through"}
"""Whether relevance beside the layer counts -> the folder's name."""
REMEDY = "delete the file and run lrp conditions again"


class Stored(NamedTuple):
    """What is kept of a layer, in one of the two meanings."""

    layer: str
    beside: bool
    samples: Mapping[int, tuple[str, ...]]
    """Sample -> its conditions."""


def condition_name(channels: Iterable[int]) -> str:
    """Channels that count together, as text.

    Example:
        >>> condition_name([17, 3])
        '3+17'
    """
    return "+".join(map(str, sorted(set(channels))))


def condition_file(project: Path, layer: str, sample: int, *, beside: bool = True) -> Path:
    """Where the heatmaps of a sample are.

    Example:
        >>> condition_file(Path("project"), "layer3.0.relu#1", 7).as_posix()
        'project/conditions/layer3.0.relu%231/all/7.nc'
    """
    return project / FOLDER / quote(layer, safe="") / MEANINGS[beside] / f"{int(sample)}.nc"


def write_conditions(project: str | PathLike[str], sample: int, found: xr.DataArray, **attrs: Any) -> Path:
    """Keep conditional heatmaps of a sample, beside those that are there.

    Args:
        project: Its folder.
        sample: Its id.
        found: `(condition, ...)`, with the coordinate `condition` of names, and attributes `layer` and `beside`.
        **attrs: Beside these, the same of all heatmaps of a file: what they were made with.

    Returns:
        The file.

    Raises:
        ProjectError: The file that is there was made with something else.

    Example:
        >>> import tempfile, numpy as np
        >>> path = tempfile.mkdtemp()
        >>> for name in ("3", "3+17"):
        ...     one = xr.DataArray(np.ones((1, 2)), {"condition": [name]}, ("condition", "feature"))
        ...     _ = write_conditions(path, 7, one.assign_attrs(layer="4", beside=True))
        >>> conditional_relevance(path, "4", 7).condition.values.tolist()
        ['3', '3+17']
    """
    root, layer, beside = Path(project), str(found.attrs["layer"]), bool(found.attrs["beside"])
    file = condition_file(root, layer, sample, beside=beside)
    facts = {"layer": layer, "beside": int(beside), "sample": int(sample), **attrs}
    names = found.condition.values.astype(object)
    new = xr.Dataset({"relevance": (found.dims, found.values)}, {"condition": names}, facts)
    with locked(root):
        if file.exists():
            old = _read(root, file)
            _same(file, old.attrs, facts)
            fresh = [name for name in names if name not in set(old.condition.values)]
            new = xr.concat([old, new.sel(condition=fresh)], "condition", join="exact", combine_attrs="override")
        new = new.assign_attrs(conditions=" ".join(new.condition.values))
        write_netcdf(file, new, large="condition", root=root)
    return file


def _same(file: Path, old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    changed = sorted(key for key in new if str(old.get(key)) != str(new[key]))
    if changed:
        raise ProjectError(
            f"{file} was made with another {', '.join(changed)}: delete the folder {file.parent}, or give the same"
        )


def conditional_relevance(
    project: str | PathLike[str], layer: str, sample: int, *, beside: bool = True
) -> xr.DataArray:
    """R(x | c) of a sample that a project keeps, as `lrp conditions` wrote them.

    Args:
        project: Its folder.
        layer: Of the conditions.
        sample: Its id.
        beside: The meaning: with paths that pass the layer by, or only what went through it.

    Returns:
        `(condition, ...)`, with the places of the input; `condition` holds names such as `3` or `3+17`.

    Raises:
        ProjectError: There are none, or the file is damaged.

    Example:
        >>> conditional_relevance("none", "4", 7)
        Traceback (most recent call last):
        spray.files.links.ProjectError: no file none/conditions/4/all/7.nc: run lrp conditions for this sample
    """
    root = Path(project)
    file = condition_file(root, layer, sample, beside=beside)
    if not file.exists():
        raise ProjectError(f"no file {file}: run lrp conditions for this sample")
    return _read(root, file)["relevance"]


def _read(root: Path, file: Path) -> xr.Dataset:
    return read_netcdf(within(file, root), load, remedy=REMEDY)


def conditions_of(project: str | PathLike[str], layer: str, sample: int, *, beside: bool = True) -> tuple[str, ...]:
    """Which conditions are kept of a sample.

    Example:
        >>> conditions_of("none", "4", 7)
        ()
    """
    file = condition_file(Path(project), layer, sample, beside=beside)
    if not file.exists():
        return ()
    return tuple(str(read_attrs(within(file, Path(project)), remedy=REMEDY)["conditions"]).split())


def stored_conditions(project: str | PathLike[str]) -> list[Stored]:
    """All conditional heatmaps that a project keeps.

    Example:
        >>> stored_conditions("none")
        []
    """
    root, found = Path(project), []
    for folder in sorted(path for path in within(root / FOLDER, root).glob("*/*") if path.is_dir()):
        layer = unquote(folder.parent.name)
        for beside, name in MEANINGS.items():
            ids = sorted(int(file.stem) for file in folder.glob("*.nc") if file.stem.lstrip("-").isdecimal())
            if folder.name == name and ids:
                each = {sample: conditions_of(root, layer, sample, beside=beside) for sample in ids}
                found.append(Stored(layer, beside, each))
    return found
