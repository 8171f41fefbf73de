"""Shards of attributions: complete or absent, any number of writers, one part each."""

import re
from pathlib import Path

import numpy as np
import xarray as xr

from spray.files import ProjectError, within
from spray.store.facts import Place
from spray.store.netcdf import write_netcdf

PART = re.compile(r"part-([0-9]{5,})\.nc")
LONGEST_NUMBER = 15  # digits in a part's name


def write_part(path: Place, number: int, dataset: xr.Dataset) -> Path:
    """Write one shard of attributions; the file is complete or absent at every moment. Returns its path.

    Args:
        path: The project's folder.
        number: Of the part; no two writers have the same.
        dataset: Variables with `sample` in front, and integer ids as the coordinate `sample`.

    Returns:
        The file.

    Raises:
        ProjectError: Ids are missing, are no integers or occur twice, or `sample` is not in front.

    Example:
        >>> import tempfile, numpy as np, xarray as xr
        >>> from spray.store import write_project
        >>> folder = tempfile.mkdtemp()
        >>> write_project(folder, name="digits", label_names=["zero", "one"])
        >>> relevance = xr.DataArray(np.ones((2, 8, 8)), dims=["sample", "height", "width"], coords={"sample": [7, 3]})
        >>> write_part(folder, 0, relevance.to_dataset(name="relevance")).name
        'part-00000.nc'
    """
    check_samples(dataset, f"part {number}")
    for name, variable in dataset.variables.items():
        if "sample" in variable.dims[1:]:
            raise ProjectError(f"{name!r} of part {number} has dims {variable.dims}: transpose 'sample' to the front")
    file = Path(path) / "attributions" / f"part-{number:05d}.nc"
    write_netcdf(file, dataset, root=Path(path))
    return file


def check_samples(dataset: xr.Dataset, place: str) -> None:
    if "sample" not in dataset.coords:
        raise ProjectError(f"{place} needs an integer coordinate 'sample' (the dataset's own ids), it has none")
    sample = dataset.coords["sample"]
    if sample.dims != ("sample",) or sample.dtype.kind not in "iu":
        found = f"dims {sample.dims}, dtype {sample.dtype}"
        raise ProjectError(f"{place} needs an integer coordinate 'sample' along 'sample', got {found}")
    check_unique(sample.values, place)


def check_unique(samples: np.ndarray, place: str) -> None:
    ids, counts = np.unique(samples, return_counts=True)
    if (twice := ids[counts > 1]).size:
        names = ", ".join(map(str, twice[:10])) + (", ..." if len(twice) > 10 else "")
        raise ProjectError(f"{place} has {len(twice)} sample id(s) more than once ({names}): ids must be unique")


def parts(path: Place) -> dict[int, Path]:
    """Number -> file of every complete part, by number.

    Args:
        path: The project's folder.

    Returns:
        Number -> file.

    Raises:
        ProjectError: A file's number is none of ours, or a link leads out of the project.

    Example:
        >>> import tempfile, numpy as np, xarray as xr
        >>> from spray.store import write_project
        >>> folder = tempfile.mkdtemp()
        >>> write_project(folder, name="digits", label_names=["zero", "one"])
        >>> relevance = xr.DataArray(np.ones((2, 8, 8)), dims=["sample", "height", "width"], coords={"sample": [7, 3]})
        >>> _ = write_part(folder, 4, relevance.to_dataset(name="relevance"))
        >>> list(parts(folder))
        [4]
    """
    folder = Path(path) / "attributions"
    within(folder, Path(path))
    found: dict[int, Path] = {}
    for file in folder.glob("part-*.nc"):
        if match := PART.fullmatch(file.name):
            if len(match[1]) > LONGEST_NUMBER:
                raise ProjectError(f"{file} has a number of more than {LONGEST_NUMBER} digits: it is no part of ours")
            found[int(match[1])] = within(file, Path(path))
    return dict(sorted(found.items()))
