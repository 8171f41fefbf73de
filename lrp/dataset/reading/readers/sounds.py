"""Folders of sounds: WAV files, by scipy, checked before it reads them."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np
import torch
from scipy.io import wavfile
from torch import Tensor

from lrp.dataset.reading.budget import within
from lrp.dataset.reading.readers.folders import Files, all_equal, named

SUFFIXES = (".wav",)
HEAD = struct.Struct("<4sI")
FORMAT = struct.Struct("<HHIIHH")
WHOLE = {"u": lambda values: (values - 128.0) / 128.0, "i": lambda values: values / 2.0 ** (8 * values.itemsize - 1)}
"""Integers as fractions of full scale; floats are such already."""


class Sound(NamedTuple):
    """What the head of a WAV file declares."""

    rate: int
    channels: int
    steps: int


@dataclass(frozen=True)
class Reading:
    """`length` steps in time: what is longer is cut at its end, what is shorter is silent behind its own."""

    length: int | None = None

    def open(self, file: Path) -> Tensor:
        """`(channel, time)`, full scale is 1.

        Raises:
            ValueError: It is no such file, holds nothing, or declares more than it has.
        """
        sound = declared(file)
        within(8 * sound.channels * sound.steps, file)
        _, values = wavfile.read(file)
        found = WHOLE.get(values.dtype.kind, lambda same: same)(values)
        found = torch.from_numpy(np.ascontiguousarray(found.reshape(len(values), -1).T, dtype=np.float32))
        if self.length is None:
            return found
        return torch.nn.functional.pad(found[:, : self.length], (0, max(0, self.length - found.shape[1])))


def open_sounds(folder: Path, *, length: int | None = None) -> Files:
    """WAV files of a folder as signals `(channel, time)`; the sampling rate is kept.

    Args:
        length: Steps in time of each, see `Reading`. None: as they are.

    Raises:
        ValueError: There are none, one is no WAV file, or they differ in their sampling rate or channels.
    """
    if length is not None and length < 1:
        raise ValueError(f"length must be positive, got {length}")
    names = named(folder, SUFFIXES)
    heads = {name: declared(folder / name) for name in names}
    rate = all_equal({name: head.rate for name, head in heads.items()}, "sampling rate", "resample them to one")
    all_equal(
        {name: head.channels for name, head in heads.items()}, "number of channels", "mix them down to one number"
    )
    reading, beside = Reading(length), {"sampling_rate": float(rate)}
    return Files(folder, names, reading.open, kind="signal", axes=("channel", "time"), beside=beside, reading=reading)


def declared(file: Path) -> Sound:
    """What a WAV file says of itself, if that can be.

    Raises:
        ValueError: It is none, holds no sound, or declares more than it has.
    """
    with file.open("rb") as stream:
        kind, _ = _head(stream, file)
        if kind != b"RIFF" or stream.read(4) != b"WAVE":
            raise ValueError(f"{file} is no WAV file: it does not begin as one")
        size, form = file.stat().st_size, None
        while True:
            name, length = _head(stream, file)
            if length > size - stream.tell():
                raise ValueError(
                    f"{file} declares {length} bytes of {name!r} and has {size - stream.tell()}: it is cut"
                )
            if name == b"data":
                break
            content = stream.read(length + length % 2)
            if name == b"fmt " and length >= FORMAT.size:
                form = FORMAT.unpack(content[: FORMAT.size])
    if form is None:
        raise ValueError(f"{file} is no WAV file: it does not say its format")
    _, channels, rate, _, block, _ = form
    if not (channels and rate and block) or length < block:
        raise ValueError(f"{file} holds no sound: {channels} channels, {rate} steps a second, {length} bytes")
    return Sound(rate, channels, length // block)


def _head(stream: BinaryIO, file: Path) -> tuple[bytes, int]:
    found = stream.read(HEAD.size)
    if len(found) < HEAD.size:
        raise ValueError(f"{file} is no WAV file, or cut: it ends before its sound begins")
    return HEAD.unpack(found)
