"""Pictures of every kind: right, or refused by name."""

from __future__ import annotations

import io
import re
import struct
from collections.abc import Callable, Iterator

import numpy as np
from PIL import Image, TiffImagePlugin

import lrp
from bench.faults.row import Found, Row, Setting
from spray.colour.reading import UnknownPicture

RAMP = np.linspace(0, 1, 12).reshape(3, 4)
BYTES = (RAMP * 255).round().astype(np.uint8)
RGB = np.stack([BYTES, BYTES[::-1], BYTES[:, ::-1]], axis=-1)


def saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    return buffer.getvalue()


def tiff(values: np.ndarray, **tags: object) -> bytes:
    """A TIFF by hand: Pillow writes neither 12 bits nor unsigned 32 bits."""
    bits, form, photometric = tags.get("bits", 8 * values.itemsize), tags.get("form", 1), tags.get("photometric", 1)
    data = tags.get("data", values.tobytes())
    assert isinstance(data, bytes)
    entries = [(256, 4, values.shape[1]), (257, 4, values.shape[0]), (258, 3, bits), (259, 3, 1)]
    entries += [(262, 3, photometric), (273, 4, 8), (277, 3, 1), (278, 4, values.shape[0]), (279, 4, len(data))]
    entries += [(339, 3, form)]
    packed = b"".join(struct.pack("<HHII", tag, kind, 1, value) for tag, kind, value in entries)
    return b"II*\0" + struct.pack("<I", 8 + len(data)) + data + struct.pack("<H", len(entries)) + packed + b"\0\0\0\0"


def twelve(values: np.ndarray) -> bytes:
    """Two values in three bytes."""
    rows = values.reshape(-1, 2).astype(int)
    return b"".join(bytes((a >> 4, (a & 15) << 4 | b >> 8, b & 255)) for a, b in rows)


def palette() -> Image.Image:
    picture = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4), "P")
    picture.putpalette(RGB.reshape(-1).tolist())
    return picture


def clear(mode: str) -> Image.Image:
    """The upper row is transparent, and black below."""
    alpha = Image.fromarray(np.where(np.arange(3)[:, None] == 0, 0, 255).astype(np.uint8).repeat(4, 1), "L")
    picture = Image.fromarray(np.where(np.arange(3)[:, None, None] == 0, 0, RGB).astype(np.uint8)).convert(mode[:-1])
    picture.putalpha(alpha)
    return picture


def float_tiff(values: np.ndarray, **declared: float) -> bytes:
    info = TiffImagePlugin.ImageFileDirectory_v2()
    for tag, value in {340: declared.get("low"), 341: declared.get("high")}.items():
        if value is not None:
            info.tagtype[tag] = 12
            info[tag] = value
    return saved(Image.fromarray(values.astype(np.float32)), "TIFF", tiffinfo=info)


WHITE_ABOVE = np.where(np.arange(3)[:, None, None] == 0, 255, RGB)
SIXTEEN = (RAMP * 65535).round().astype(np.uint16)

