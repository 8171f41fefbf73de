"""Relevance -> pixels in NumPy: the one owner, for the pictures that `lrp` draws and for those that the viewer serves.

    relevance -- summed --> map -- scaled --> [-1, 1] -- places --> 0 ... 255 -- palette --> colours

A map is `(height, width)`; every function takes any number of them, `(..., height, width)`.
"""

import numpy as np
from PIL import Image

from spray.colour.colormap import palette

NEUTRAL = 128  # the middle of a palette: white in "bwr"
OPACITY = 0.9  # of an overlay where relevance is strongest
LUMA = (0.299, 0.587, 0.114)


def summed(relevance: np.ndarray, *, channel: int = -3) -> np.ndarray:
    """The sum over channels, in double precision; NaN where a channel is NaN, or where infinities cancel.

    Args:
        relevance: `(..., channel, height, width)`.
        channel: Which axis the channels are.

    Returns:
        `(..., height, width)`.

    Example:
        >>> import numpy as np
        >>> summed(np.ones((3, 1, 2), np.float32)).tolist()
        [[3.0, 3.0]]
    """
    with np.errstate(invalid="ignore"):
        return np.asarray(np.sum(relevance, axis=channel, dtype=np.float64))


def largest(maps: np.ndarray, percentile: float = 100.0, *, axis: tuple[int, ...] | None = None) -> np.ndarray:
    """The `percentile` of |relevance|, 100 for the largest; over `axis`, which stays, or over everything.

    Args:
        maps: What is not finite counts as 0.
        percentile: Of the magnitudes.
        axis: None for all of them.

    Returns:
        One number for each map, or one.

    Example:
        >>> import numpy as np
        >>> largest(np.array([[-4.0, 1.0]])).item()
        4.0
    """
    size = np.abs(np.where(np.isfinite(maps), maps, 0.0))
    if percentile < 100:
        return np.percentile(size, percentile, axis=axis, keepdims=axis is not None)
    return size.max(axis=axis, keepdims=axis is not None, initial=0.0)


def scaled(maps: np.ndarray, low: np.ndarray | float, high: np.ndarray | float, *, gamma: float = 1.0) -> np.ndarray:
    """Relevance in [-1, 1]: `low` becomes -1, `high` becomes 1, what is beyond is cut off.

    0 is what has no contrast (`low` is not below `high`) and what is not finite. A `gamma` below 1 lifts what is weak.

    Args:
        maps: `(..., height, width)`.
        low, high: One for all maps, or such that they broadcast.
        gamma: Exponent of the magnitude.

    Returns:
        Of the same shape.

    Example:
        >>> scaled(np.array([[-4.0, 0.0], [1.0, np.nan]]), -2, 2).tolist()
        [[-1.0, 0.0], [0.5, 0.0]]
    """
    middle, half = (np.asarray(low) + high) / 2, (np.asarray(high) - low) / 2
    known = np.isfinite(maps) & (half > 0)
    signed = np.clip((np.where(known, maps, middle) - middle) / np.where(half > 0, half, 1.0), -1, 1)
    return signed if gamma == 1 else np.sign(signed) * np.abs(signed) ** gamma


def places(signed: np.ndarray) -> np.ndarray:
    """The place in a palette of each number in [-1, 1], uint8; 0 is in the middle.

    Args:
        signed: Numbers in [-1, 1].

    Returns:
        Of the same shape.

    Example:
        >>> places(np.array([-1.0, -0.5, 0.0, 1.0])).tolist()
        [0, 64, 128, 255]
    """
    # half is rounded up: the middle of the scale, 127.5, is the middle of the palette, and no tie falls by parity
    return np.floor((signed + 1) / 2 * 255 + 0.5).astype(np.uint8)


