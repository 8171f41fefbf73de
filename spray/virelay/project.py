"""ViRelAy's projects (project.yaml beside HDF5 files or an image directory), opened as they are.

Everything is joined by sample id, as the files mean it: row i of the dataset is sample i, `/index` of an attribution
file says which samples its rows are. Only what is asked for is read.
"""

import json
import threading
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import xarray as xr
import yaml
from xarray.backends import BackendArray
from xarray.core import indexing

from spray._optional import optional
from spray.store import ProjectError, guard
from spray.virelay.analyses import read_hdf5
from spray.virelay.images import image_directory

LOCK = threading.RLock()
Row = Callable[[int], np.ndarray]


class Rows(NamedTuple):
    """Arrays of equal shape, one a row, each read when asked for."""

    read: Row
    n: int
    shape: tuple[int, ...]
    dtype: np.dtype


class Virelay(NamedTuple):
    facts: dict[str, Any]
    attributions: xr.Dataset
    analyses: dict[str, dict[str, xr.Dataset]]


class LazyRows(BackendArray):
    """`rows` in the order of `at`, as a lazy array of xarray."""

    def __init__(self, rows: Rows, at: np.ndarray):
        self.rows, self.at = rows, at
        self.shape, self.dtype = (len(at), *rows.shape), rows.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer):
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple) -> np.ndarray:
        wanted = np.atleast_1d(self.at[key[0]])
        with LOCK:
            found = [self.rows.read(int(row)) for row in wanted]
        out = np.stack(found) if found else np.empty((0, *self.rows.shape), self.dtype)
        if np.ndim(key[0]) == 0 and not isinstance(key[0], slice):
            return out[0][indexing_of(key[1:])]
        return out[(slice(None), *indexing_of(key[1:]))]


def indexing_of(key: tuple) -> tuple:
    """The rest of an orthogonal key as one that NumPy applies: at most one of its parts may be a list."""
    if sum(np.ndim(part) > 0 for part in key) > 1:
        return np.ix_(*(np.atleast_1d(part) for part in key))
    return key


def open_virelay(path: Path) -> Virelay:
    """The project of a project.yaml; ProjectError if it or one of its files is not what it should be.

    Args:
        path: A project.yaml.

    Returns:
        Facts, attributions (read when asked for), and analyses by name.

    Raises:
        ImportError: h5py is not installed.
        ProjectError: It is no project of ViRelAy, or a file of it is damaged.

    Example:
        >>> open_virelay(Path("nowhere.yaml"))
        Traceback (most recent call last):
        spray.files.links.ProjectError: nowhere.yaml is no project of ViRelAy: ...
    """
    try:
        project = yaml.safe_load(path.read_text(encoding="utf-8"))["project"]
        names = _label_map(path.parent / project["label_map"])
        dataset = _dataset(path.parent, project["dataset"])
        attributions = _attributions(path.parent, project.get("attributions") or {}, dataset)
        analyses = _analyses(path.parent, project.get("analyses") or [])
    except ImportError:  # h5py: nothing is wrong with the project
        raise
    except Exception as error:
        if isinstance(error, ProjectError):
            raise
        raise ProjectError(f"{path} is no project of ViRelAy: {error!r}") from error
    method = (project.get("attributions") or {}).get("attribution_method", "")
    facts = {"name": project["name"], "model": project.get("model", ""), "dataset": project["dataset"].get("name", "")}
    facts |= {"method": method, "label_names": [name for _, name in names.values()]}
    facts["category_names"] = dict(names.values())
    return Virelay(facts, attributions, analyses)


def _label_map(path: Path) -> dict[int, tuple[str, str]]:
    """Index -> WordNet id and name, in the order of the index, without gaps."""
    entries = {int(entry["index"]): entry for entry in json.loads(path.read_text(encoding="utf-8"))}
    if entries and not 0 <= min(entries) <= max(entries) < 1_000_000:
        raise ProjectError(f"{path} has label indices outside of 0 to 999 999")
    named = {at: entries.get(at, {"name": str(at)}) for at in range(max(entries, default=-1) + 1)}
    return {at: (str(entry.get("word_net_id", at)), str(entry["name"])) for at, entry in named.items()}


