"""Zarr folders whose codecs only unpack numbers and texts: one of numcodecs' unpickles, which runs its maker's code."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CODECS = frozenset(
    "adler32 bitround blosc bytes bz2 crc32 crc32c delta endian fixedscaleoffset fletcher32 gzip jenkins_lookup3 lz4 "
    "lzma packbits quantize sharding_indexed shuffle transpose vlen-bytes vlen-utf8 zlib zstd".split()
)
METADATA = (".zarray", ".zmetadata", "zarr.json")


def check_codecs(folder: Path) -> None:
    """Nothing, if all arrays of a Zarr folder, and what is consolidated of them, are packed by `CODECS`.

    Raises:
        ValueError: One is packed by another codec, or is not to be read.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> (folder / ".zarray").write_text('{"compressor": null, "filters": [{"id": "pickle"}]}')
        51
        >>> check_codecs(folder)
        Traceback (most recent call last):
        ValueError: ...zarray is packed by the codec 'pickle'; known are adler32, ...
    """
    for file in sorted(found for name in METADATA for found in folder.rglob(name)):
        try:
            used = list(_codecs(json.loads(file.read_text(encoding="utf-8"))))
        except (ValueError, RecursionError, OSError) as error:
            raise ValueError(f"{file} cannot be read: {error}") from error
        for name in used:
            if str(name).removeprefix("numcodecs.") not in CODECS:
                known = ", ".join(sorted(CODECS))
                raise ValueError(f"{file} is packed by the codec {name!r}; known are {known}")


def _codecs(metadata: Any) -> Iterator[Any]:
    """Names of all codecs that metadata of version 2 or 3 mention, also inside of others."""
    if isinstance(metadata, list):
        for value in metadata:
            yield from _codecs(value)
    if not isinstance(metadata, dict):
        return
    for key, value in metadata.items():
        if key in ("compressor", "filters", "codecs", "index_codecs"):
            for codec in value if isinstance(value, list) else [value]:
                yield from () if codec is None else _named(codec)
        yield from _codecs(value)


def _named(codec: Any) -> Iterator[Any]:
    yield codec.get("id", codec.get("name")) if isinstance(codec, dict) else codec
