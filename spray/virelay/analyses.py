"""Analyses from and to the HDF5 files of CoRelAy and ViRelAy.

There, `/<category>/index` are sample ids, `/<category>/embedding/<name>` are `n x d` floats with the attributes
`eigenvalue`, `embedding` (the base) and `index` (which of its dimensions), `/<category>/cluster/<name>` are `n` labels
with the attributes `embedding`, `k` and `index`. Categories are WordNet ids or class numbers of eight digits; ours are
"3" for "00000003". Samples are joined by id. Eigenvalues descend there and ascend here, and so do the columns of their
embedding. What the format has no place for (scores, neighbours, prototypes) is not written.
"""

import json
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from spray._optional import optional
from spray.files import ProjectError, replacing
from spray.store import guard

Place = str | PathLike[str]


def read_hdf5(path: Place) -> dict[str, xr.Dataset]:
    """Category -> Dataset of our schema; `spray.save_analysis` writes it into a project.

    Args:
        path: An analysis file of CoRelAy.

    Returns:
        The categories.

    Raises:
        ImportError: h5py is not installed.
        ProjectError: It is no such file.

    Example:
        >>> import tempfile, numpy as np, xarray as xr
        >>> path = f"{tempfile.mkdtemp()}/analysis.h5"
        >>> found = xr.Dataset({"tsne": (("sample", "axis"), np.ones((2, 2)))}, {"sample": [7, 3]})
        >>> write_hdf5({"3": found}, path)
        >>> read_hdf5(path)["3"].sample.values.tolist()
        [7, 3]
    """
    h5py = optional("h5py", purpose="reading HDF5")
    remedy = "give an analysis file of CoRelAy"
    try:
        guard.check(Path(path), strict=False)
    except (OSError, ProjectError) as error:
        raise ProjectError(f"{path} cannot be read as HDF5 ({error}): {remedy}") from error
    try:
        with h5py.File(path, "r") as file:
            found = {_from_there(name): _read(name, group, Path(path)) for name, group in file.items()}
    except ProjectError:
        raise
    except Exception as error:
        raise ProjectError(f"{path} cannot be read as HDF5 ({error or type(error).__name__}): {remedy}") from error
    if not found:
        raise ProjectError(f"{path} has no category in it: give an analysis file of CoRelAy")
    return found


def _read(name: str, group: Any, path: Path) -> xr.Dataset:
    index = group.get("index") if hasattr(group, "get") else None
    if index is None:
        raise ProjectError(f"{path} has no sample ids at /{name}/index: it is no analysis file of CoRelAy")
    dataset = xr.Dataset(coords={"sample": np.asarray(index, dtype=np.int64)})
    if len(np.unique(dataset.sample)) < dataset.sizes["sample"]:
        raise ProjectError(f"{path} has sample ids more than once at /{name}/index: ids must be unique")
    for key, values in group.get("embedding", {}).items():
        dataset = dataset.assign(_embedding(str(key), values, dataset))
    if clusters := group.get("cluster"):
        dataset = dataset.merge(_clusters(clusters, dataset.sample.values))
    category = _from_there(name)
    return dataset.assign_attrs(category=category, label=category, n=dataset.sizes["sample"], source=path.name)


def _embedding(name: str, values: Any, dataset: xr.Dataset) -> dict[str, xr.DataArray]:
    attrs = _attrs(values, {"embedding": "base", "index": "base_index"})
    coordinates, width = np.asarray(values), values.shape[1]
    if "eigenvalue" not in values.attrs:
        dim = "axis" if width == 2 else f"{name}_axis"
        return {name: xr.DataArray(coordinates, dims=["sample", dim], attrs=attrs)}
    eigenvalues = np.asarray(values.attrs["eigenvalue"], dtype=np.float64)
    order = np.argsort(eigenvalues, kind="stable")
    first = "eigenvalue" not in dataset
    dim, key = ("component", "eigenvalue") if first else (f"{name}_component", f"{name}_eigenvalue")
    attrs |= {"eigenvalue": key}
    return {
        name: xr.DataArray(coordinates[:, order], dims=["sample", dim], attrs=attrs),
        key: xr.DataArray(eigenvalues[order], dims=[dim]),
    }


