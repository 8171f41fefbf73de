"""A picture of any kind as pixels in [0, 1], or an error that names its kind: nothing is converted in silence.

Only formats that are listed here are opened, whatever a file is called: Pillow would hand PostScript to Ghostscript.
"""

from os import PathLike
from typing import Any

import numpy as np
from PIL import Image

FORMATS = ("PNG", "JPEG", "MPO", "TIFF", "BMP", "DIB", "GIF", "WEBP", "AVIF", "PPM", "JPEG2000", "TGA", "ICO", "PCX")
"""MPO is what some telephones write as .jpg: the first of its pictures is the photo."""
SIXTEEN = frozenset(("I;16", "I;16L", "I;16B", "I;16N"))
ALPHA = frozenset(("LA", "La", "PA", "RGBA", "RGBa"))
PLAIN = frozenset(("1", "L", "P", "RGB", "RGBX", "CMYK", "YCbCr", "HSV"))
ORIENTATION = 0x0112  # of EXIF
TURNS = dict(
    enumerate(
        (
            Image.Transpose.FLIP_LEFT_RIGHT,
            Image.Transpose.ROTATE_180,
            Image.Transpose.FLIP_TOP_BOTTOM,
            Image.Transpose.TRANSPOSE,
            Image.Transpose.ROTATE_270,
            Image.Transpose.TRANSVERSE,
            Image.Transpose.ROTATE_90,
        ),
        start=2,
    )
)
BITS, PHOTOMETRIC, SAMPLE_FORMAT, LEAST, MOST = 258, 262, 339, 340, 341  # tags of TIFF


class UnknownPicture(ValueError):
    """A picture whose values have no one meaning as colours; the message names its kind."""


def open_picture(file: str | PathLike[str], *, exif: bool = True) -> Image.Image:
    """A picture of a file, in one of `FORMATS`, turned as its EXIF orientation says.

    Args:
        file: The file; what it is called does not count.
        exif: Turn and mirror it as the camera noted; off, it is left as its pixels are stored.

    Raises:
        OSError: It is none of these formats, or damaged.
        UnknownPicture: It holds several pictures.

    Example:
        >>> import tempfile
        >>> file = tempfile.mkdtemp() + "/cat.png"
        >>> Image.new("RGB", (4, 2)).save(file)
        >>> open_picture(file).size
        (4, 2)
    """
    with Image.open(file, formats=_known()) as picture:
        if picture.format != "MPO" and getattr(picture, "is_animated", False):
            frames = getattr(picture, "n_frames", "several")
            raise UnknownPicture(f"{picture.format} of {frames} pictures: give one picture a file")
        picture.load()
        turn = TURNS.get(picture.getexif().get(ORIENTATION, 1)) if exif else None
        kept = colours(picture)  # first: what is turned has no tags, which tell the range of values
        return kept if turn is None else kept.transpose(turn)


def _known() -> list[str]:
    """Those of `FORMATS` that this Pillow has: AVIF came with 11.3."""
    Image.init()
    return [name for name in FORMATS if name in Image.OPEN]


def colours(picture: Image.Image) -> Image.Image:
    """The picture in mode L or RGB (bytes), or F, gray in [0, 1], if it has more than 8 bits.

    Palettes become colours; what is transparent is laid over white; CMYK, YCbCr, HSV are converted by Pillow; 16-bit
    colours keep their upper 8 bits, as Pillow reads them. Gray of 9 to 16 bits is divided by the largest value that
    its bits have, unsigned 32 bits too; floating point is taken as it is in [0, 1], else scaled by the range that a
    TIFF declares.

    Raises:
        UnknownPicture: LAB; signed integers; floating point of no known range.

    Example:
        >>> colours(Image.new("RGBA", (1, 1), (255, 0, 0, 0))).getpixel((0, 0))
        (255, 255, 255)
        >>> colours(Image.new("LAB", (1, 1)))
        Traceback (most recent call last):
        spray.colour.reading.UnknownPicture: a picture of mode LAB: convert it to RGB first
    """
    mode, clear = picture.mode, "transparency" in picture.info
    if mode in SIXTEEN or mode in ("I", "F"):
        if clear:
            raise UnknownPicture(f"a picture of mode {mode} with a transparent value: convert it first")
        return Image.fromarray(_deep(picture))
    if mode not in ALPHA | PLAIN:
        raise UnknownPicture(f"a picture of mode {mode}: convert it to RGB first")
    if clear or mode in ALPHA or (mode == "P" and picture.palette and picture.palette.mode == "RGBA"):
        return _over_white(picture)
    if mode in ("1", "L"):
        return picture.convert("L")
    return picture.convert("RGB")


def _over_white(picture: Image.Image) -> Image.Image:
    gray = picture.mode in ("LA", "La", "1", "L")
    if picture.mode in ("La", "RGBa"):
        picture = picture.convert("RGBA" if picture.mode == "RGBa" else "LA")
    layer = picture.convert("RGBA")
    found = Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
    return found.convert("L" if gray else "RGB")


def _deep(picture: Image.Image) -> np.ndarray:
    """Gray of more than 8 bits, `(height, width)` in [0, 1]."""
    tags: Any = getattr(picture, "tag_v2", {})
    values = np.asarray(picture)
    if picture.mode == "F":
        return _scaled_float(values, tags)
    form, bits = int(_first(tags.get(SAMPLE_FORMAT, 1))), int(_first(tags.get(BITS, 16)))
    if form != 1:
        raise UnknownPicture(f"a picture of signed integers ({bits} bits): scale it to 0 and more first")
    if picture.mode == "I" and bits == 32:
        values = values.astype(np.int32).view(np.uint32)
    elif picture.mode == "I" and picture.format not in ("PNG", "PPM", "TIFF", "JPEG2000"):
        raise UnknownPicture("a picture of mode I (32-bit integers) whose range nobody declares: scale it first")
    most = 2**bits - 1
    if values.max(initial=0) > most or values.min(initial=0) < 0:
        raise UnknownPicture(f"a picture with values from {values.min()} to {values.max()}, of {bits} bits")
    gray = (values.astype(np.float64) / most).astype(np.float32)
    return 1 - gray if tags.get(PHOTOMETRIC) == 0 else gray  # "white is zero"


def _scaled_float(values: np.ndarray, tags: Any) -> np.ndarray:
    if not np.isfinite(values).all():
        raise UnknownPicture("a picture of floating point with values that are not finite")
    low, high = float(_first(tags.get(LEAST, 0.0))), float(_first(tags.get(MOST, 1.0)))
    if not low < high or values.min(initial=low) < low or values.max(initial=high) > high:
        raise UnknownPicture(
            f"a picture of floating point with values from {values.min():.3g} to {values.max():.3g}, which are neither "
            "in [0, 1] nor in a range that it declares: scale it first"
        )
    return ((values - low) / (high - low)).astype(np.float32)


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) else value


def as_bytes(picture: Image.Image) -> np.ndarray:
    """`(height, width, 3)` uint8 of what `open_picture` returned.

    Example:
        >>> as_bytes(Image.new("L", (2, 1), 7)).tolist()
        [[[7, 7, 7], [7, 7, 7]]]
    """
    if picture.mode == "F":
        gray = (np.asarray(picture) * 255).round().clip(0, 255).astype(np.uint8)
        return np.repeat(gray[..., None], 3, axis=2)
    return np.asarray(picture.convert("RGB"))
