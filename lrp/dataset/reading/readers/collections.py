"""Collections of pictures that torchvision knows."""

from __future__ import annotations

from torch.utils.data import Dataset

from lrp.dataset.reading.readers.pictures import Reading
from lrp.explain.axes import IMAGE


def open_collection(
    source: str, *, size: int | tuple[int, int] | None = None, gray: bool = False, exif: bool = True
) -> Dataset:
    """`torchvision:NAME:FOLDER`: nothing is downloaded.

    Raises:
        ValueError: torchvision has no such collection.
    """
    from lrp._torchvision import torchvision

    _, name, folder = (*source.split(":", 2), ".")[:3]
    make = getattr(torchvision().datasets, name, None)
    if make is None:
        raise ValueError(f"torchvision.datasets has no {name}")
    found = make(folder, transform=Reading(size, gray, exif))
    found.axes = IMAGE
    return found