def _dataset(folder: Path, dataset: Mapping[str, Any]) -> Rows:
    path = folder / dataset["path"]
    if dataset["type"] == "image_directory":
        read, n, shape = image_directory(path, dataset)
        return Rows(read, n, shape, np.dtype(np.uint8))
    if dataset["type"] == "hdf5":
        return _rows(_open(path), "data", path)
    raise ProjectError(f"dataset type {dataset['type']!r} is none of hdf5, image_directory")


def _open(path: Path) -> Any:
    h5py = optional("h5py", purpose="reading HDF5")
    try:
        guard.check(path, strict=False)
        return h5py.File(path, "r")
    except (OSError, ProjectError) as error:
        raise ProjectError(f"{path} cannot be read as HDF5: {error}") from error


def _rows(file: Any, name: str, path: Path) -> Rows:
    """Images of a dataset, or of a group with one dataset a sample; channels come first."""
    if name not in file:
        raise ProjectError(f"{path} has no /{name}")
    node = file[name]
    keys = list(node) if hasattr(node, "keys") else range(len(node))
    if not len(keys):
        raise ProjectError(f"/{name} of {path} is empty")
    first = np.asarray(node[keys[0]])
    last = first.ndim == 3 and first.shape[0] not in (1, 3) and first.shape[-1] in (1, 3)

    def read(row: int) -> np.ndarray:
        image = np.asarray(node[keys[row]])
        return np.moveaxis(image, -1, 0) if last else image

    return Rows(read, len(keys), read(0).shape, first.dtype)


def _attributions(folder: Path, attributions: Mapping[str, Any], dataset: Rows) -> xr.Dataset:
    """Images, and from the attribution files relevance, outputs, labels; without such files, images alone."""
    sources = [_source(folder / path) for path in attributions.get("sources") or []]
    if not sources:
        return xr.Dataset({"image": _variable(dataset, np.arange(dataset.n))}, {"sample": np.arange(dataset.n)})
    ids, relevance, output, label = (list(column) for column in zip(*sources, strict=True))
    sample, at = _first(np.concatenate(ids))
    if len(sample) and not 0 <= sample.min() <= sample.max() < dataset.n:
        raise ProjectError(f"attributions name sample {sample.max()}, but the dataset has {dataset.n}")
    outputs = np.concatenate(output)[at]
    facts = {"label": ("sample", np.concatenate(label)[at]), "prediction": ("sample", outputs.argmax(axis=1))}
    arrays = {"image": _variable(dataset, sample), "relevance": _variable(_chained(relevance), at)}
    return xr.Dataset(arrays | {"output": (("sample", "class"), outputs)}, {"sample": sample} | facts)


def _first(ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each id once, and the first row that has it: where sources overlap, the first one wins."""
    return np.unique(ids, return_index=True)


def _source(path: Path) -> tuple[np.ndarray, Rows, np.ndarray, np.ndarray]:
    file = _open(path)
    relevance = _rows(file, "attribution", path)
    ids = np.asarray(file["index"], np.int64) if "index" in file else np.arange(relevance.n)
    return ids, relevance, _table(file["prediction"]), _labels(_table(file["label"]))


def _table(node: Any) -> np.ndarray:
    return np.stack([np.asarray(node[key]) for key in node]) if hasattr(node, "keys") else np.asarray(node)


def _labels(values: np.ndarray) -> np.ndarray:
    """One label a sample; of several marked ones the first."""
    return values.astype(np.int64) if values.ndim == 1 else (values != 0).argmax(axis=1)


def _chained(sources: list[Rows]) -> Rows:
    """Rows of several files as one."""
    starts = np.cumsum([0, *(rows.n for rows in sources)])

    def read(row: int) -> np.ndarray:
        which = int(np.searchsorted(starts, row, side="right")) - 1
        return sources[which].read(row - int(starts[which]))

    return Rows(read, int(starts[-1]), sources[0].shape, sources[0].dtype)


def _variable(rows: Rows, at: np.ndarray) -> xr.Variable:
    dims = ("channel", "height", "width")[-len(rows.shape) :]
    return xr.Variable(("sample", *dims), indexing.LazilyIndexedArray(LazyRows(rows, at)))


def _analyses(folder: Path, analyses: list[Mapping[str, Any]]) -> dict[str, dict[str, xr.Dataset]]:
    found: dict[str, dict[str, xr.Dataset]] = {}
    for analysis in analyses:
        categories = found.setdefault(str(analysis["analysis_method"]), {})
        for source in analysis["sources"]:
            categories |= {name: data for name, data in read_hdf5(folder / source).items() if name not in categories}
    return found