def heatmap(signed: np.ndarray, colour_map: str = "bwr", *, level: float = 1.0) -> np.ndarray:
    """`(..., height, width, 3)` uint8 colours of numbers in [-1, 1].

    Args:
        signed: `(..., height, width)` in [-1, 1].
        colour_map, level: See `palette`.

    Returns:
        Colours.

    Raises:
        ValueError: `colour_map` is no colour map.

    Example:
        >>> import numpy as np
        >>> heatmap(np.array([[-1.0, 0.0]])).tolist()
        [[[0, 0, 255], [255, 255, 255]]]
    """
    return palette(colour_map, level)[places(signed)]


def overlay(image: np.ndarray, signed: np.ndarray, colour_map: str = "bwr", *, level: float = 1.0) -> np.ndarray:
    """The heatmap over grey images (0 to 255), as opaque as relevance is strong: OPACITY |signed|.

    A map of another size is fitted to its image after it was scaled: a colour means what it means in the heatmap.

    Args:
        image: `(..., height, width)`.
        signed: As in `heatmap`.
        colour_map, level: See `palette`.

    Returns:
        `(..., height, width, 3)` uint8.

    Raises:
        ValueError: `colour_map` is no colour map.

    Example:
        >>> overlay(np.array([[100.0, 100.0]]), np.array([[0.0, 1.0]])).tolist()
        [[[100, 100, 100], [240, 10, 10]]]
    """
    signed = fitted(signed, image.shape[-2:])
    opacity = OPACITY * np.abs(signed)[..., None]
    colours = heatmap(signed, colour_map, level=level)
    return ((1 - opacity) * image[..., None] + opacity * colours).round().astype(np.uint8)


def fitted(maps: np.ndarray, size: tuple[int, ...]) -> np.ndarray:
    """Maps of another height and width, bilinear; those of the right size as they are.

    Args:
        maps: `(..., height, width)`.
        size: Height and width.

    Returns:
        `(..., *size)`.

    Example:
        >>> import numpy as np
        >>> fitted(np.array([[0.0, 1.0]]), (1, 4)).tolist()
        [[0.0, 0.25, 0.75, 1.0]]
    """
    height, width = size
    if maps.shape[-2:] == (height, width):
        return maps
    pictures = [Image.fromarray(each.astype(np.float32)) for each in maps.reshape(-1, *maps.shape[-2:])]
    found = [np.asarray(picture.resize((width, height), Image.Resampling.BILINEAR)) for picture in pictures]
    return np.reshape(found, (*maps.shape[:-2], height, width))


def grey(image: np.ndarray) -> np.ndarray:
    """`(..., channel, height, width)` -> `(..., height, width)`: the luma of three channels, the mean of others.

    Args:
        image: Of any range.

    Returns:
        Of the same range.

    Example:
        >>> import numpy as np
        >>> grey(np.array([[[10.0]], [[20.0]]])).tolist()
        [[15.0]]
    """
    if image.shape[-3] != 3:
        return image.mean(axis=-3, dtype=np.float64)
    red, green, blue = (weight * image[..., at, :, :] for at, weight in enumerate(LUMA))
    return red + green + blue


def bar(width: int = 256, height: int = 16) -> np.ndarray:
    """The places of a colour bar, `(height, width)` from one end to the other.

    Args:
        width, height: Of the bar.

    Returns:
        Places from 0 to 255.

    Example:
        >>> bar(3, 1).tolist()
        [[0, 128, 255]]
    """
    return np.tile(np.linspace(0, 255, width).round().astype(np.uint8), (height, 1))


def is_light(colours: np.ndarray) -> np.ndarray:
    """Whether black is read more easily than white on each colour (WCAG's relative luminance).

    Args:
        colours: `(..., 3)` uint8.

    Returns:
        `(...)`, of booleans.

    Example:
        >>> is_light(np.array([[255, 255, 255], [0, 0, 255]])).tolist()
        [True, False]
    """
    channels = np.asarray(colours) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return linear @ np.array([0.2126, 0.7152, 0.0722]) > 0.18
