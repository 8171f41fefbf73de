"""The project format: the one owner of where things lie and how they are read.

project/
  project.json                    what was attributed, with what
  attributions/part-00000.nc      complete or absent; any number of writers, one part each
  attributions/index.nc           every per-sample number, with the part and row of each sample
  analyses/<name>/<category>.nc   one file a category
  analyses/<name>/index.nc        one row a category: the scalar attributes of its file
"""

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from spray.files import DamagedFile, ProjectError, as_json, from_json, locked, make_folder, within, write_text
from spray.store.lazy import REMEDY, PartsArray, lazy_variable
from spray.store.netcdf import cached, load, read_netcdf, state_of, write_netcdf

SCHEMA = 1
KINDS = {"name": str, "label_names": list, "category_names": dict, "settings": dict, "versions": dict}
"""Facts that are used as what they are; project.json may be a stranger's."""
PART = re.compile(r"part-([0-9]{5,})\.nc")
MOST_FACTS = 256_000_000  # bytes of project.json
LONGEST_NUMBER = 15  # digits in a part's name
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
        >>> folder = tempfile.mkdtemp()
        >>> write_project(folder, name="digits", label_names=["zero", "one"])
        >>> relevance = xr.DataArray(np.ones((2, 8, 8)), dims=["sample", "height", "width"], coords={"sample": [7, 3]})
        >>> write_part(folder, 0, relevance.to_dataset(name="relevance")).name
        'part-00000.nc'
    """
    _check_samples(dataset, f"part {number}")
    for name, variable in dataset.variables.items():
        if "sample" in variable.dims[1:]:
            raise ProjectError(f"{name!r} of part {number} has dims {variable.dims}: transpose 'sample' to the front")
    file = Path(path) / "attributions" / f"part-{number:05d}.nc"
    write_netcdf(file, dataset, root=Path(path))
    return file


def _check_samples(dataset: xr.Dataset, place: str) -> None:
    if "sample" not in dataset.coords:
        raise ProjectError(f"{place} needs an integer coordinate 'sample' (the dataset's own ids), it has none")
    sample = dataset.coords["sample"]
    if sample.dims != ("sample",) or sample.dtype.kind not in "iu":
        found = f"dims {sample.dims}, dtype {sample.dtype}"
        raise ProjectError(f"{place} needs an integer coordinate 'sample' along 'sample', got {found}")
    _check_unique(sample.values, place)


def _check_unique(samples: np.ndarray, place: str) -> None:
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
        _check_samples(small, str(file))
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
    _check_unique(index.sample.values, f"{path} (all parts together)")
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
