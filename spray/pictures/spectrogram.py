"""Spectrograms: low bands below, time to the right; with seconds and hertz where they are known."""

import numpy as np
from markupsafe import Markup

from spray.pictures import images
from spray.pictures.axes import GREY, MOST, ROOM, in_unit, known, ticks, time_axis
from spray.pictures.drawing import picture, sheet, words
from spray.pictures.given import SIDE, Given
from spray.pictures.volume import pixels

BESIDE = 34  # room for hertz, at the left


def draw(given: Given) -> bytes:
    image = None if given.image is None else _upright(given.image).mean(0)
    relevance = None if given.relevance is None else _upright(given.relevance).sum(0)
    drawn = pixels(image, relevance, given)
    rate, bands = known(given.beside, "sampling_rate"), _bands(given.beside.get("frequency_hz"), len(drawn))
    if rate is None and bands is None:
        return images.png(drawn)
    left, bottom = 0 if bands is None else BESIDE, SIDE - (ROOM if rate else 0)
    parts = [picture(drawn, left, 0, SIDE - left, bottom)]
    parts += time_axis(drawn.shape[1], rate, left, SIDE, bottom) if rate else []
    parts += [] if bands is None else _hertz(bands, bottom)
    return sheet(parts, title=f"{drawn.shape[0]} bands, {drawn.shape[1]} steps")


def _upright(values: np.ndarray) -> np.ndarray:
    """`(channel, band, time)`, high bands first."""
    return np.flip(values.reshape(-1, *values.shape[-2:]), -2)


def _bands(said: np.ndarray | None, rows: int) -> np.ndarray | None:
    """The centre of each band, where there are as many as rows."""
    fits = said is not None and said.dtype.kind in "fiu" and said.shape == (rows,)
    return said.astype(np.float64) if said is not None and fits else None


def _hertz(bands: np.ndarray, bottom: float) -> list[Markup]:
    """Round frequencies, each beside the bands that lie about it; where bands are not in order, those of some bands."""
    at = np.arange(len(bands))
    if np.isfinite(bands).all() and (np.diff(bands) > 0).all() and len(bands) > 1:
        found = ticks(float(bands[0]), float(bands[-1]))
        places = np.interp(found, bands, at)
    else:
        places = at[:: max(1, -(-len(bands) // MOST))]
        found = bands[places].tolist()
    numbers, unit = in_unit(found, "Hz")
    numbers[-1] = f"{numbers[-1]} {unit}"
    rows = bottom - (places + 0.5) * bottom / len(bands)
    return [
        words(said, BESIDE - 3, min(max(row + 3, 8), bottom), size=8.5, fill=GREY, text_anchor="end")
        for said, row in zip(numbers, rows, strict=True)
    ]
