"""More points than a browser draws well: how many lie in each pixel, in which colour; points where few are."""

import os
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from scipy.ndimage import uniform_filter

from viewer.projects import Category
from viewer.scene.points.columns import Place, positions, shown_window
from viewer.scene.points.filters import passing
from viewer.scene.points.grouping import COLOURED_BY, grouping
from viewer.state import State, Window, decode

MOST_POINTS = int(os.environ.get("LRP_VIEWER_POINTS", "200000"))  # of a category, that are all sent to the browser
MOST_IN_VIEW = min(20_000, MOST_POINTS // 2)  # of a larger category, that are drawn one by one
MOST_ALONE = 5_000
WIDTH, HEIGHT = 480, 320
REACH, FEW = 5, 3  # a pixel is alone if at most `FEW` pixels of the square of `REACH` around it hold samples

DEPENDS_ON = (*COLOURED_BY, "clustering", "selection", "label", "predicted", "correct", "least", "most", "filter")
LEFT_OUT, BESIDE, SHOWN = range(3)
"""How much of a sample is to be seen: the filters leave it out, others are selected, or it is selected (or none is)."""
OPACITY = np.array([(10, 24), (30, 60), (110, 255)])  # of a pixel, where few and where many lie
OPACITY_ALONE = np.array([0x14, 0x30, 0xD9])  # of a point


class Density(NamedTuple):
    """A picture of (height, width) packed colours over an area of the embedding, and what is drawn as points on it."""

    picture: np.ndarray
    x: float
    y: float
    width: float
    height: float
    rows: np.ndarray
    colours: np.ndarray


class Cells(NamedTuple):
    """The rows in view, and the pixel that each lies in."""

    rows: np.ndarray
    at: np.ndarray


def is_dense(category: Category) -> bool:
    return len(category.sample) > MOST_POINTS


def density(category: Category, state: State, place: Place) -> Density:
    """Each pixel shows the samples in it that are most to be seen, in their mean colour, more opaque where many lie.

    So one selected sample is seen among a thousand others. A mean over all of a pixel would hide it, as it would hide
    what lies alone, which is drawn as points. The pixels divide what is in view, so a closer look shows more, and as
    soon as at most `MOST_IN_VIEW` samples are in view all are points.
    """
    return _density(category, State(**{name: getattr(state, name) for name in DEPENDS_ON}), place)


@lru_cache(maxsize=16)  # most visitors open the same
def _density(category: Category, state: State, place: Place) -> Density:
    view = shown_window(category, place)
    rows, at = cells(category, place._replace(window=""), view)
    emphasis, words = _emphasis(category, state)[rows], grouping(category, state).colours[rows]
    if len(rows) <= MOST_IN_VIEW:
        alone, picture = np.arange(len(rows)), np.zeros((HEIGHT, WIDTH), np.uint32)
    else:
        alone, picture = _alone(at, emphasis), _picture(at, emphasis, words)
    order = alone[np.argsort(emphasis[alone], kind="stable")]  # what is most to be seen is drawn last
    colours = words[order] & np.uint32(0xFFFFFF00) | OPACITY_ALONE[emphasis[order]].astype(np.uint32)
    return Density(picture, *view.origin, *view.size, rows[order], colours)


@lru_cache(maxsize=4)
def cells(category: Category, place: Place, view: Window) -> Cells:
    points = positions(category, place)
    rows = np.flatnonzero(view.holds(points))
    column, row = (
        np.minimum(((points[rows, axis] - view.origin[axis]) * (n / view.size[axis])).astype(np.int32), n - 1)
        for axis, n in enumerate((WIDTH, HEIGHT))
    )
    return Cells(rows, row * WIDTH + column)


def _emphasis(category: Category, state: State) -> np.ndarray:
    """One of the three a row."""
    found = np.full(len(category.sample), SHOWN, np.uint8)
    if state.selection:
        found[~category.rows(decode(state.selection))] = BESIDE
    found[~passing(category, state)] = LEFT_OUT
    return found


def _picture(at: np.ndarray, emphasis: np.ndarray, words: np.ndarray) -> np.ndarray:
    most = _highest(at, emphasis)
    seen = emphasis == most[at]
    at, words = at[seen], words[seen]
    total = np.bincount(at, minlength=WIDTH * HEIGHT)
    filled = total > 0
    picture = np.zeros((WIDTH * HEIGHT, 4), np.uint8)
    for channel, shift in enumerate((24, 16, 8)):
        summed = np.bincount(at, words >> np.uint32(shift) & 255, WIDTH * HEIGHT)
        picture[filled, channel] = summed[filled] / total[filled]
    share = np.sqrt(np.minimum(total[filled] / np.percentile(total[filled], 95), 1))
    low, high = OPACITY[most[filled]].T
    picture[filled, 3] = low + (high - low) * share
    return picture.view(np.uint32).reshape(HEIGHT, WIDTH)


def _highest(at: np.ndarray, emphasis: np.ndarray) -> np.ndarray:
    """The largest emphasis in each pixel."""
    found = np.zeros(WIDTH * HEIGHT, np.uint8)
    for level in (BESIDE, SHOWN):  # the larger one is written last
        found[at[emphasis == level]] = level
    return found


def _alone(at: np.ndarray, emphasis: np.ndarray) -> np.ndarray:
    """One sample, the one most to be seen, of each pixel that has next to none beside it."""
    first = np.full(WIDTH * HEIGHT, -1)
    for level in range(SHOWN + 1):
        found = np.flatnonzero(emphasis == level)
        first[at[found]] = found
    filled = (first >= 0).reshape(HEIGHT, WIDTH)
    around = np.rint(uniform_filter(filled.astype(np.float32), REACH, mode="constant") * REACH**2)
    for few in range(FEW, 1, -1):
        chosen = first[(filled & (around <= few)).ravel()]
        if len(chosen) <= MOST_ALONE:
            return chosen
    chosen = first[(filled & (around <= 1)).ravel()]
    return chosen[:: len(chosen) // MOST_ALONE + 1]