GRAY: dict[str, tuple[Callable[[], bytes], np.ndarray]] = {
    "1": (lambda: saved(Image.fromarray(BYTES > 100), "PNG"), (BYTES > 100) * 1.0),
    "L": (lambda: saved(Image.fromarray(BYTES), "PNG"), RAMP),
    "I;16 PNG": (lambda: saved(Image.fromarray(SIXTEEN), "PNG"), RAMP),
    "I;16 TIFF": (lambda: saved(Image.fromarray(SIXTEEN), "TIFF"), RAMP),
    "I;16B TIFF": (lambda: saved(Image.frombytes("I;16B", (4, 3), SIXTEEN.astype(">u2").tobytes()), "TIFF"), RAMP),
    "I;16 TIFF, white is zero": (lambda: tiff(SIXTEEN, photometric=0), 1 - RAMP),
    "I;16 PGM": (lambda: b"P5 4 3 65535\n" + SIXTEEN.astype(">u2").tobytes(), RAMP),
    "12 bits PGM": (lambda: b"P5 4 3 4095\n" + (RAMP * 4095).round().astype(">u2").tobytes(), RAMP),
    "12 bits TIFF": (lambda: tiff(SIXTEEN, bits=12, data=twelve((RAMP * 4095).round())), RAMP),
    "unsigned 32 bits TIFF": (lambda: tiff((RAMP * (2**32 - 1)).astype(np.uint32)), RAMP),
    "F TIFF": (lambda: float_tiff(RAMP), RAMP),
    "F TIFF that declares its range": (lambda: float_tiff(RAMP * 8 - 4, low=-4.0, high=4.0), RAMP),
}
COLOUR: dict[str, tuple[Callable[[], bytes], np.ndarray]] = {
    "RGB": (lambda: saved(Image.fromarray(RGB), "PNG"), RGB),
    "P": (lambda: saved(palette(), "PNG"), RGB),
    "P GIF": (lambda: saved(palette(), "GIF"), RGB),
    "P with transparency": (lambda: saved(palette(), "PNG", transparency=bytes([0] * 4 + [255] * 8)), WHITE_ABOVE),
    "RGBA": (lambda: saved(clear("RGBA"), "PNG"), WHITE_ABOVE),
    "RGB with a transparent colour": (
        lambda: saved(Image.fromarray(np.where(WHITE_ABOVE == 255, 0, RGB).astype(np.uint8)), "PNG"),
        np.where(WHITE_ABOVE == 255, 0, RGB),
    ),
    "CMYK TIFF": (lambda: saved(Image.fromarray(255 - np.dstack([RGB, 0 * RGB + 255])[..., :4], "CMYK"), "TIFF"), RGB),
    "RGBA TIFF": (lambda: saved(clear("RGBA"), "TIFF"), WHITE_ABOVE),
    "BMP": (lambda: saved(Image.fromarray(RGB), "BMP"), RGB),
    "WEBP": (lambda: saved(clear("RGBA"), "WEBP", lossless=True, exact=True), WHITE_ABOVE),
}
REFUSED: dict[str, tuple[Callable[[], bytes], str]] = {
    "LAB": (lambda: saved(Image.new("LAB", (4, 3)), "TIFF"), "mode LAB"),
    "signed 32 bits": (lambda: saved(Image.fromarray(np.full((3, 4), 70000, np.int32)), "TIFF"), "signed integers"),
    "signed 16 bits": (lambda: tiff(SIXTEEN.astype(np.int16), form=2), "signed integers"),
    "F beyond [0, 1]": (lambda: float_tiff(RAMP * 8 - 4), "neither in"),
    "F not finite": (lambda: float_tiff(RAMP * np.nan), "not finite"),
    "animated GIF": (
        lambda: saved(palette(), "GIF", save_all=True, append_images=[Image.new("P", (4, 3))]),
        "GIF of 2 pictures",
    ),
    "TIFF of two pages": (
        lambda: saved(Image.fromarray(BYTES), "TIFF", save_all=True, append_images=[Image.new("L", (4, 3))]),
        "TIFF of 2 pictures",
    ),
}


def pictures(setting: Setting) -> Iterator[Found]:
    """Each kind is read from a file of its own, as a dataset reads it."""
    right, refused = GRAY | COLOUR, REFUSED
    found = Found(f"{len(right) + len(refused)} kinds of pictures", "right or refused by name")
    for number, (kind, (make, expected)) in enumerate((right | refused).items()):
        folder = setting.folder / str(number)
        folder.mkdir()
        (folder / "some.png").write_bytes(make())
        try:
            image = lrp.open_images(folder, gray=kind in GRAY)[0][0].numpy()
        except UnknownPicture as error:
            named = kind in refused and re.search(str(expected), str(error))
            found.end("refused by name", "" if named else f"{kind} is refused: {error}")
            continue
        except Exception as error:
            found.end("", f"{kind}: {type(error).__name__}: {error}")
            continue
        if kind in refused:
            found.end("", f"{kind} is read")
            continue
        values = image[0] if kind in GRAY else image.transpose(1, 2, 0) * 255
        off = float(abs(values - expected).max())
        found.end("right", "" if off <= (0.003 if kind in GRAY else 1) else f"{kind} is off by {off:.3g}")
    yield found


ROW = Row("pictures", pictures)
