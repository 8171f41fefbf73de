"""The digest at the end of a file: whether its bytes are those that were written.

It lies behind the last byte that HDF5 knows of, where readers of netCDF ignore it, and is checked before HDF5 sees the
file, which a single flipped bit can make hang. A program that changes the file in place (HDF5 then cuts off what it
does not know) makes it one without a digest, which is read as it is.
"""

from functools import lru_cache
from pathlib import Path

import xxhash

from spray.files.links import ProjectError
from spray.files.writing import append

MARK = b"\nlrp-spray xxh3 "
LENGTH = len(MARK) + 32  # 128 bits in hexadecimal digits
BLOCK = 1 << 20


class DamagedFile(ProjectError):
    """A file whose bytes are not those that were written."""


def seal(path: Path) -> None:
    """Add the digest of a file to its end.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "some.nc"
        >>> _ = path.write_bytes(b"content")
        >>> seal(path)
        >>> path.read_bytes()
        b'content\\nlrp-spray xxh3 ...'
    """
    append(path, MARK + _digest(path, path.stat().st_size))


def check_seal(path: Path) -> None:
    """Nothing, if a file is as it was written, or has no digest; it is read once in the life of this process.

    A file that was changed or replaced since is checked again, as its size and times tell.

    Raises:
        DamagedFile: Content and digest differ.
        OSError: It cannot be read.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "some.nc"
        >>> _ = path.write_bytes(b"content")
        >>> seal(path)
        >>> check_seal(path)
        >>> _ = path.write_bytes(path.read_bytes().replace(b"content", b"kontent"))
        >>> check_seal(path)
        Traceback (most recent call last):
        spray.files.seals.DamagedFile: ...some.nc is damaged: its bytes are not those that were written
    """
    found = path.stat()
    # the time of the inode, which nobody can set, tells of a change that hides behind an old time
    _check(path, (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns))


@lru_cache(maxsize=1 << 16)
def _check(path: Path, state: tuple[int, ...]) -> None:
    size = state[2] - LENGTH
    if size < 0:
        return
    with path.open("rb") as file:
        file.seek(size)
        end = file.read(LENGTH)
    if end.startswith(MARK) and end != MARK + _digest(path, size):
        raise DamagedFile(f"{path} is damaged: its bytes are not those that were written")


def _digest(path: Path, size: int) -> bytes:
    """Of the first `size` bytes."""
    state = xxhash.xxh3_128()
    with path.open("rb", buffering=0) as file:
        while block := file.read(min(BLOCK, size)):
            state.update(block)
            size -= len(block)
    return state.hexdigest().encode()
