"""Analyses within a project: one netCDF file a category."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

from spray.files import remove
from spray.store.facts import Place
from spray.store.names import REMEDY, category_of, files_of, folder_of, natural, quoted
from spray.store.netcdf import load, read_attrs, read_netcdf, write_netcdf
from spray.store.summary import write_analysis_index


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
    file = folder_of(path, analysis) / f"{quoted(str(category))}.nc"
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
    remove(folder_of(path, analysis) / f"{quoted(category)}.nc", Path(path))


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
    return read_attrs(folder_of(path, analysis) / f"{quoted(category)}.nc", remedy=REMEDY)


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
    files = {category_of(file): file for file in files_of(path, name)}
    return Analysis({category: files[category] for category in sorted(files, key=natural)})
