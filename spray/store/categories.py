"""Analyses within a project: one netCDF file a category, and an index with one row a category."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np
import xarray as xr

from spray.files import ProjectError, locked, remove, within
from spray.store.netcdf import cached, kept, load, read_attrs, read_netcdf, state_of, write_netcdf

Place = str | PathLike[str]
REMEDY = "delete the file and analyse this category again"
NAME = re.compile(r"[\w-][\w .-]*")  # of an analysis
LONGEST = 200  # file systems allow 255 bytes, and a temporary name is longer than the final one


def write_category(path: Place, analysis: str, category: str, dataset: xr.Dataset) -> Path:
    """Write one category of `analysis`; any text is a category, the file name is quoted. Returns the file's path.

    Args:
        path: The project's folder.
        analysis: Its name.
        category: Any text.
        dataset: What was found.

    Returns:
        The file.

    Raises:
        ProjectError: The name of the analysis cannot be a folder's.

    Example:
        >>> import tempfile, xarray as xr
        >>> folder = tempfile.mkdtemp()
        >>> found = xr.Dataset({"cluster": ("sample", [0, 1])}, attrs={"n": 2})
        >>> write_category(folder, "spectral", "a/b", found).name
        'a%2Fb.nc'
    """
    file = _folder(path, analysis) / f"{_quoted(str(category))}.nc"
    Path(path).mkdir(parents=True, exist_ok=True)  # results may go to a folder of their own
    write_netcdf(file, dataset.assign_attrs({"category": str(category)} | dataset.attrs), root=Path(path))
    return file


def drop_category(path: Place, analysis: str, category: str) -> None:
    """Remove the file of one category, if there is one.

    Args:
        path, analysis, category: As in `write_category`.

    Raises:
        ProjectError: The name of the analysis cannot be a folder's.

    Example:
        >>> import tempfile, xarray as xr
        >>> folder = tempfile.mkdtemp()
        >>> found = xr.Dataset({"cluster": ("sample", [0, 1])}, attrs={"n": 2})
        >>> _ = write_category(folder, "spectral", "3", found)
        >>> drop_category(folder, "spectral", "3")
        >>> list(open_analysis(folder, "spectral"))
        []
    """
    remove(_folder(path, analysis) / f"{_quoted(category)}.nc", Path(path))


def category_attrs(path: Place, analysis: str, category: str) -> dict[str, Any]:
    """The attributes of one category, without reading its arrays.

    Args:
        path, analysis, category: As in `write_category`.

    Returns:
        The attributes.

    Raises:
        ProjectError: There is no such category, or its file is damaged.

    Example:
        >>> import tempfile, xarray as xr
        >>> folder = tempfile.mkdtemp()
        >>> found = xr.Dataset({"cluster": ("sample", [0, 1])}, attrs={"n": 2})
        >>> _ = write_category(folder, "spectral", "3", found)
        >>> category_attrs(folder, "spectral", "3")["category"]
        '3'
    """
    return read_attrs(_folder(path, analysis) / f"{_quoted(category)}.nc", remedy=REMEDY)


def save_analysis(analysis: xr.DataTree | Mapping[str, xr.Dataset], path: Place, *, name: str) -> None:
    """Write every category of an analysis (a tree with one node a category, or a mapping) and its index.

    Args:
        analysis: What `spray.analyse` returned, or category -> Dataset.
        path: The project's folder.
        name: Of the analysis.

    Raises:
        ProjectError: The name of the analysis cannot be a folder's.

    Example:
        >>> import tempfile, xarray as xr
        >>> folder = tempfile.mkdtemp()
        >>> found = xr.Dataset({"cluster": ("sample", [0, 1])}, attrs={"n": 2})
        >>> save_analysis({"0": found, "1": found}, folder, name="mine")
        >>> list(open_analysis(folder, "mine"))
        ['0', '1']
    """
    if isinstance(analysis, xr.DataTree):
        nodes = {node: child.to_dataset() for node, child in analysis.children.items()}
        analysis = {data.attrs.get("category", node): data for node, data in nodes.items()}
    for category, dataset in analysis.items():
        write_category(path, name, category, dataset)
    write_analysis_index(path, name)


def analyses(path: Place) -> list[str]:
    """Names of the analyses of a project that hold at least one category or a recorded failure.

    A folder that `write_category` could not have made, such as a file manager's "spectral (copy)", is none.

    Args:
        path: The project's folder.

    Returns:
        Their names, in order.

    Example:
        >>> import tempfile, xarray as xr
        >>> folder = tempfile.mkdtemp()
        >>> found = xr.Dataset({"cluster": ("sample", [0, 1])}, attrs={"n": 2})
        >>> save_analysis({"0": found}, folder, name="mine")
        >>> analyses(folder)
        ['mine']
    """
    folder = Path(path) / "analyses"
    return sorted(
        entry.name
        for entry in folder.glob("*")
        if NAME.fullmatch(entry.name) and entry.is_dir() and any(entry.glob("*.nc"))
    )


@dataclass(frozen=True)
class Analysis(Mapping[str, xr.Dataset]):
    """Category -> Dataset; a category is read when it is asked for."""

    files: Mapping[str, Path]

    def __getitem__(self, category: str) -> xr.Dataset:
        return read_netcdf(self.files[category], load, remedy=REMEDY)

    def __iter__(self) -> Iterator[str]:
        return iter(self.files)

    def __len__(self) -> int:
        return len(self.files)


def open_analysis(path: Place, name: str) -> Analysis:
    """The categories of one analysis, in natural order ("2" before "10"), each read when asked for.

    Args:
        path: The project's folder.
        name: Of the analysis.

    Returns:
        A mapping of the categories.

    Raises:
        ProjectError: There is no analysis of this name.

    Example:
        >>> import tempfile, xarray as xr
        >>> folder = tempfile.mkdtemp()
        >>> found = xr.Dataset({"cluster": ("sample", [0, 1])}, attrs={"n": 2})
        >>> save_analysis({"10": found, "2": found}, folder, name="mine")
        >>> analysis = open_analysis(folder, "mine")
        >>> list(analysis), analysis["2"].attrs["n"].item()
        (['2', '10'], 2)
    """
    files = {_category(file): file for file in _files(path, name)}
    return Analysis({category: files[category] for category in sorted(files, key=_natural)})


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
    if (found := kept(_folder(path, name) / "index.nc", state)) is not None:
        return found
    with locked(Path(path)):
        return _new_index(path, name, errors)


def _new_index(path: Place, name: str, errors: Mapping[str, str]) -> xr.Dataset:
    state, files, failed = _wanted(path, name, errors)
    return cached(_folder(path, name) / "index.nc", state, lambda: _build_index(files, failed), Path(path))


def _wanted(path: Place, name: str, errors: Mapping[str, str]) -> tuple[str, list[Path], dict[str, str]]:
    """What an index has to describe: its state, the files, and the categories that failed."""
    files = _files(path, name, needed=not errors)
    errors = _recorded_errors(_folder(path, name) / "index.nc") | dict(errors)
    failed = {k: v for k, v in errors.items() if k not in {_category(f) for f in files}}
    return json.dumps([state_of(files), sorted(failed.items())]), files, failed


def _recorded_errors(file: Path) -> dict[str, str]:
    """Failures known to an earlier index: they have no file of their own."""
    try:
        index = read_netcdf(file, load, remedy="it is rebuilt")
        return {str(c): str(e) for c, e in zip(index.category.values, index.error.values, strict=True) if e}
    except (ValueError, AttributeError, TypeError):  # no index of ours
        return {}


def _build_index(files: list[Path], errors: Mapping[str, str]) -> xr.Dataset:
    rows = {_category(file): _facts(read_attrs(file, remedy=REMEDY)) for file in files}
    rows |= {category: {"error": error} for category, error in errors.items()}
    categories = sorted(rows, key=_natural)
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


def _folder(path: Place, name: str) -> Path:
    if not NAME.fullmatch(name):
        raise ProjectError(
            f"analysis name {name!r} must serve as a folder's name: use letters, digits, ' ', '-', '_', '.'"
        )
    return Path(path) / "analyses" / name


def _files(path: Place, name: str, *, needed: bool = True) -> list[Path]:
    folder = _folder(path, name)
    within(folder, Path(path))
    if needed and not folder.is_dir():
        known = ", ".join(analyses(path)) or "none"
        raise ProjectError(f"{path} has no analysis {name!r} (it has: {known}): give one of these or run spray.analyse")
    found = (file for file in folder.glob("*.nc") if file.name != "index.nc" and not file.name.startswith("."))
    return sorted(within(file, Path(path)) for file in found)


def _quoted(category: str) -> str:
    """A file name for any text, also on file systems that ignore case; `unquote` gives the text back.

    Only a name too long for a file system is cut, marked by ~ and a digest; its text is in the file's attributes.
    """
    plain = re.compile(r"[a-z0-9_,. -]")
    name = "".join(c if plain.fullmatch(c) else "".join(f"%{byte:02X}" for byte in c.encode()) for c in category)
    if name.startswith(".") or name in ("", "index"):
        name = f"%{ord(name[0]):02X}{name[1:]}" if name else "%"
    return name if len(name) <= LONGEST else f"{name[:150]}~{hashlib.sha256(category.encode()).hexdigest()[:16]}"


def _category(file: Path) -> str:
    """The category in a file: its name, or for a long one what the file says."""
    stem = file.name.removesuffix(".nc")
    if stem == "%":
        return ""
    return unquote(stem) if "~" not in stem else str(read_attrs(file, remedy=REMEDY)["category"])


def _natural(category: str) -> list:
    """Runs of digits by their value, which is not computed: one may have 5000 of them. "²" is no such digit."""
    parts = ((part, part.lstrip("0")) for part in re.split(r"([0-9]+)", category))
    return [(len(digits), digits) if re.fullmatch("[0-9]+", part) else (-1, part) for part, digits in parts]
