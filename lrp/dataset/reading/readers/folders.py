"""Folders of files, a sample each: subfolders are the classes."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from torch import Tensor
from torch.utils.data import Dataset


class Files(Dataset):
    """Files of a folder in alphabetical order; its subfolders are the classes, without any the label is -1.

    Args:
        folder: Where they are.
        names: Of the files, or of folders that are a sample each, from there.
        read: From a path to a sample.
        kind, axes, beside: What samples are, see `lrp.dataset.beside`.
        reading: Options by which they are read, a dataclass: a resumed run compares them.
    """

    def __init__(
        self,
        folder: Path,
        names: Iterable[str],
        read: Callable[[Path], Tensor],
        *,
        kind: str,
        axes: tuple[str, ...],
        beside: Mapping[str, Any] | None = None,
        reading: Any = None,
    ):
        self.folder, self.read, self.reading = folder, read, reading
        self.kind, self.axes, self.beside = kind, axes, dict(beside or {})
        parts = {name: name.split("/") for name in sorted(names)}
        self.classes = sorted({first for first, *rest in parts.values() if rest})
        number = {name: at for at, name in enumerate(self.classes)}
        self.samples = [(name, number[first] if rest else -1) for name, (first, *rest) in parts.items()]

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> tuple[Tensor, int, dict[str, str]]:
        name, label = self.samples[index]
        found = self.read(self.folder / name)
        return found, label, {"file": os.fsencode(name).decode("utf-8", "backslashreplace")}  # of any bytes


def named(folder: Path, suffixes: Iterable[str]) -> list[str]:
    """Files that end so, from the folder.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / "b.WAV").write_text(""), (folder / "a.txt").write_text("")
        (0, 0)
        >>> named(folder, [".wav"])
        ['b.WAV']
    """
    ends = tuple(suffixes)
    found = (file for file in folder.rglob("*") if file.name.lower().endswith(ends) and file.is_file())
    return sorted(file.relative_to(folder).as_posix() for file in found)


def all_equal(facts: Mapping[str, Any], what: str, remedy: str) -> Any:
    """The one value that all files have.

    Raises:
        ValueError: Two differ; the message names them.

    Example:
        >>> all_equal({"a.wav": 8000, "b.wav": 16000}, "sampling rate", "resample")
        Traceback (most recent call last):
        ValueError: a.wav has the sampling rate 8000, b.wav has 16000: resample
    """
    (first, value), *others = facts.items()
    for name, other in others:
        if other != value:
            raise ValueError(f"{first} has the {what} {value}, {name} has {other}: {remedy}")
    return value
