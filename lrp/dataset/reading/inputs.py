"""How inputs are read, as settings that a resumed run compares: parts of one project must be of equal inputs."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import asdict, is_dataclass
from typing import Any

from torch import Tensor
from torch.utils.data import Subset

from lrp.dataset.reading.samples import Sample, SampleError, named_leaves, read

ADDRESS = re.compile(r" at 0x[0-9a-f]+")
PREFIX = "input "


def reading(dataset: Any, first: Callable[[], Sample] | None) -> dict[str, str]:
    """What is known of how inputs are read: options of ours, the text of a transform, and how the first input is.

    Args:
        dataset: As given; how a dataset of another kind reads, nobody knows.
        first: Gives its first sample. None for a stream, of which it would be gone.
    """
    found = _options(dataset) | ({} if first is None else _of_sample(first()))
    return {f"{PREFIX}{name}": str(value) for name, value in found.items()}


def _options(dataset: Any) -> dict[str, Any]:
    if isinstance(dataset, Subset):
        return _options(dataset.dataset)
    own = getattr(dataset, "reading", None) or getattr(dataset, "transform", None)
    if own is None:
        return {}
    if is_dataclass(own) and not isinstance(own, type):
        return asdict(own)
    name = getattr(own, "__qualname__", None) or repr(own)
    return {"transform": ADDRESS.sub("", name)}


def _of_sample(sample: Sample) -> dict[str, str]:
    try:
        _, tensors = named_leaves(read(sample).input)
    except SampleError:  # it is told when its turn comes
        return {}
    return {
        "shape": ", ".join("x".join(map(str, tensor.shape)) for tensor in tensors),
        "type": ", ".join(str(tensor.dtype).removeprefix("torch.") for tensor in tensors),
        "range": ", ".join(map(_range, tensors)),
    }


def _range(values: Tensor) -> str:
    """Pixels as fractions or not: which model wants which is not known, only that both in one project are a mistake."""
    if not values.numel() or values.is_complex():
        return "none"
    return "[0, 1]" if values.min().item() >= 0 and values.max().item() <= 1 else "beyond [0, 1]"
