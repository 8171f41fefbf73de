"""Folders of NIfTI files, a volume each, by nibabel."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lrp.dataset.reading.budget import needed, within
from lrp.dataset.reading.readers.folders import Files, all_equal, named
from lrp.explain.axes import VOLUME

SUFFIXES = (".nii", ".nii.gz")


def open_nifti(folder: Path) -> Files:
    """NIfTI files of a folder as volumes `(channel, depth, height, width)`: the file's third, second and first axis.

    Nothing is turned or resampled: voxels are as they are stored, scaled as the file says. The voxel size is kept.

    Raises:
        ValueError: One is no such file; or they differ in voxel size or orientation.
    """
    names = named(folder, SUFFIXES)
    heads = {name: _opened(folder / name) for name in names}
    sizes = {name: tuple(round(float(z), 4) for z in head.header.get_zooms()[2::-1]) for name, head in heads.items()}
    codes = needed("nibabel", folder, "scans").aff2axcodes
    turned = {name: "".join(map(str, codes(head.affine))) for name, head in heads.items()}
    all_equal(turned, "orientation", "turn them to one, by nibabel.as_closest_canonical say")
    voxel = all_equal(sizes, "voxel size", "resample them to one")
    return Files(folder, names, read, kind="volume", axes=VOLUME, beside={"voxel_size": list(voxel)})


def read(file: Path) -> Tensor:
    """A volume, `(channel, depth, height, width)`; a fourth axis of the file are channels.

    Raises:
        ValueError: It is no such file, has other axes, or declares more than fits.
    """
    image = _opened(file)
    try:
        values = np.asarray(image.dataobj, dtype=np.float32)
    except (OSError, EOFError, ValueError) as error:
        raise ValueError(f"{file} cannot be read: {error}") from error
    return torch.from_numpy(np.ascontiguousarray(values.reshape(*values.shape[:3], -1).T))


def _opened(file: Path) -> Any:
    """The head alone, if there is memory for what it declares."""
    nibabel = needed("nibabel", file, "scans")
    try:
        image = nibabel.Nifti1Image.from_filename(str(file))
    except Exception as error:  # whatever it makes of a file that is none
        raise ValueError(f"{file} is no NIfTI file: {error}") from error
    if len(image.shape) not in (3, 4) or not prod(image.shape):
        raise ValueError(f"{file} has the shape {image.shape}: a volume has three axes, and a fourth for channels")
    within(8 * prod(image.shape), file)
    return image
