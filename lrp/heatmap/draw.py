"""Relevance as pictures: numbers -> places in a palette -> PIL pictures that can be recoloured later.

Relevance is `(height, width)`, `(channel, height, width)` or `(batch, channel, height, width)`, a tensor, an array or
an xarray.DataArray with those names; channels are summed. With three axes the first is of channels and has 1 or 3 of
them, as pictures have: maps of a batch are `(batch, 1, height, width)`. Colour maps are `lrp.colormap` sources.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
import xarray as xr
from PIL import Image

from lrp.colormap import palette
from spray.colour import pixels
from spray.colour.pixels import NEUTRAL

Array = torch.Tensor | np.ndarray | xr.DataArray


@dataclass(frozen=True)
class Scaling:
    """How relevance becomes a place in a palette.

    limit: "each" scales every map by its own extremes, "batch" all by the common ones, a number or a pair (low, high)
        is fixed: the same colour then means the same relevance everywhere.
    symmetric: The scale is -limit to limit, so that no relevance has the neutral colour in the middle.
    percentile: Of |relevance| (or of both ends, if not symmetric), instead of the extremes: 99 leaves outliers out.
    """

    limit: Literal["each", "batch"] | float | tuple[float, float] = "each"
    symmetric: bool = True
    percentile: float = 100.0

    def __post_init__(self) -> None:
        if isinstance(self.limit, str) and self.limit not in ("each", "batch"):
            raise ValueError(f'limit must be "each", "batch", a number or (low, high), got {self.limit!r}')
        if not 50 < self.percentile <= 100:
            raise ValueError(f"percentile must be above 50 and at most 100, got {self.percentile}")

    def ends(self, maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """What is shown as the first and the last colour, for each of `(batch, height, width)`: `(batch, 1, 1)`."""
        if isinstance(self.limit, str):
            low, high = self._found(maps)
        elif isinstance(self.limit, tuple):
            low, high = self.limit
        else:
            low, high = (-self.limit if self.symmetric else 0.0), self.limit
        shape = (len(maps), 1, 1)
        return np.broadcast_to(low, shape), np.broadcast_to(high, shape)

    def _found(self, maps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        axes = (1, 2) if self.limit == "each" else (0, 1, 2)
        if self.symmetric:
            size = pixels.largest(maps, self.percentile, axis=axes)
            return -size, size
        low, high = np.percentile(maps, [100 - self.percentile, self.percentile], axis=axes, keepdims=True)
        return low, high


def places(relevance: Array, scaling: Scaling | None = None) -> np.ndarray:
    """Places in a palette, uint8 `(batch, height, width)`: 0 for the low end, 255 for the high one.

    A map without contrast, and what is not finite, is at the neutral place in the middle.
    """
    return pixels.places(_signed(relevance, scaling))


def _signed(relevance: Array, scaling: Scaling | None) -> np.ndarray:
    """`(batch, height, width)` in [-1, 1]."""
    maps = summed(relevance)
    return pixels.scaled(maps, *(scaling or Scaling()).ends(np.where(np.isfinite(maps), maps, 0.0)))


def heatmap(
    relevance: Array, cmap: str = "bwr", *, level: float = 1.0, scaling: Scaling | None = None, enlarge: int = 1
) -> Image.Image:
    """Relevance as a picture in palette mode; several maps as a grid.

    Args:
        cmap, level: See `lrp.colormap.palette`.
        enlarge: Side of the square that one number becomes.

    Example:
        >>> import torch
        >>> picture = heatmap(torch.tensor([[-1.0, 0.0], [0.5, 1.0]]))
        >>> picture.mode, picture.convert("RGB").getpixel((1, 0))
        ('P', (255, 255, 255))
        >>> recolour(picture, "hot").convert("RGB").getpixel((1, 1))
        (255, 255, 255)
    """
    return grid(heatmaps(relevance, cmap, level=level, scaling=scaling, enlarge=enlarge))


def heatmaps(
    relevance: Array, cmap: str = "bwr", *, level: float = 1.0, scaling: Scaling | None = None, enlarge: int = 1
) -> list[Image.Image]:
    """One picture in palette mode for each map; see `heatmap`."""
    found = places(relevance, scaling).repeat(enlarge, 1).repeat(enlarge, 2)
    return [recolour(Image.fromarray(place), cmap, level=level) for place in found]


def recolour(picture: Image.Image, cmap: str, *, level: float = 1.0) -> Image.Image:
    """The same places in another palette."""
    if picture.mode not in ("P", "L"):
        raise ValueError(f"only a picture in palette mode can be recoloured, this one is in mode {picture.mode}")
    copy = Image.fromarray(np.asarray(picture))
    copy.putpalette(palette(cmap, level).tobytes())
    return copy


def overlay(
    image: Array,
    relevance: Array,
    cmap: str = "bwr",
    *,
    level: float = 1.0,
    scaling: Scaling | None = None,
    enlarge: int = 1,
) -> Image.Image:
    """Heatmaps over the images in grey, as opaque as relevance is strong; several as a grid.

    Args:
        image: Bytes, or numbers in [0, 1]; relevance of another size is fitted to it.
    """
    grey, signed = _grey(image), _signed(relevance, scaling)
    if len(grey) != len(signed):
        raise ValueError(f"{len(grey)} images but {len(signed)} relevance maps")
    mixed = pixels.overlay(grey, signed, cmap, level=level).repeat(enlarge, 1).repeat(enlarge, 2)
    return grid([Image.fromarray(picture) for picture in mixed])


def grid(
    pictures: Sequence[Image.Image],
    *,
    columns: int | None = None,
    gap: int = 0,
    fill: int | tuple[int, ...] | None = None,
) -> Image.Image:
    """Pictures of one size and mode side by side; as many rows as columns, or a few more.

    Args:
        fill: Colour of gaps and of places left over. Default: the neutral colour, white if there are no palettes.
    """
    if not pictures:
        raise ValueError("a grid needs at least one picture")
    first = pictures[0]
    if any((p.size, p.mode) != (first.size, first.mode) for p in pictures):
        found = sorted({f"{p.width}x{p.height} {p.mode}" for p in pictures})
        raise ValueError(f"pictures of a grid must be of one size and mode, got {', '.join(found)}")
    if len(pictures) == 1:
        return first
    width = columns or max(1, math.isqrt(len(pictures)))
    rows = -(-len(pictures) // width)
    size = (width * (first.width + gap) - gap, rows * (first.height + gap) - gap)
    background = fill if fill is not None else NEUTRAL if first.mode == "P" else (255,) * len(first.getbands())
    canvas = Image.new(first.mode, size, background)  # type: ignore[arg-type]
    if first.mode == "P":
        canvas.putpalette(first.getpalette() or [])
    for at, picture in enumerate(pictures):
        canvas.paste(picture, ((at % width) * (first.width + gap), (at // width) * (first.height + gap)))
    return canvas


def summed(relevance: Array) -> np.ndarray:
    """`(batch, height, width)`, channels summed.

    Raises:
        ValueError: The axes are none of a picture's, or may be read in two ways; the message says what to pass.
    """
    if isinstance(relevance, xr.DataArray):
        return _of_names(relevance)
    values = _numbers(relevance)
    if values.ndim == 4:
        return pixels.summed(values)
    if values.ndim == 3 and values.shape[0] in (1, 3):
        return pixels.summed(values[None])
    if values.ndim == 2:
        return values[None]
    if values.ndim == 3:
        raise ValueError(
            f"relevance of shape {values.shape} is no picture (channel, height, width) of 1 or 3 channels: of a batch "
            "of maps pass maps[:, None], (batch, 1, height, width); of other channels their sum, relevance.sum(0); "
            "a signal is drawn as a curve"
        )
    raise ValueError(f"relevance must be (height, width), with channel and batch before them, got {values.shape}")


def _of_names(relevance: xr.DataArray) -> np.ndarray:
    """What is behind batch and channel must be called height and width."""
    if relevance.dims[-2:] != ("height", "width"):
        raise ValueError(f"a picture's last dims are height and width, got {', '.join(map(str, relevance.dims))}")
    values = relevance.sum("channel", skipna=False) if "channel" in relevance.dims else relevance
    found = values.values.astype(np.float64)
    return found.reshape(-1, *found.shape[-2:])


def _numbers(values: Any) -> np.ndarray:
    found = values.detach().cpu().double().numpy() if isinstance(values, torch.Tensor) else np.asarray(values)
    return found.astype(np.float64)


def _grey(image: Array) -> np.ndarray:
    """`(batch, height, width)` from 0 to 255."""
    values = _numbers(image.values if isinstance(image, xr.DataArray) else image)
    scale = 1.0 if str(image.dtype).endswith("uint8") else 255.0
    values = values.reshape(*(1,) * (4 - values.ndim), *values.shape) if values.ndim < 4 else values
    return (pixels.grey(values) * scale).clip(0, 255)
