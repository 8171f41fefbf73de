"""All parts as one: an index with every per-sample number, and images that are read when they are asked for."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from spray.files import ProjectError
from spray.store.facts import Place, read_project
from spray.store.lazy import REMEDY, PartsArray, lazy_variable
from spray.store.netcdf import cached, load, read_netcdf, state_of
from spray.store.parts import check_samples, check_unique, parts


def read_index(path: Place) -> xr.Dataset:
    """Every per-sample number or name, plus `part` and `row` of each sample; rebuilt when missing, damaged or stale.

    Raises an error that names the samples when two parts hold the same id.

    Args:
        path: The project's folder.

    Returns:
        A row a sample.

    Raises:
        ProjectError: There are no attributions, parts disagree, or hold the same id.

    Example:
        >>> import tempfile, numpy as np, xarray as xr
        >>> from spray.store import write_part, write_project
        >>> folder = tempfile.mkdtemp()
        >>> write_project(folder, name="digits", label_names=["zero", "one"])
        >>> relevance = xr.DataArray(np.ones((2, 8, 8)), dims=["sample", "height", "width"], coords={"sample": [7, 3]})
        >>> _ = write_part(folder, 0, relevance.to_dataset(name="relevance"))
        >>> index = read_index(folder)
        >>> index.sample.values.tolist(), index.row.values.tolist()
        ([7, 3], [0, 1])
    """
    read_project(path)
    files = parts(path)
    if not files:
        raise ProjectError(f"{path} has no attributions (attributions/part-00000.nc ...): run lrp.attribute_dataset")
    index = Path(path) / "attributions" / "index.nc"
    return cached(index, state_of(files.values()), lambda: _build_index(path, files), Path(path))


def _build_index(path: Place, files: Mapping[int, Path]) -> xr.Dataset:
    rows, layouts, failed = [], {}, {}
    for number, file in files.items():
        small, layout = read_netcdf(file, lambda part: (_small(part), _layout(part)), remedy=REMEDY)
        check_samples(small, str(file))
        failed |= failures(small.attrs)
        if not small.sizes["sample"]:  # all of its samples were left out: it does not know of what else parts have
            continue
        layouts[file.name] = layout
        row = np.arange(small.sizes["sample"])
        rows.append(small.assign(part=("sample", np.full_like(row, number)), row=("sample", row)))
    if not rows:
        raise ProjectError(f"{path} has no sample that could be explained{_why(failed)}")
    _check_layouts(layouts)
    fixed = rows[0].drop_dims("sample")
    index = xr.concat([row.drop_vars(list(fixed.variables)) for row in rows], "sample", join="outer")
    check_unique(index.sample.values, f"{path} (all parts together)")
    layout = json.dumps(next(iter(layouts.values())))
    return index.merge(fixed).assign_attrs(layout=layout, failed=json.dumps(failed))


def _why(failed: Mapping[int, str]) -> str:
    return "".join(f": sample {sample}, the first of {len(failed)}, {why}" for sample, why in [*failed.items()][:1])


def failures(attrs: Mapping[str, Any]) -> dict[int, str]:
    """The samples that a part says were left out, and why."""
    try:
        return {int(sample): str(why) for sample, why in json.loads(attrs.get("failed", "{}")).items()}
    except (ValueError, TypeError, AttributeError):  # of another program
        return {}


def _small(part: xr.Dataset) -> xr.Dataset:
    """What a part says of each sample in one number or name, and what it says of no sample at all (label names)."""
    large = [name for name, variable in part.variables.items() if "sample" in variable.dims and variable.ndim > 1]
    return load(part.drop_vars(large))


def _layout(part: xr.Dataset) -> dict[str, Any]:
    """Dims, shape without samples, dtype and attributes of the variables too large for the index."""
    return {
        str(name): [
            list(map(str, v.dims)),
            list(v.shape[1:]),
            _type(v.dtype),
            {k: _plain(a) for k, a in v.attrs.items()},
        ]
        for name, v in part.data_vars.items()
        if "sample" in v.dims and v.ndim > 1
    }


def _type(dtype: np.dtype) -> str:
    """Texts are of any length: the longest one of a part says nothing of another's."""
    return "object" if dtype.kind == "U" else str(dtype)


def _plain(value: Any) -> Any:
    """A value that JSON can hold."""
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _check_layouts(layouts: Mapping[str, dict]) -> None:
    (first, expected), *others = layouts.items()
    for file, layout in others:
        for name in sorted(expected.keys() | layout.keys()):
            here, there = layout.get(name), expected.get(name)
            if here is None or there is None or here[:3] != there[:3]:
                raise ProjectError(f"{name!r} is {there} in {first} but {here} in {file}: all parts must agree")


def open_attributions(path: Place) -> xr.Dataset:
    """All attributions of a project, labels in memory and images lazy: only the parts of the samples used are opened.

    Args:
        path: The project's folder.

    Returns:
        A dataset of all samples; its images are read when they are asked for.

    Raises:
        ProjectError: There is no project, or it has no attributions.

    Example:
        >>> import tempfile, numpy as np, xarray as xr
        >>> from spray.store import write_part, write_project
        >>> folder = tempfile.mkdtemp()
        >>> write_project(folder, name="digits")
        >>> part = {"relevance": (("sample", "height", "width"), np.ones((2, 8, 8), "float32"))}
        >>> for number in range(3):
        ...     _ = write_part(folder, number, xr.Dataset(part, {"sample": [2 * number, 2 * number + 1]}))
        >>> attributions = open_attributions(folder)
        >>> attributions.sel(sample=[5, 0]).relevance.values.shape  # opens two of the three parts
        (2, 8, 8)
    """
    project, index, files = read_project(path), read_index(path), parts(path)
    layout = _layout_of(index, path)
    state, part, row, lazy = index.attrs["state"], index.part.values, index.row.values, {}
    for name, (dims, shape, dtype, attrs) in layout.items():
        array = PartsArray(name, files, state, part, row, tuple(shape), np.dtype(dtype))
        lazy[name] = lazy_variable(array, tuple(dims), attrs)
    attributions = index.drop_vars(["part", "row"]).assign(lazy)
    attributions.attrs = _project_attrs(project)
    return attributions


def _layout_of(index: xr.Dataset, path: Place) -> dict[str, tuple[list[str], list[int], str, dict]]:
    """What the index says of the large variables; it came with the project, so it may say anything."""
    try:
        layout = json.loads(index.attrs["layout"])
        for dims, shape, dtype, attrs in layout.values():
            plain = np.dtype(dtype).kind in "biufcSUO" and all(isinstance(n, int) and n >= 0 for n in shape)
            if not plain or len(dims) != len(shape) + 1 or not isinstance(attrs, dict):
                raise ValueError(f"{dims}, {shape}, {dtype}")
        return layout
    except Exception as error:
        file = Path(path) / "attributions" / "index.nc"
        raise ProjectError(
            f"{file} does not say what the parts hold ({error!r}): delete it, it is made anew"
        ) from error


def _project_attrs(project: Mapping[str, Any]) -> dict[str, Any]:
    """Project facts in the types that netCDF attributes have."""
    plain = (str, int, float)
    return {k: v if isinstance(v, plain) else json.dumps(v, ensure_ascii=False) for k, v in project.items()}
