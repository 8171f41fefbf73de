"""Pictures of channels: what one sees of its reference samples, and what of a prediction went through it.

<app>/crop/<project>/<layer>/<channel>/<rank>.png
<app>/conditional/<project>/<layer>/<meaning>/<channel>/<sample>.png
"""

from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import xarray as xr
from PIL import Image, ImageOps

from spray.concepts import conditional_relevance, crops, references
from spray.concepts.conditional import conditions_of
from spray.concepts.layers import kept_layers
from spray.pictures.images import Look, heatmap_pixels, input_pixels, png
from viewer.pictures.reading import value_range
from viewer.projects import Project

SHOWN = 6  # reference samples of a channel
SIDE = 72
BY = ("relevance", "magnitude", "max", "mean")
"""Statistics that references are told by, the best first."""


@lru_cache(maxsize=16)
def reference_samples(project: Project, layer: str) -> xr.Dataset:
    """Of every channel of a layer, see `spray.references`."""
    kept = kept_layers(project.attributions)[layer]
    by = next(name for name in BY if name in kept)
    return references(project.attributions, layer=layer, by=by, count=SHOWN)


def has_crops(project: Project, layer: str) -> bool:
    """Whether what a channel sees can be cut out of its references: pictures, and places that are known."""
    dims = project.attributions["image"].dims if "image" in project.attributions else ()
    return {"height", "width"} <= set(dims) and len(dims) <= 4 and "place" in reference_samples(project, layer)


def crop(project: Project, _query: Mapping[str, str], layer: str, channel: str, rank: str) -> bytes:
    """One part of a reference sample, PNG."""
    return _crop(project, layer, int(channel), int(rank))


@lru_cache(maxsize=2048)
def _crop(project: Project, layer: str, channel: int, rank: int) -> bytes:
    if not has_crops(project, layer):
        raise KeyError(f"no crops of layer {layer}")
    found = reference_samples(project, layer).sel(channel=[channel]).isel(rank=[rank])
    (part,) = crops(project.attributions, found, channel)
    front = [dim for dim in part.dims if dim not in ("height", "width")]
    pixels = input_pixels(part.transpose(*front, "height", "width").values, *value_range(project))
    shown = ImageOps.contain(Image.fromarray(pixels), (SIDE, SIDE), Image.Resampling.NEAREST)
    return png(np.asarray(shown))


def conditional(
    project: Project, query: Mapping[str, str], layer: str, meaning: str, channel: str, sample: str
) -> bytes:
    """The heatmap of what went through one channel, PNG."""
    found = conditional_relevance(project.path, layer, int(sample), beside=meaning == "all")
    values = found.sel(condition=str(int(channel))).values
    return png(heatmap_pixels(values, Look(query.get("map", "bwr"))))


def conditional_samples(project: Project, layer: str, channel: int, samples: list[int]) -> list[tuple[int, str]]:
    """Those of `samples` of which the project keeps what went through a channel, and in which meaning."""
    if not {"height", "width"} <= set(project.attributions["image"].dims if "image" in project.attributions else ()):
        return []
    return [
        (sample, meaning)
        for sample in samples
        for meaning, beside in (("all", True), ("through", False))
        if str(channel) in conditions_of(project.path, layer, sample, beside=beside)
    ]
