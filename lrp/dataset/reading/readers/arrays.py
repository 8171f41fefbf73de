"""Files of arrays: NumPy's, HDF5, netCDF, Zarr. Read sample by sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from torch import Tensor
from torch.utils.data import Dataset

from lrp.dataset.beside import ALONG, FACTS, NAMES, OF_PLACES
from lrp.dataset.reading.budget import needed, within
from lrp.dataset.reading.zarrs import check_codecs
from lrp.explain.axes import IMAGE
from spray.kinds import kind_of
from spray.store import guard
from spray.store.given import npz

IMAGES, LABELS = ("image", "images", "x", "data"), ("label", "labels", "y", "target", "targets")


def open_arrays(file: Path, *, inputs: Sequence[str] = (), kind: str | None = None) -> Arrays:
    """A file of arrays along samples.

    Args:
        file: `.npy`, `.npz`, `.h5`, `.hdf5`, `.nc` or `.zarr`. Samples are called image(s), x or data; integers
            called label(s), y or target(s) are their classes, of which a table of 0 and 1, `(sample, class)`, says
            several of each. What `lrp.dataset.beside` knows stands beside them, all other arrays along samples travel
            along.
        inputs: Of a model of several inputs, the names of their arrays.
        kind: Of samples, one of `spray.kinds.KINDS`; a text called kind in the file says it too. Of texts, samples are
            numbers of tokens, which stay whole.

    Raises:
        ValueError: No array is called so, or they are not equally many.
    """
    arrays = dict(READ[file.suffix.lower()](file))
    own = arrays.pop("kind", None)
    kind = str(_whole(own)) if kind is None and own is not None and not own.shape else kind
    if missing := [name for name in inputs if name not in arrays]:
        raise ValueError(f"{file} holds no {', '.join(missing)}; it holds {', '.join(arrays) or 'nothing'}")
    main = next((name for name in IMAGES if name in arrays), None) if not inputs else inputs[0]
    if main is None:
        raise ValueError(f"{file} holds {', '.join(arrays) or 'nothing'}; one array must be called {', '.join(IMAGES)}")
    label = next((name for name in LABELS if name in arrays and name not in inputs), None)
    size, used = arrays[main].shape[0], {main, label, *inputs}
    beside = {name: _whole(arrays[name]) for name in NAMES & arrays.keys() - used if name not in OF_PLACES}
    rest = {name: a for name, a in arrays.items() if name not in used | NAMES and a.shape == (size,)}
    rest |= {name: arrays[name] for name in OF_PLACES if name in arrays and name not in used}
    images = {name: arrays[name] for name in inputs} if inputs else arrays[main]
    labels = None if label is None else arrays[label]
    return Arrays(images, labels, rest, beside=beside, kind=kind, whole=kind == "text" or bool(inputs))


class Arrays(Dataset):
    """Arrays along samples; bytes are taken as pixels, other numbers as floating-point. Read sample by sample.

    Args:
        images: `(sample, ...)`, or a mapping of them by name for a model of several inputs.
        labels: `(sample,)` classes, or `(sample, class)` of 0 and 1.
        extra: What travels along, one of each sample.
        beside: What stands beside all samples, see `lrp.dataset.beside`.
        kind: Of samples, where that is known.
        whole: Integers but bytes stay integers, and truth values stay such.
    """

    def __init__(
        self,
        images: Any,
        labels: Any = None,
        extra: Mapping[str, Any] | None = None,
        *,
        beside: Mapping[str, Any] | None = None,
        kind: str | None = None,
        whole: bool = False,
    ):
        self.images, self.labels, self.extra, self.whole = images, labels, dict(extra or {}), whole
        self.beside, self.kind = dict(beside or {}), kind
        several = images if isinstance(images, Mapping) else {"images": images}
        (first, main), *_ = several.items()
        self.size = main.shape[0]
        self.axes = None if isinstance(images, Mapping) else _axes(images)
        self.most_labels = None if labels is None or len(labels.shape) < 2 or labels.shape[1] == 1 else labels.shape[1]
        for name, values in {**several, "labels": labels, **self.extra}.items():
            if values is not None and values.shape[0] != self.size:
                raise ValueError(f"{self.size} {first} but {values.shape[0]} {name}")

    def __len__(self) -> int:
        return self.size

    def __getitem__(self, index: int) -> tuple[Any, Any, dict[str, Any]]:
        label = -1 if self.labels is None else _label(self.labels[index])
        extra = {name: _plain(values[index]) for name, values in self.extra.items()}
        if isinstance(self.images, Mapping):
            return {name: self._tensor(values[index]) for name, values in self.images.items()}, label, extra
        return self._tensor(self.images[index]), label, extra

    def _tensor(self, given: Any) -> Tensor:
        values = np.asarray(given)
        if values.dtype.kind not in "iufb":
            raise ValueError(f"an image of {values.dtype}: give real numbers")
        found = torch.from_numpy(values.copy())
        if values.dtype == np.uint8:
            return found.float() / 255
        if self.whole and values.dtype.kind in "iub":
            return found if values.dtype.kind == "b" else found.long()
        return found.float()


def _axes(images: Any) -> tuple[str, ...] | None:
    """Names of a sample's axes, where the file says them for certain, or bytes of a picture's shape do."""
    if (dims := getattr(images, "dims", None)) is not None:
        with suppress(ValueError):
            kind_of(xr.DataArray(np.empty([0] * len(dims)), dims=["sample", *dims[1:]]))
            return tuple(dims[1:])
    pixels = len(images.shape) == 4 and images.shape[1] in (1, 3, 4) and getattr(images, "dtype", None) == np.uint8
    return IMAGE if pixels else None


def _label(value: Any) -> Any:
    """A label as one number: a file of classes as 3.0 is meant as 3, and what is no class is told so by the reader.
    Of a row of 0 and 1, the classes at the ones."""
    label = np.asarray(value)
    if label.ndim == 1 and label.size > 1 and np.isin(label, (0, 1)).all():
        return frozenset(map(int, np.flatnonzero(label)))
    kind = label.dtype.kind if label.size == 1 else ""
    whole = kind in ("i", "u", "b") or (kind == "f" and float(label.item()).is_integer())
    return int(label.item()) if whole else label


def _plain(value: Any) -> Any:
    """A number or a text; of several, an array."""
    found = np.asarray(value)
    if found.dtype.kind in "SO":
        found = np.array([v.decode() if isinstance(v, bytes) else v for v in found.ravel()], object).reshape(
            found.shape
        )
        found = found.astype(str) if all(isinstance(v, str) for v in found.ravel()) else found
    return found if found.ndim else found.item()


def _whole(array: Any) -> Any:
    """All of a small array: names, units, rates."""
    if len(array.shape) > 1 or prod(array.shape) > MOST_NAMES:
        raise ValueError(f"{', '.join(sorted(ALONG.keys() | set(FACTS)))} hold one entry a place, got {array.shape}")
    found = _plain(array.all() if isinstance(array, _OnDisk) else array[...])
    return found.tolist() if isinstance(found, np.ndarray) else found


def _npy(path: Path) -> dict[str, Any]:
    return {"image": np.load(path, mmap_mode="r", allow_pickle=False)}


def _zarr(path: Path) -> dict[str, Any]:
    check_codecs(path)
    group = needed("zarr", path).open(str(path), mode="r")
    arrays = dict(group.arrays()) if hasattr(group, "arrays") else {"image": group}
    facts = _facts(dict(group.attrs))
    for name, array in arrays.items():  # a sample is read by unpacking the chunks it lies in
        within(array.dtype.itemsize * prod(array.chunks), f"{path}, a chunk of {name}")
    return facts | arrays


def _facts(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """What the attributes of a file say beside its samples."""
    return {name: np.asarray(value) for name, value in attributes.items() if name in NAMES}


@dataclass(frozen=True)
class _OnDisk:
    """An array of a file that is opened for each read: an open file cannot go to another process."""

    path: Path
    name: str
    shape: tuple[int, ...]
    read: Callable[[Path, str, Any], Any]
    dims: tuple[str, ...] | None = None
    """Names of its axes, where the file says them."""

    def __getitem__(self, index: int) -> np.ndarray:
        return self.read(self.path, self.name, index)

    def all(self) -> np.ndarray:
        """Of a small one."""
        return np.asarray(self.read(self.path, self.name, ...))


def _hdf5(path: Path) -> dict[str, Any]:
    guard.check(path, strict=False)
    with needed("h5py", path).File(path, "r") as file:
        shapes = {name: array.shape for name, array in file.items() if hasattr(array, "shape")}
        facts = _facts(dict(file.attrs))
    return facts | {name: _OnDisk(path, name, shape, _read_hdf5) for name, shape in shapes.items()}


def _read_hdf5(path: Path, name: str, index: Any) -> Any:
    guard.check(path, strict=False)
    with needed("h5py", path).File(path, "r") as file:
        return file[name][index]


def _netcdf(path: Path) -> dict[str, Any]:
    guard.check(path, strict=False)
    with xr.open_dataset(path, engine="netcdf4") as dataset:
        small = {str(name): v.values for name, v in dataset.variables.items() if v.ndim < 2}
        large = {str(name): v for name, v in dataset.variables.items() if v.ndim > 1}
        facts = _facts({name: value for v in (dataset, *large.values()) for name, value in v.attrs.items()})
        found = {name: _OnDisk(path, name, v.shape, _read_netcdf, tuple(map(str, v.dims))) for name, v in large.items()}
    return facts | small | found


def _read_netcdf(path: Path, name: str, index: Any) -> np.ndarray:
    guard.check(path, strict=False)
    with xr.open_dataset(path, engine="netcdf4") as dataset:
        return dataset.variables[name][index].values


READ = {".npy": _npy, ".npz": npz, ".h5": _hdf5, ".hdf5": _hdf5, ".nc": _netcdf, ".zarr": _zarr}
"""By the end of the file's name."""

MOST_NAMES = 1_000_000
"""Along an axis."""
