"""Datasets from what lies on a disk: folders of pictures, files of arrays, torchvision's collections."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib import import_module
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from lrp.dataset.reading.samples import pixels
from lrp.dataset.reading.zarrs import check_codecs
from lrp.explain.axes import IMAGE
from spray.colour.reading import FORMATS, colours, open_picture
from spray.store import guard
from spray.store.given import npz

PICTURES = frozenset(end for end, kind in Image.registered_extensions().items() if kind in FORMATS)
IMAGES, LABELS = ("image", "images", "x", "data"), ("label", "labels", "y", "target", "targets")


def open_images(
    source: str | PathLike[str], *, size: int | tuple[int, int] | None = None, gray: bool = False, exif: bool = True
) -> Dataset:
    """A dataset of `(image, label, extra)`, images in [0, 1], for `lrp.attribute_dataset`.

    Args:
        source: A folder of pictures, one subfolder a class or none; an array file: `.npy`, `.npz`, `.h5`, `.hdf5`,
            `.nc`, `.zarr`, of images `(sample, channel, ...)` called image(s), x or data and integers called label(s),
            y or target(s), all other arrays along samples travel along; or `torchvision:NAME:FOLDER`, a collection
            of `torchvision.datasets` that is in that folder already.
        size: Side of the square, or (height, width), that pictures of any size are scaled and cropped to.
        gray: Read pictures as one gray channel, not three colours.
        exif: Turn pictures as their cameras noted. What is done to 16 bits, transparency and so on: see
            `spray.colour.reading`.

    Raises:
        FileNotFoundError, ValueError: There is nothing, or nothing that is known; the message says what is.

    Example:
        >>> import tempfile, numpy as np
        >>> file = tempfile.mkdtemp() + "/digits.npz"
        >>> np.savez(file, images=np.zeros((5, 1, 8, 8), "uint8"), labels=np.arange(5))
        >>> image, label, extra = open_images(file)[3]
        >>> image.shape, label
        (torch.Size([1, 8, 8]), 3)
    """
    if str(source).startswith("torchvision:"):
        return _collection(str(source), Reading(size, gray, exif))
    path = Path(source)
    if not path.exists():
        raise FileNotFoundError(f"no file or folder {path}")
    if path.suffix in READERS:
        return Arrays(*_split(READERS[path.suffix](path), path))
    if path.is_dir():
        return Pictures(path, Reading(size, gray, exif))
    raise ValueError(f"{path} is no folder and none of {', '.join(READERS)}")


@dataclass(frozen=True)
class Reading:
    """How a picture is read: scaled until it just covers `size`, its middle cropped, in colour or gray."""

    size: int | tuple[int, int] | None = None
    gray: bool = False
    exif: bool = True

    def __call__(self, picture: Image.Image) -> Tensor:
        """`(channel, height, width)` in [0, 1]."""
        return self._read(colours(picture))

    def _read(self, picture: Image.Image) -> Tensor:
        deep = picture.mode == "F"  # gray of more than 8 bits
        values = pixels(self._fitted(picture if deep else picture.convert("L" if self.gray else "RGB")))
        return values.clamp(0, 1).expand(3, -1, -1).clone() if deep and not self.gray else values.clamp(0, 1)

    def _fitted(self, picture: Image.Image) -> Image.Image:
        if self.size is None:
            return picture
        height, width = (self.size, self.size) if isinstance(self.size, int) else self.size
        scale = max(height / picture.height, width / picture.width)
        scaled = picture.resize((max(width, round(picture.width * scale)), max(height, round(picture.height * scale))))
        left, top = (scaled.width - width) // 2, (scaled.height - height) // 2
        return scaled.crop((left, top, left + width, top + height))

    def open(self, file: Path) -> Tensor:
        """Read a file."""
        return self._read(open_picture(file, exif=self.exif))


class Pictures(Dataset):
    """Pictures of a folder in alphabetical order; its subfolders are the classes, without any the label is -1."""

    def __init__(self, folder: Path, reading: Reading | None = None):
        self.folder, self.reading, self.axes = folder, reading or Reading(), IMAGE
        self.classes = sorted(entry.name for entry in folder.iterdir() if entry.is_dir() and any(_pictures(entry)))
        found = sorted(_pictures(folder))
        if not found:
            raise ValueError(f"{folder} holds no pictures (.png, .jpg, ...), nor do its subfolders")
        number = {name: at for at, name in enumerate(self.classes)}
        self.samples = [
            (file.relative_to(folder).as_posix(), number.get(file.relative_to(folder).parts[0], -1)) for file in found
        ]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, int, dict[str, str]]:
        name, label = self.samples[index]
        image = self.reading.open(self.folder / name)
        return image, label, {"file": os.fsencode(name).decode("utf-8", "backslashreplace")}  # of any bytes


def _pictures(folder: Path) -> Iterable[Path]:
    return (file for file in folder.rglob("*") if file.suffix.lower() in PICTURES and file.is_file())


class Arrays(Dataset):
    """Arrays along samples; bytes are taken as pixels, everything else as it is. Read sample by sample."""

    def __init__(self, images: Any, labels: Any = None, extra: Mapping[str, Any] | None = None):
        self.images, self.labels, self.extra = images, labels, dict(extra or {})
        pixels = len(images.shape) == 4 and images.shape[1] in (1, 3, 4) and getattr(images, "dtype", None) == np.uint8
        self.axes = IMAGE if pixels else None
        for name, values in {"labels": labels, **self.extra}.items():
            if values is not None and values.shape[0] != images.shape[0]:
                raise ValueError(f"{images.shape[0]} images but {values.shape[0]} {name}")

    def __len__(self) -> int:
        return self.images.shape[0]

    def __getitem__(self, index: int) -> tuple[Tensor, int, dict[str, Any]]:
        image = np.asarray(self.images[index])
        if image.dtype.kind not in "iufb":
            raise ValueError(f"an image of {image.dtype}: give real numbers")
        values = torch.from_numpy(image.copy()).float()
        label = -1 if self.labels is None else _label(self.labels[index])
        extra = {name: _plain(values[index]) for name, values in self.extra.items()}
        return values / 255 if image.dtype == np.uint8 else values, label, extra


def _label(value: Any) -> Any:
    """A label as one number: a file of classes as 3.0 is meant as 3, and what is no class is told so by the reader."""
    label = np.asarray(value)
    kind = label.dtype.kind if label.size == 1 else ""
    whole = kind in ("i", "u", "b") or (kind == "f" and float(label.item()).is_integer())
    return int(label.item()) if whole else label


def _plain(value: Any) -> Any:
    value = np.asarray(value).item()
    return value.decode() if isinstance(value, bytes) else value


def _npy(path: Path) -> dict[str, Any]:
    return {"image": np.load(path, mmap_mode="r", allow_pickle=False)}


def _zarr(path: Path) -> dict[str, Any]:
    check_codecs(path)
    group = _needed("zarr", path).open(str(path), mode="r")
    return dict(group.arrays()) if hasattr(group, "arrays") else {"image": group}


@dataclass(frozen=True)
class _OnDisk:
    """An array of a file that is opened for each read: an open file cannot go to another process."""

    path: Path
    name: str
    shape: tuple[int, ...]
    read: Callable[[Path, str, int], Any]

    def __getitem__(self, index: int) -> np.ndarray:
        return self.read(self.path, self.name, index)


def _hdf5(path: Path) -> dict[str, Any]:
    guard.check(path, strict=False)
    with _needed("h5py", path).File(path, "r") as file:
        shapes = {name: array.shape for name, array in file.items() if hasattr(array, "shape")}
    return {name: _OnDisk(path, name, shape, _read_hdf5) for name, shape in shapes.items()}


def _read_hdf5(path: Path, name: str, index: int) -> Any:
    guard.check(path, strict=False)
    with import_module("h5py").File(path, "r") as file:
        return file[name][index]


def _netcdf(path: Path) -> dict[str, Any]:
    guard.check(path, strict=False)
    with xr.open_dataset(path, engine="netcdf4") as dataset:
        small = {str(name): v.values for name, v in dataset.variables.items() if v.ndim == 1}
        large = {str(name): v.shape for name, v in dataset.variables.items() if v.ndim > 1}
    return small | {name: _OnDisk(path, name, shape, _read_netcdf) for name, shape in large.items()}


def _read_netcdf(path: Path, name: str, index: int) -> np.ndarray:
    guard.check(path, strict=False)
    with xr.open_dataset(path, engine="netcdf4") as dataset:
        return dataset.variables[name][index].values


READERS = {".npy": _npy, ".npz": npz, ".h5": _hdf5, ".hdf5": _hdf5, ".nc": _netcdf, ".zarr": _zarr}


def _needed(library: str, path: Path) -> Any:
    try:
        return import_module(library)
    except ImportError as error:
        raise ValueError(f"reading {path} needs {library}: pip install {library}") from error


def _split(arrays: Mapping[str, Any], path: Path) -> tuple[Any, Any, dict[str, Any]]:
    """Images, labels if there are any, and what else there is one of for each image."""
    image = next((name for name in IMAGES if name in arrays), None)
    if image is None:
        raise ValueError(f"{path} holds {', '.join(arrays) or 'nothing'}; one array must be called {', '.join(IMAGES)}")
    label = next((name for name in LABELS if name in arrays), None)
    size = arrays[image].shape[0]
    rest = {name: a for name, a in arrays.items() if name not in (image, label) and a.shape == (size,)}
    return arrays[image], None if label is None else arrays[label], rest


def _collection(source: str, reading: Reading) -> Dataset:
    """`torchvision:NAME:FOLDER`."""
    from lrp._torchvision import torchvision

    _, name, folder = (*source.split(":", 2), ".")[:3]
    make = getattr(torchvision().datasets, name, None)
    if make is None:
        raise ValueError(f"torchvision.datasets has no {name}")
    found = make(folder, transform=reading)
    found.axes = IMAGE
    return found
