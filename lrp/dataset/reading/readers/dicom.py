"""Folders of DICOM series, a volume each, by pydicom: the slices of one folder, in their order in space."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lrp.dataset.reading.budget import needed, within
from lrp.dataset.reading.readers.folders import Files, all_equal, named
from lrp.explain.axes import VOLUME

SUFFIXES = (".dcm",)
DEFLATED = "1.2.840.10008.1.2.1.99"
EVEN = 0.01  # part of the distance by which slices may be apart unevenly
ONE = ("SeriesInstanceUID", "Rows", "Columns", "PixelSpacing", "ImageOrientationPatient")
"""What all slices of a volume have in common."""


def open_dicom(folder: Path) -> Files:
    """The series of a folder as volumes `(channel, depth, height, width)`, a folder of .dcm files each.

    Values are as the scanner means them (rescale slope and intercept: Hounsfield units of CT). Slices lie along the
    depth in the order of their positions. The voxel size is kept.

    Raises:
        ValueError: A folder holds slices of several series, uneven ones or none; or series differ in voxel size.
    """
    names = sorted({str(Path(name).parent.as_posix()) for name in named(folder, SUFFIXES)})
    if "." in names and len(names) > 1:
        raise ValueError(f"{folder} holds .dcm files beside folders: give each series a folder of its own")
    sizes = {name: voxel_size(slices(folder / name)) for name in names}
    voxel = all_equal(sizes, "voxel size", "resample them to one")
    return Files(folder, names, read, kind="volume", axes=VOLUME, beside={"voxel_size": list(voxel)})


def read(folder: Path) -> Tensor:
    """A series as `(1, depth, height, width)`.

    Raises:
        ValueError: Its slices are no volume, or cannot be read.
    """
    found = slices(folder)
    within(8 * len(found) * int(found[0].Rows) * int(found[0].Columns), folder)
    return torch.from_numpy(np.stack([_values(file) for file in found]))[None]


def slices(folder: Path) -> list[Any]:
    """The heads of a series' slices, in their order along the axis that stands upright on them.

    Raises:
        ValueError: They are of several series, or do not lie one over the other at even distances.
    """
    pydicom = needed("pydicom", folder, "scans")
    heads = {}
    for name in (name for name in named(folder, SUFFIXES) if "/" not in name):
        try:
            meta = pydicom.filereader.read_file_meta_info(folder / name)
            if str(meta.get("TransferSyntaxUID", "")) == DEFLATED:
                raise ValueError("it is deflated, so that its size is not known beforehand: write it explicit")
            heads[name] = pydicom.dcmread(folder / name, stop_before_pixels=True)
            missing = [tag for tag in (*ONE, "ImagePositionPatient") if tag not in heads[name]]
            if missing:
                raise ValueError(f"it has no {', '.join(missing)}: it is no slice of a volume")
        except (pydicom.errors.InvalidDicomError, OSError, ValueError, KeyError) as error:
            raise ValueError(f"{folder / name} is no slice that can be read: {error}") from error
    for tag in ONE:
        facts = {f"{folder}/{name}": str(head.get(tag)) for name, head in heads.items()}
        all_equal(facts, tag, "give each series a folder of its own")
    return sorted(heads.values(), key=_height)


def voxel_size(found: Sequence[Any]) -> tuple[float, ...]:
    """Depth, height and width of a voxel, in millimetres.

    Raises:
        ValueError: Slices lie at uneven distances, or there is one, which does not say how thick it is.
    """
    heights, where = np.array([_height(head) for head in found]), Path(found[0].filename).parent
    apart = np.diff(heights)
    if not len(apart):
        depth = float(found[0].get("SpacingBetweenSlices") or found[0].get("SliceThickness") or 0)
        if not depth:
            raise ValueError(f"{where} holds one slice, which does not say its SliceThickness")
    else:
        depth = float(np.sort(apart)[(len(apart) - 1) // 2])
        if depth <= 0 or (abs(apart - depth) > EVEN * depth).any():
            at = int(abs(apart - depth).argmax())
            raise ValueError(
                f"{where}: slices are {depth:.4g} mm apart, {Path(found[at].filename).name} and "
                f"{Path(found[at + 1].filename).name} are {apart[at]:.4g} mm: slices are missing, or of two series"
            )
    return (round(depth, 4), *(round(float(size), 4) for size in found[0].PixelSpacing))


def _height(head: Any) -> float:
    """Along the axis that stands upright on the slice."""
    along = np.array(head.ImageOrientationPatient, dtype=float).reshape(2, 3)
    return float(np.cross(along[0], along[1]) @ np.array(head.ImagePositionPatient, dtype=float))


def _values(head: Any) -> np.ndarray:
    pydicom = needed("pydicom", Path(head.filename), "scans")
    try:
        whole = pydicom.dcmread(head.filename)
        values = whole.pixel_array.astype(np.float32)
    except Exception as error:  # whatever its decoders make of a damaged file
        raise ValueError(f"{head.filename} cannot be read: {error}") from error
    if values.shape != (head.Rows, head.Columns):
        raise ValueError(f"{head.filename} has the shape {values.shape}: a slice is {head.Rows} x {head.Columns}, gray")
    return values * float(whole.get("RescaleSlope", 1)) + float(whole.get("RescaleIntercept", 0))
