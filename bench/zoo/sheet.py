"""The contact sheet: what each network was shown, and under it what its explanation rests on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageDraw
from torch import Tensor

from lrp.heatmap import Scaling, heatmaps

SIDE, LABEL = 160, 16
SCALING = Scaling(percentile=99.5)


def row(name: str, shown: Any, relevance: Tensor) -> Image.Image:
    """A network's samples beside each other, a picture above a heatmap each."""
    if isinstance(shown, list):
        columns = [words(*sample) for sample in zip(shown, relevance, strict=True)]
    elif shown.ndim == 2:
        columns = [wave(*sample) for sample in zip(shown, relevance, strict=True)]
    else:
        columns = [
            stacked(*sample) for sample in zip(map(image, shown), heatmaps(relevance, scaling=SCALING), strict=True)
        ]
    whole = beside(columns)
    labelled = Image.new("RGB", (whole.width, whole.height + LABEL), "white")
    labelled.paste(whole, (0, LABEL))
    ImageDraw.Draw(labelled).text((2, 2), name, fill="black")
    return labelled


def image(pixels: Tensor) -> Image.Image:
    return Image.fromarray((pixels.clamp(0, 1) * 255).byte().permute(1, 2, 0).numpy())


def stacked(*pictures: Image.Image) -> Image.Image:
    """One above the other, of one height."""
    sized = [
        p.convert("RGB").resize((round(SIDE * p.width / p.height), SIDE), Image.Resampling.NEAREST) for p in pictures
    ]
    whole = Image.new("RGB", (max(p.width for p in sized), SIDE * len(sized)), "white")
    for at, picture in enumerate(sized):
        whole.paste(picture, (0, at * SIDE))
    return whole


def beside(pictures: list[Image.Image]) -> Image.Image:
    whole = Image.new("RGB", (sum(p.width + 4 for p in pictures), max(p.height for p in pictures)), "white")
    left = 0
    for picture in pictures:
        whole.paste(picture, (left, 0))
        left += picture.width + 4
    return whole


def wave(signal: Tensor, relevance: Tensor) -> Image.Image:
    """The signal as a line, its relevance as a band below."""
    width = 2 * SIDE
    drawn = Image.new("RGB", (width, SIDE), "white")
    heights = (0.5 - signal / (2.2 * abs(signal).max())) * SIDE
    points = [(at * width / len(signal), float(height)) for at, height in enumerate(heights)]
    ImageDraw.Draw(drawn).line(points, fill="black")
    (band,) = heatmaps(relevance[None, None, None], scaling=SCALING)
    whole = Image.new("RGB", (width, 2 * SIDE), "white")
    whole.paste(drawn, (0, 0))
    whole.paste(band.convert("RGB").resize((width, SIDE)), (0, SIDE))
    return whole


def words(tokens: list[str], relevance: Tensor) -> Image.Image:
    """Each token on the colour of its relevance, the sum over its features."""
    sums = relevance.sum(-1)
    (colours,) = heatmaps(sums[None, None, None])
    shades = np.asarray(colours.convert("RGB"))[0]
    whole = Image.new("RGB", (SIDE, LABEL * len(tokens)), "white")
    draw = ImageDraw.Draw(whole)
    for at, (token, shade) in enumerate(zip(tokens, shades, strict=True)):
        draw.rectangle((0, at * LABEL, SIDE, (at + 1) * LABEL), fill=tuple(int(c) for c in shade))
        draw.text((4, at * LABEL + 2), f"{token}  {float(sums[at]):+.3f}", fill="black")
    return whole


def save(rows: list[Image.Image], path: Path) -> None:
    """All rows in one file."""
    if not rows:
        return
    whole = Image.new("RGB", (max(r.width for r in rows), sum(r.height + 8 for r in rows)), "white")
    top = 0
    for row in rows:
        whole.paste(row, (0, top))
        top += row.height + 8
    path.parent.mkdir(parents=True, exist_ok=True)
    whole.save(path)
