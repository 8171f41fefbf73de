"""ViRelAy's image directories: which files, and how they are brought to one size."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from spray.colour.reading import as_bytes, open_picture
from spray.store import ProjectError

PADDING: dict[str, dict[str, Any]] = {
    "fill_zeros": {"mode": "constant"},
    "fill_ones": {"mode": "constant", "constant_values": 255},
    "edge_repeat": {"mode": "edge"},
    "mirror_edge": {"mode": "symmetric"},
    "wrap_around": {"mode": "wrap"},
}
UP, DOWN = ("none", *PADDING, "resize"), ("none", "center_crop", "resize")


def image_directory(
    path: Path, dataset: Mapping[str, Any]
) -> tuple[Callable[[int], np.ndarray], int, tuple[int, int, int]]:
    """How to read image i as (channel, height, width), the number of images, and their shape.

    Args:
        path: The directory.
        dataset: What project.yaml says of it.

    Returns:
        How to read image i, how many there are, and their shape.

    Raises:
        ProjectError: A sampling method is another word, an image is of another size, or there is none.
    """
    files = image_files(path)
    width, height = int(dataset["input_width"]), int(dataset["input_height"])
    up, down = str(dataset.get("up_sampling_method", "none")), str(dataset.get("down_sampling_method", "none"))
    if up not in UP or down not in DOWN:
        raise ProjectError(f"sampling methods {up!r}, {down!r} are not of {', '.join(UP)} and {', '.join(DOWN)}")

    def read(row: int) -> np.ndarray:
        fitted = fit(as_bytes(open_picture(files[row])), height, width, up, down)
        if fitted.shape != (height, width, 3):
            raise ProjectError(f"{files[row].name} is {fitted.shape[1]} x {fitted.shape[0]}, not {width} x {height}")
        return np.moveaxis(fitted, -1, 0)

    return read, len(files), (3, height, width)


def image_files(path: Path) -> list[Path]:
    """The files of the directory in their order: as its list of paths says if there is one, else by name.

    Args:
        path: The directory; `PATH_paths.txt` beside it may list its files.

    Returns:
        The files.

    Raises:
        ProjectError: A file is outside of the directory, or there is none.
    """
    listed = path.with_name(path.name + "_paths.txt")
    if not listed.exists():
        found = sorted(file for file in path.glob("**/*.*") if file.is_file())
    else:
        lines = (line.strip() for line in listed.read_text(encoding="utf-8").splitlines())
        found = sorted(path.parent / line for line in lines if line)
    root = path.resolve()
    if outside := [file for file in found if not file.resolve().is_relative_to(root)]:
        raise ProjectError(f"{listed if listed.exists() else path} leads out of {path}: {outside[0]}")
    if not found:
        raise ProjectError(f"{path} has no images in it")
    return found


def fit(image: np.ndarray, height: int, width: int, up: str, down: str) -> np.ndarray:
    """(height, width, 3) of an image of any size: first what is too large, then what is too small.

    Args:
        image: `(height, width, 3)`.
        height, width: What it shall be.
        up, down: ViRelAy's sampling methods.

    Returns:
        The image.

    Example:
        >>> import numpy as np
        >>> fit(np.ones((2, 2, 3), np.uint8), 4, 3, "fill_zeros", "none").sum(axis=2).tolist()
        [[0, 0, 0], [3, 3, 0], [3, 3, 0], [0, 0, 0]]
    """
    for axis, wanted in ((0, height), (1, width)):
        if image.shape[axis] > wanted and down == "center_crop":
            start = (image.shape[axis] - wanted) // 2
            image = image.take(range(start, start + wanted), axis=axis)
        elif image.shape[axis] < wanted and up in PADDING:
            missing = wanted - image.shape[axis]
            before = missing // 2
            pads = [(0, 0)] * 3
            pads[axis] = (before, missing - before)
            image = np.pad(image, pads, **PADDING[up])
    larger = image.shape[0] > height or image.shape[1] > width
    resize = (larger and down == "resize") or (not larger and up == "resize")
    if resize and image.shape[:2] != (height, width):
        image = np.asarray(Image.fromarray(image).resize((width, height), Image.Resampling.BILINEAR))
    return image
