"""Values of any kind -> one RGBA colour a point, readable for colour-blind eyes and with 200 groups."""

import colorsys

import numpy as np

from spray.colour.colormap import palette

NOISE = (0x8A, 0x90, 0x99)
# Okabe and Ito's eight without yellow and black, which vanish on one of the two backgrounds, and four more hues
SET = (0x0072B2, 0xD55E00, 0x009E73, 0xCC79A7, 0xE69F00, 0x56B4E9, 0x7A5195, 0x8C6D31, 0xC43C5C, 0x5E9B1F)
SEQUENTIAL = "440154,3b528b,21918c,5ec962,fde725"  # perceived evenly, and by colour-blind eyes
DIVERGING = "2166ac,67a9cf,80:d1d5db,ef8a62,b2182b"
GOLDEN = 0.6180339887498949


def group_colour(number: int) -> tuple[int, int, int]:
    """Red, green, blue of group `number`; negative groups are noise. Groups far apart in number never share one."""
    if number < 0:
        return NOISE
    if number < len(SET):
        return SET[number] >> 16, SET[number] >> 8 & 255, SET[number] & 255
    hue, light = (number * GOLDEN) % 1.0, (0.42, 0.56, 0.68)[number % 3]
    red, green, blue = colorsys.hls_to_rgb(hue, light, 0.55)
    return round(red * 255), round(green * 255), round(blue * 255)


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
