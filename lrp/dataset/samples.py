"""Items of a dataset as samples: an id, an image, a label and whatever travels along; errors name the sample."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from torch import Tensor


class SampleError(RuntimeError):
    """A sample cannot be read or explained; the message names it."""


class Sample(NamedTuple):
    """One item of a dataset, or the error that loading it raised."""

    id: int
    item: Any
    origin: str = ""

    def __str__(self) -> str:
        return f"sample {self.id}" + (f" ({self.origin})" if self.origin else "")


@dataclass(frozen=True)
class Record:
    """A sample that was read: its label is -1 where there is none, `extra` holds numbers and texts."""

    sample: Sample
    image: Tensor
    label: int
    extra: Mapping[str, Any]


def read(sample: Sample) -> Record:
    """A dataset's item as a record; items are an image, `(image, label)` or `(image, label, extra)`.

    Raises:
        SampleError: It could not be loaded, or is none of these.
    """
    item = sample.item
    if isinstance(item, Exception):
        raise SampleError(f"{sample} cannot be read: {type(item).__name__}: {item}") from item
    image, *rest = item if isinstance(item, tuple | list) else (item,)
    if len(rest) > 2:
        raise SampleError(f"{sample} has {1 + len(rest)} fields, expected image, label and extra variables at most")
    label = rest[0] if rest else -1
    extra = rest[1] if len(rest) == 2 else {}
    return Record(sample, _image(sample, image), _label(sample, label), _extra(sample, extra))


def _image(sample: Sample, image: Any) -> Tensor:
    if isinstance(image, Image.Image):
        return pixels(image)
    if not isinstance(image, Tensor | np.ndarray):
        found = type(image).__name__
        raise SampleError(f"{sample} has a {found} for an image, not a tensor; give the dataset a transform")
    return torch.as_tensor(image)


def _label(sample: Sample, label: Any) -> int:
    number = np.asarray(-1 if label is None else label)
    if number.size != 1 or number.dtype.kind not in "iub":
        raise SampleError(f"{sample} has the label {label!r}: give one integer, and other facts as extra variables")
    return int(number.item())


def _extra(sample: Sample, extra: Any) -> dict[str, Any]:
    if not isinstance(extra, Mapping):
        raise SampleError(f"{sample} has extra variables of type {type(extra).__name__}, expected a mapping of names")
    values = {str(name): np.asarray(value) for name, value in extra.items() if name != "sample"}
    for name, value in values.items():
        if value.size != 1 or value.dtype.kind not in "iufbU":
            raise SampleError(f"{sample} has {name!r} of {value.dtype} {value.shape}, expected one number or text")
    return {name: value.item() for name, value in values.items()}


def pixels(image: Image.Image) -> Tensor:
    """A picture as `(channel, height, width)` in [0, 1]; whatever is not gray becomes RGB."""
    array = np.array(image if image.mode == "L" else image.convert("RGB"))
    return torch.from_numpy(array).reshape(*array.shape[:2], -1).permute(2, 0, 1).float() / 255


def same_shape(record: Record, other: Record) -> None:
    """Raise if two samples cannot be in one batch."""
    if record.image.shape != other.image.shape:
        shapes = f"{tuple(record.image.shape)}, {other.sample} has {tuple(other.image.shape)}"
        raise SampleError(f"{record.sample} has shape {shapes}: resize or crop in the dataset's transform")
