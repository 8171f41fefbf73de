"""What is kept of an explanation, and under which names: from tensors to labelled arrays."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from lrp.dataset.batches import Maps

DIMS = {1: ("feature",), 2: ("channel", "length"), 3: ("channel", "height", "width")}
DTYPES = ("float32", "float16")

Labelled = tuple[tuple[str, ...], np.ndarray]
"""Dims and values."""


@dataclass(frozen=True)
class Kept:
    """What is kept of each sample.

    image: What to store as the image, from the batch that the dataset gave. Default: the batch; bytes if normalized.
    dims: Names of the image's dimensions. Default: channel, height, width for three.
    dtype: Of relevance, "float32" or "float16".
    sum_channels: Relevance is summed over channels.
    pool: Relevance is summed over `pool` x `pool` places, which must divide the image's size. The image's own places
        are then called `image_height`, `image_width`.
    """

    image: Callable[[Tensor], Tensor] | None = None
    dims: Sequence[str] | None = None
    dtype: str = "float32"
    sum_channels: bool = False
    pool: int = 1

    def __post_init__(self) -> None:
        if self.dtype not in DTYPES or self.pool < 1:
            raise ValueError(f"dtype one of {', '.join(DTYPES)} and pool >= 1, got {self.dtype!r} and {self.pool}")

    def __str__(self) -> str:
        image = getattr(self.image, "__qualname__", type(self.image).__qualname__) if self.image is not None else None
        return (
            f"image={image}, dims={None if self.dims is None else list(self.dims)}, dtype={self.dtype}, "
            f"sum_channels={self.sum_channels}, pool={self.pool}"
        )

    def variables(self, images: Tensor, maps: Maps) -> dict[str, Labelled]:
        """All that has more than one number a sample; `images` as the dataset gave them, or as `image` made them."""
        names = self._names(images)
        own = [name if name == "channel" or self.pool == 1 else f"image_{name}" for name in names]
        found: dict[str, Labelled] = {"image": (("sample", *own), array(images))}
        rank = "class" if maps.classes is None else "rank"
        for suffix, name in suffixes(maps.relevance).items():
            found[f"relevance{suffix}"] = self._relevance(maps.relevance[name], ("sample",), names, images)
            if name in maps.each:
                found[f"relevance_each{suffix}"] = self._relevance(maps.each[name], ("sample", rank), names, images)
        found["output"] = (("sample", "class"), array(maps.output))
        if maps.classes is not None:
            found["explained"] = (("sample", "rank"), array(maps.classes))
        for layer, channels in maps.concepts.items():
            found[f"concept_{layer}"] = (("sample", f"channel_{layer}"), array(channels).astype(self.dtype))
        return found

    def _names(self, images: Tensor) -> tuple[str, ...]:
        rank = images.ndim - 1
        names = self.dims or DIMS.get(rank) or [f"dim_{n}" for n in range(rank)]
        if len(names) != rank:
            raise ValueError(f"dims {tuple(names)} name {len(names)} dimensions, the images have {rank}")
        return tuple(names)

    def _relevance(self, relevance: Tensor, lead: tuple[str, ...], names: tuple[str, ...], images: Tensor) -> Labelled:
        """`(*lead, channel, *places)`, without channels where they are summed, by us or by the method (Grad-CAM)."""
        at = len(lead)
        if "channel" in names and (self.sum_channels or relevance.shape[at] != images.shape[1]):
            axis = names.index("channel")
            relevance, names = relevance.sum(at + axis), names[:axis] + names[axis + 1 :]
        axes = [at + axis for axis, name in enumerate(names) if name != "channel"]
        values = array(_pooled(relevance, self.pool, axes) if self.pool > 1 else relevance)
        return (*lead, *names), values.astype(self.dtype)


def suffixes(methods: Mapping[str, object]) -> dict[str, str]:
    """What follows "relevance" in a variable's name -> method: nothing for the first, `_NAME` for the others."""
    return {f"_{name}" if number else "": name for number, name in enumerate(methods)}


def array(tensor: Tensor) -> np.ndarray:
    """As stored: single precision at most."""
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.is_floating_point() else tensor).numpy()


def _pooled(values: Tensor, pool: int, axes: Sequence[int]) -> Tensor:
    """Sums over blocks of `pool` along each of `axes`."""
    for axis in axes:
        if values.shape[axis] % pool:
            raise ValueError(f"pool {pool} does not divide {values.shape[axis]}, a side of the image")
        values = values.unflatten(axis, (-1, pool)).sum(axis + 1)
    return values
