"""Datasets from what lies on a disk: one table, by how the names of files end; one file a reader."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Mapping
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

from torch.utils.data import Dataset

from lrp.dataset.reading.readers import arrays, dicom, nifti, pictures, sounds
from lrp.dataset.reading.readers.arrays import open_arrays
from lrp.dataset.reading.readers.collections import open_collection
from lrp.dataset.reading.readers.lines import open_lines
from lrp.dataset.reading.readers.tables import READ, open_table


class Reader(NamedTuple):
    """How files that end so become a dataset."""

    open: Callable[..., Dataset]
    """`open(path, **options)`: its keywords are the options that it has."""
    kind: str | None = None
    """Of the samples; None where the file, the model or the user says it."""
    folder: bool = False
    """It reads a folder of such files, a sample each."""


FILES: Mapping[str, Reader] = {
    **dict.fromkeys(arrays.READ, Reader(open_arrays)),
    **dict.fromkeys(READ, Reader(open_table, "table")),
    ".jsonl": Reader(open_lines, "text"),
}
FOLDERS: Mapping[str, Reader] = {
    **dict.fromkeys(pictures.SUFFIXES, Reader(pictures.open_pictures, "image", folder=True)),
    **dict.fromkeys(sounds.SUFFIXES, Reader(sounds.open_sounds, "signal", folder=True)),
    **dict.fromkeys(nifti.SUFFIXES, Reader(nifti.open_nifti, "volume", folder=True)),
    **dict.fromkeys(dicom.SUFFIXES, Reader(dicom.open_dicom, "volume", folder=True)),
}
READERS: Mapping[str, Reader] = {**FILES, **FOLDERS}
"""How a file's name ends -> its reader."""


def open_data(source: str | PathLike[str], *, kind: str | None = None, **options: Any) -> Dataset:
    """A dataset of `(sample, label, extra)` for `lrp.attribute_dataset`, whatever its kind.

    =============================  ========  ==================================================================
    source                         kind      options
    =============================  ========  ==================================================================
    folder of pictures             image     size, gray, exif
    folder of .wav                 signal    length
    folder of .nii, .nii.gz        volume
    folder of folders of .dcm      volume
    .csv, .parquet                 table     label, features, beside, unit
    .csv, .parquet with text=      text      label, beside, text, tokenizer, length, pad
    .jsonl                         text      label, beside, text, tokens, tokenizer, length, pad
    .npy .npz .h5 .hdf5 .nc .zarr  as said   inputs
    torchvision:NAME:FOLDER        image     size, gray, exif
    =============================  ========  ==================================================================

    Subfolders are the classes. What the options mean stands at the readers, in `lrp.dataset.reading.readers`.

    Args:
        source: A file, a folder, or a collection of `torchvision.datasets` that is in that folder already.
        kind: Of a folder that holds files of several kinds, which of them are samples; of arrays, what they are.
        options: Of the reader.

    Raises:
        FileNotFoundError, ValueError: There is nothing, or nothing that is known; the message says what is.
        TypeError: The reader has no such option; the message lists those that it has.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "patients.csv"
        >>> _ = file.write_text("age,mass,ill\\n40,70.5,yes\\n31,60.0,no\\n")
        >>> dataset = open_data(file, label="ill", unit={"age": "years"})
        >>> dataset[0], dataset.classes, dataset.beside["unit"]
        ((tensor([40.0000, 70.5000]), 1, {}), ['no', 'yes'], ['years', ''])
    """
    if str(source).startswith("torchvision:"):
        return _opened(Reader(open_collection, "image"), str(source), options)
    path = Path(source)
    if not path.exists():
        raise FileNotFoundError(f"no file or folder {path}")
    found = _reader(path, FILES)
    if found is None and path.is_dir():
        found = _of_folder(path, kind)
    if found is None:
        alone = f": give the folder it lies in, {path.absolute().parent}" if _reader(path, FOLDERS) else ""
        raise ValueError(f"{path} is no folder and none of {', '.join(FILES)}{alone}")
    if found.open is open_arrays and kind is not None:
        options["kind"] = kind
    elif kind not in (None, "none", found.kind) and not (kind == "text" and "text" in options):
        raise ValueError(f"{path} holds samples of kind {found.kind}, not {kind}")
    return _opened(found, path, options)


def open_images(
    source: str | PathLike[str], *, size: int | tuple[int, int] | None = None, gray: bool = False, exif: bool = True
) -> Dataset:
    """A dataset of `(image, label, extra)`, images in [0, 1], for `lrp.attribute_dataset`.

    Args:
        source: A folder of pictures, one subfolder a class or none; an array file: `.npy`, `.npz`, `.h5`, `.hdf5`,
            `.nc`, `.zarr`, of images `(sample, channel, ...)` called image(s), x or data and integers called label(s),
            y or target(s), all other arrays along samples travel along; or `torchvision:NAME:FOLDER`, a collection
            of `torchvision.datasets` that is in that folder already. For all else see `lrp.open_data`.
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
    path, options = Path(source), {"size": size, "gray": gray, "exif": exif}
    if path.suffix.lower() in arrays.READ:
        return open_data(path)
    if path.is_dir():
        return pictures.open_pictures(path, size=size, gray=gray, exif=exif)
    if path.exists():
        raise ValueError(f"{path} is no folder and none of {', '.join(arrays.READ)}: for all else see lrp.open_data")
    return open_data(source, **options)


def _reader(path: Path, table: Mapping[str, Reader]) -> Reader | None:
    """By the longest end of a name that is known."""
    name = path.name.lower()
    return next((table[end] for end in sorted(table, key=len, reverse=True) if name.endswith(end)), None)


def _of_folder(folder: Path, kind: str | None) -> Reader:
    """The one reader of what a folder holds."""
    names = Counter(_reader(file, FOLDERS) for file in folder.rglob("*") if file.is_file())
    found = {reader: count for reader, count in names.items() if reader and kind in (None, "none", reader.kind)}
    if not found:
        what = "pictures (.png, .jpg, ...)" if kind is None else f"files of kind {kind}"
        raise ValueError(
            f"{folder} holds no {what}, nor do its subfolders; known are .wav, .nii, .nii.gz, .dcm and pictures"
        )
    if len(found) > 1:
        several = ", ".join(f"{count} of kind {reader.kind}" for reader, count in found.items())
        raise ValueError(f"{folder} holds {several}: say kind=, or give a folder of one")
    return next(iter(found))


def _opened(reader: Reader, source: Any, options: Mapping[str, Any]) -> Dataset:
    known = [p.name for p in inspect.signature(reader.open).parameters.values() if p.kind is p.KEYWORD_ONLY]
    if unknown := [name for name in options if name not in known]:
        has = f"its options are {', '.join(known)}" if known else "there are none"
        raise TypeError(f"{source} is not read with {', '.join(unknown)}: {has}")
    return reader.open(source, **options)
