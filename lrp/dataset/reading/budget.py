"""What a file declares, against what there is: a stranger's file may claim any size."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

from spray.files import ProjectError
from spray.store.netcdf import affordable


def within(size: float, file: Path | str) -> None:
    """Nothing, if this computer has memory for so many bytes, which a file declares.

    Raises:
        ValueError: It has not; the message names the file.

    Example:
        >>> within(1e18, "scan.nii")
        Traceback (most recent call last):
        ValueError: scan.nii: 1000000000.0 GB asked for at once, and this computer has ... GB in all
    """
    try:
        affordable(int(size))
    except ProjectError as error:
        raise ValueError(f"{file}: {error}") from None


def needed(library: str, path: Path, extra: str = "") -> Any:
    """A module that not everybody has.

    Raises:
        ValueError: It is not installed; the message says how to install it.
    """
    try:
        return import_module(library)
    except ImportError as error:
        wanted = f"'lrp-spray[{extra}]'" if extra else library
        raise ValueError(f"reading {path} needs {library.partition('.')[0]}: pip install {wanted}") from error