def _clusters(group: Any, samples: np.ndarray) -> xr.Dataset:
    names = list(group)
    labels = np.stack([np.asarray(group[name]).astype(np.int64) for name in names])
    attrs = [_attrs(group[name], {}) | {"dtype": str(group[name].dtype)} for name in names]
    coords = {
        "clustering": np.asarray(names, dtype=object),
        "base": ("clustering", np.asarray([str(a.pop("embedding", "")) for a in attrs], dtype=object)),
        "parameters": ("clustering", np.asarray([json.dumps(a) for a in attrs], dtype=object)),
        "sample": samples,
    }
    return xr.Dataset({"cluster": (("clustering", "sample"), labels)}, coords)


def _attrs(node: Any, rename: Mapping[str, str]) -> dict[str, Any]:
    """HDF5 attributes as plain values; the eigenvalues are a variable of their own."""
    plain = {key: np.asarray(value) for key, value in node.attrs.items() if key != "eigenvalue"}
    texts = {key: value.astype(str) if value.dtype.kind in "SO" else value for key, value in plain.items()}
    return {rename.get(key, key): value.tolist() for key, value in texts.items()}


def write_hdf5(analysis: Mapping[str, xr.Dataset] | xr.DataTree, path: Place) -> None:
    """Write an analysis for CoRelAy and ViRelAy; an existing file is replaced when all is written.

    Args:
        analysis: Category -> Dataset, or the tree of `spray.analyse`.
        path: The file.

    Raises:
        ImportError: h5py is not installed.

    Example:
        >>> import tempfile, numpy as np, xarray as xr
        >>> path = f"{tempfile.mkdtemp()}/analysis.h5"
        >>> found = xr.Dataset({"tsne": (("sample", "axis"), np.ones((2, 2)))}, {"sample": [7, 3]})
        >>> write_hdf5({"3": found}, path)
        >>> list(read_hdf5(path))
        ['3']
    """
    h5py = optional("h5py", purpose="writing HDF5")
    if isinstance(analysis, xr.DataTree):
        analysis = {name: node.to_dataset() for name, node in analysis.children.items()}
    with replacing(Path(path)) as temporary, h5py.File(temporary, "w") as file:
        for category, dataset in analysis.items():
            _write(file.create_group(_to_there(str(dataset.attrs.get("category", category)))), dataset)


def _write(group: Any, dataset: xr.Dataset) -> None:
    group["index"] = dataset.sample.values.astype(np.uint32)
    for name, array in dataset.data_vars.items():
        if array.dims[:1] == ("sample",) and array.ndim == 2 and array.dtype.kind == "f" and name != "distance":
            _write_embedding(group, str(name), array, dataset)
    for name in dataset.coords.get("clustering", xr.DataArray([], dims="clustering")).values:
        row = dataset.cluster.sel(clustering=name)
        given = json.loads(str(row.parameters.item())) if "parameters" in row.coords else {}
        node = group.create_dataset(f"cluster/{_safe(str(name))}", data=row.values.astype(given.pop("dtype", "int64")))
        base = str(row.base.item()) if "base" in row.coords else ""
        node.attrs.update({"embedding": base.rpartition(".")[2], **{k: v for k, v in given.items() if v is not None}})


def _write_embedding(group: Any, name: str, array: xr.DataArray, dataset: xr.Dataset) -> None:
    key = array.attrs.get("eigenvalue", "eigenvalue")
    eigenvalues = dataset[key].values if key in dataset and dataset[key].dims == array.dims[1:] else None
    descending = slice(None) if eigenvalues is None else np.argsort(eigenvalues, kind="stable")[::-1]
    values = array.values[:, descending]
    node = group.create_dataset(f"embedding/{_safe(name)}", data=values.astype(np.float32))
    node.attrs["embedding"] = str(array.attrs.get("base", "")).rpartition(".")[2]
    if "base_index" in array.attrs:
        node.attrs["index"] = array.attrs["base_index"]
    if eigenvalues is not None:
        node.attrs["eigenvalue"] = eigenvalues[descending]


def _safe(name: str) -> str:
    return name.replace("/", "_")


def _from_there(name: str) -> str:
    return str(int(name)) if len(name) == 8 and name.isdecimal() else name


def _to_there(name: str) -> str:
    return f"{int(name):08d}" if name.isascii() and name.isdecimal() else _safe(name)
