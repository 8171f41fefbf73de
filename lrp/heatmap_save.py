"""Heatmaps as files, as figures with a colour bar, and in notebooks."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from torch import Tensor

from lrp.colormap import palette
from lrp.heatmap import Array, Scaling, heatmaps, recolour, summed

LOSSLESS: dict[str, dict[str, Any]] = {".png": {"optimize": True}, ".gif": {}, ".webp": {"lossless": True}}
SHOWN = 64  # maps of one explanation in a notebook


def save(path: str | PathLike[str], pictures: Image.Image | Sequence[Image.Image], *, milliseconds: int = 100) -> Path:
    """Write a picture without loss to PNG, GIF or WebP; several become an animation (GIF, WebP).

    Raises:
        ValueError: The name ends in something else, or PNG shall hold several.
    """
    path, frames = Path(path), [pictures] if isinstance(pictures, Image.Image) else list(pictures)
    options = LOSSLESS.get(path.suffix.lower())
    if options is None:
        raise ValueError(f"{path.name} must end in {', '.join(LOSSLESS)}; for .svg see lrp.heatmap_save.figure")
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
    row = np.linspace(0, 255, width).round().astype(np.uint8)
    return recolour(Image.fromarray(np.tile(row, (height, 1))), cmap, level=level)


class Explanation(NamedTuple):
    """Output `(batch, class)` and relevance, in the input's structure: a pair that a notebook shows as pictures."""

    output: Tensor
    relevance: Any

    def _repr_html_(self) -> str:
        """One heatmap a sample, under it the predicted class and its output; for images only."""
        if not isinstance(self.relevance, Tensor) or self.relevance.ndim != 4 or self.output.ndim != 2:
            return f"<pre>{self.output}\n{self.relevance}</pre>"
        enlarge = max(1, 128 // max(self.relevance.shape[-2:]))
        pictures = heatmaps(self.relevance[:SHOWN], enlarge=enlarge)
        best = self.output.argmax(1).tolist()
        cells = [
            '<figure style="display:inline-block;margin:4px"><img alt="heatmap" '
            f'src="data:image/png;base64,{_base64(picture)}">'
            f"<figcaption>class {number}: {self.output[at, number]:.3g}</figcaption></figure>"
            for at, (picture, number) in enumerate(zip(pictures, best, strict=False))
        ]
        left = len(self.relevance) - len(pictures)
        return "".join(cells) + (f"<p>and {left} more</p>" if left else "")


def _base64(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()
