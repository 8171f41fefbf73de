"""The index of an analysis: one row a category, rebuilt where it does not fit the files."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from spray.files import locked
from spray.store.facts import Place
from spray.store.names import REMEDY, category_of, files_of, folder_of, natural
from spray.store.netcdf import cached, kept, load, read_attrs, read_netcdf, state_of


def read_analysis_index(path: Place, name: str) -> xr.Dataset:
    """One row a category: the scalar attributes of its file (n, eigengap, ...) and `error` where it failed.

    Rebuilt from the categories when missing, damaged or stale.

    Args:
        path: The project's folder.
        name: Of the analysis.

    Returns:
        A row a category.

    Raises:
        ProjectError: There is no analysis of this name.

    Example:
        >>> import tempfile, xarray as xr
        >>> from spray.store import save_analysis
        >>> folder = tempfile.mkdtemp()
        >>> found = xr.Dataset({"cluster": ("sample", [0, 1])}, attrs={"n": 2})
        >>> save_analysis({"0": found}, folder, name="mine")
        >>> read_analysis_index(folder, "mine").n.values.tolist()
        [2]
    """
    with suppress(OSError):  # a project that cannot be written to is not locked: nobody changes it
        return _index(path, name, {})
    return _new_index(path, name, {})


def write_analysis_index(path: Place, name: str, errors: Mapping[str, str] | None = None) -> xr.Dataset:
    """Bring the index up to date; `errors` are the categories that failed, with what they failed of.

    Args:
        path: The project's folder.
        name: Of the analysis.
        errors: Category -> what it failed of.

    Returns:
        The index.

    Raises:
        ProjectError: There is no analysis of this name, and no error.

    Example:
        >>> import tempfile, xarray as xr
        >>> from spray.store import save_analysis
        >>> folder = tempfile.mkdtemp()
        >>> found = xr.Dataset({"cluster": ("sample", [0, 1])}, attrs={"n": 2})
        >>> save_analysis({"0": found}, folder, name="mine")
        >>> write_analysis_index(folder, "mine", {"1": "no samples"}).error.values.tolist()
        ['', 'no samples']
    """
    return _index(path, name, errors or {})


def _index(path: Place, name: str, errors: Mapping[str, str]) -> xr.Dataset:
    """The index as it lies there, if it is right, else a new one: under the lock, for it adds to the old errors."""
    state, _, _ = _wanted(path, name, errors)
    if (found := kept(folder_of(path, name) / "index.nc", state)) is not None:
        return found
    with locked(Path(path)):
        return _new_index(path, name, errors)


def _new_index(path: Place, name: str, errors: Mapping[str, str]) -> xr.Dataset:
    state, files, failed = _wanted(path, name, errors)
    return cached(folder_of(path, name) / "index.nc", state, lambda: _build_index(files, failed), Path(path))


def _wanted(path: Place, name: str, errors: Mapping[str, str]) -> tuple[str, list[Path], dict[str, str]]:
    """What an index has to describe: its state, the files, and the categories that failed."""
    files = files_of(path, name, needed=not errors)
    errors = _recorded_errors(folder_of(path, name) / "index.nc") | dict(errors)
    failed = {k: v for k, v in errors.items() if k not in {category_of(f) for f in files}}
    return json.dumps([state_of(files), sorted(failed.items())]), files, failed


def _recorded_errors(file: Path) -> dict[str, str]:
    """Failures known to an earlier index: they have no file of their own."""
    try:
        index = read_netcdf(file, load, remedy="it is rebuilt")
        return {str(c): str(e) for c, e in zip(index.category.values, index.error.values, strict=True) if e}
    except (ValueError, AttributeError, TypeError):  # no index of ours
        return {}


def _build_index(files: list[Path], errors: Mapping[str, str]) -> xr.Dataset:
    rows = {category_of(file): _facts(read_attrs(file, remedy=REMEDY)) for file in files}
    rows |= {category: {"error": error} for category, error in errors.items()}
    categories = sorted(rows, key=natural)
    names = dict.fromkeys(name for row in rows.values() for name in row)
    columns = {name: ("category", _column([rows[c].get(name) for c in categories])) for name in names}
    return xr.Dataset(columns, {"category": np.asarray(categories, dtype=object)})


def _facts(attrs: Mapping[str, Any]) -> dict[str, Any]:
    """The scalar attributes, and that it did not fail."""
    facts = {str(k): v.item() if isinstance(v, np.generic) else v for k, v in attrs.items()}
    return {k: v for k, v in facts.items() if isinstance(v, str | int | float) and k != "category"} | {"error": ""}


def _column(values: list[Any]) -> np.ndarray:
    """Text with "" or numbers with NaN where a category has none; integers stay so where all have one."""
    if any(isinstance(value, str) for value in values):
        return np.asarray(["" if value is None else str(value) for value in values], dtype=object)
    if all(isinstance(value, int) for value in values):
        return np.asarray(values)
    return np.asarray([np.nan if value is None else value for value in values], dtype=float)
