"""Values of any kind -> one RGBA colour a point, readable for colour-blind eyes and with a thousand groups."""

from functools import cache

import numpy as np

from spray.colour.colormap import palette

NOISE = (0x8A, 0x90, 0x99)
# Okabe and Ito's eight without yellow and black, which vanish on one of the two backgrounds, and four more hues
SET = (0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7, 0xE69F00, 0x56B4E9, 0x7A5195, 0x8C6D31, 0xC43C5C, 0x5E9B1F)
SEQUENTIAL = "440154,3b528b,21918c,5ec962,fde725"  # perceived evenly, and by colour-blind eyes
DIVERGING = "2166ac,67a9cf,80:d1d5db,ef8a62,b2182b"
MOST_COLOURS = 1024
# https://bottosson.github.io/posts/oklab, from linear sRGB
TO_CONES = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
TO_OKLAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)


def group_colour(number: int) -> tuple[int, int, int]:
    """Red, green, blue of group `number`; negative groups are noise. No two of the first 1024 groups share one."""
    if number < 0:
        return NOISE
    at = number % MOST_COLOURS
    if at >= len(SET):
        red, green, blue = _palette()[at].tolist()
        return red, green, blue
    return SET[at] >> 16, SET[at] >> 8 & 255, SET[at] & 255


@cache
def _palette() -> np.ndarray:
    """`SET`, then again and again the colour that is farthest from all before.

    Far in Oklab (Ottosson 2020), where equal distances look equally different.
    """
    levels = np.linspace(0, 255, 16).round()
    candidates = np.stack(np.meshgrid(levels, levels, levels), -1).reshape(-1, 3)
    light = _oklab(candidates)[:, 0]
    candidates = candidates[(light > 0.45) & (light < 0.8)]  # seen on white and on black
    chosen = [[value >> 16, value >> 8 & 255, value & 255] for value in SET]
    places = _oklab(candidates)
    before = _oklab(np.array([*chosen, NOISE], float))
    nearest = np.linalg.norm(places[:, None] - before, axis=2).min(1)
    while len(chosen) < MOST_COLOURS:
        at = int(nearest.argmax())
        chosen.append(candidates[at].astype(int).tolist())
        nearest = np.minimum(nearest, np.linalg.norm(places - places[at], axis=1))
    return np.array(chosen)


def _oklab(colours: np.ndarray) -> np.ndarray:
    """(n, 3) sRGB up to 255 as lightness and two axes of colour."""
    share = colours / 255
    linear = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    return np.cbrt(linear @ TO_CONES.T) @ TO_OKLAB.T


def group_colours(groups: np.ndarray) -> np.ndarray:
    """(n, 3) uint8 colours of integer groups."""
    values, at = np.unique(groups, return_inverse=True)
    table = np.array([group_colour(int(value)) for value in values], np.uint8).reshape(-1, 3)
    return table[at]


def packed(colours: np.ndarray, alpha: np.ndarray | int = 255) -> np.ndarray:
    """(n, 3) uint8 colours as the 0xRRGGBBAA words that Bokeh sends as they are."""
    words = colours.astype(np.uint32)
    return words[:, 0] << 24 | words[:, 1] << 16 | words[:, 2] << 8 | np.uint32(alpha)


def automatic(values: np.ndarray) -> tuple[float, float, str]:
    """Range and colour map of numbers: those of both signs diverge from zero, all others run from least to most."""
    finite = values[np.isfinite(values)]
    low, high = (float(finite.min()), float(finite.max())) if len(finite) else (0.0, 0.0)
    return (-max(-low, high), max(-low, high), DIVERGING) if low < 0 < high else (low, high, SEQUENTIAL)


def scale_colours(values: np.ndarray, low: float, high: float, source: str) -> np.ndarray:
    """(n, 3) uint8 colours of numbers, `low` and below at one end of a colour map; what is not finite is noise."""
    finite = np.isfinite(values)
    steps = np.zeros(len(values), np.uint8)
    steps[finite] = (np.clip((values[finite] - low) / ((high - low) or 1), 0, 1) * 255).round()
    return np.where(finite[:, None], palette(source)[steps], np.array(NOISE, np.uint8))
