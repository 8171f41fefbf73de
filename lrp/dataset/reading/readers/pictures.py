"""Folders of pictures."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image
from torch import Tensor

from lrp.dataset.reading.readers.folders import Files, named
from lrp.dataset.reading.samples import pixels
from lrp.explain.axes import IMAGE
from spray.colour.reading import FORMATS, colours, open_picture

SUFFIXES = frozenset(end for end, kind in Image.registered_extensions().items() if kind in FORMATS)


@dataclass(frozen=True)
class Reading:
    """How a picture is read: scaled until it just covers `size`, its middle cropped, in colour or gray."""

    size: int | tuple[int, int] | None = None
    gray: bool = False
    exif: bool = True

    def __call__(self, picture: Image.Image) -> Tensor:
        """`(channel, height, width)` in [0, 1]."""
        return self._read(colours(picture))

    def _read(self, picture: Image.Image) -> Tensor:
        deep = picture.mode == "F"  # gray of more than 8 bits
        values = pixels(self._fitted(picture if deep else picture.convert("L" if self.gray else "RGB")))
        return values.clamp(0, 1).expand(3, -1, -1).clone() if deep and not self.gray else values.clamp(0, 1)

    def _fitted(self, picture: Image.Image) -> Image.Image:
        if self.size is None:
            return picture
        height, width = (self.size, self.size) if isinstance(self.size, int) else self.size
        scale = max(height / picture.height, width / picture.width)
        scaled = picture.resize((max(width, round(picture.width * scale)), max(height, round(picture.height * scale))))
        left, top = (scaled.width - width) // 2, (scaled.height - height) // 2
        return scaled.crop((left, top, left + width, top + height))

    def open(self, file: Path) -> Tensor:
        """Read a file."""
        return self._read(open_picture(file, exif=self.exif))


def open_pictures(
    folder: Path, *, size: int | tuple[int, int] | None = None, gray: bool = False, exif: bool = True
) -> Files:
    """Pictures of a folder, in [0, 1]; see `Reading`.

    Raises:
        ValueError: There are none.
    """
    reading = Reading(size, gray, exif)
    if not (names := named(folder, SUFFIXES)):
        raise ValueError(f"{folder} holds no pictures (.png, .jpg, ...), nor do its subfolders")
    return Files(folder, names, reading.open, kind="image", axes=IMAGE, reading=reading)
