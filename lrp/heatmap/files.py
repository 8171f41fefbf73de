"""Heatmaps as files, as figures with a colour bar, and in notebooks."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lrp.colormap import palette
from lrp.heatmap.draw import Array, Scaling, recolour, summed
from spray.colour.pixels import bar

LOSSLESS: dict[str, dict[str, Any]] = {".png": {"optimize": True}, ".gif": {}, ".webp": {"lossless": True}}


def save(path: str | PathLike[str], pictures: Image.Image | Sequence[Image.Image], *, milliseconds: int = 100) -> Path:
    """Write a picture without loss to PNG, GIF or WebP; several become an animation (GIF, WebP).

    Raises:
        ValueError: The name ends in something else, or PNG shall hold several.
    """
    path, frames = Path(path), [pictures] if isinstance(pictures, Image.Image) else list(pictures)
    options = LOSSLESS.get(path.suffix.lower())
    if options is None:
        raise ValueError(f"{path.name} must end in {', '.join(LOSSLESS)}; for .svg see lrp.heatmap.files.figure")
    if len(frames) > 1 and path.suffix.lower() == ".png":
        raise ValueError(f"{path.name} holds one picture, got {len(frames)}: use a grid, or an animated .gif or .webp")
    first, *rest = frames
    more = {"save_all": True, "append_images": rest, "duration": milliseconds, "loop": 0} if rest else {}
    first.save(path, **options, **more)
    return path


def figure(
    relevance: Array,
    path: str | PathLike[str] | None = None,
    cmap: str = "bwr",
    *,
    level: float = 1.0,
    scaling: Scaling | None = None,
    titles: Sequence[str] = (),
) -> Any:
    """A Matplotlib figure of heatmaps, each with its colour bar; written to `path` (.svg, .pdf, .png) if given.

    Raises:
        ImportError: There is no Matplotlib.
    """
    from matplotlib.colors import ListedColormap
    from matplotlib.figure import Figure

    maps = summed(relevance)
    low, high = (scaling or Scaling()).ends(np.nan_to_num(maps, posinf=0, neginf=0))
    columns = min(len(maps), 4)
    rows = -(-len(maps) // columns)
    drawn = Figure(figsize=(3.2 * columns, 2.6 * rows), layout="constrained")
    colours = ListedColormap(palette(cmap, level) / 255)
    for at, each in enumerate(maps):
        axes = drawn.add_subplot(rows, columns, at + 1)
        ends = (low[at].item(), high[at].item()) if high[at] > low[at] else (-1.0, 1.0)
        shown = axes.imshow(each, cmap=colours, vmin=ends[0], vmax=ends[1], interpolation="nearest")
        axes.set_axis_off()
        axes.set_title(titles[at] if at < len(titles) else "")
        drawn.colorbar(shown, ax=axes, label="relevance")
    if path is not None:
        drawn.savefig(path)
    return drawn


def colour_bar(cmap: str = "bwr", *, level: float = 1.0, width: int = 256, height: int = 16) -> Image.Image:
    """The colour map from one end to the other, in palette mode."""
    return recolour(Image.fromarray(bar(width, height)), cmap, level=level)
