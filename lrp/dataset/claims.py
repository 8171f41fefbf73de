"""Who works on which shard: file locks that a dead process gives up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from spray import store
from spray.files import refuse_links, uninterrupted


@contextmanager
def claimed(path: Path, number: int) -> Iterator[bool]:
    """Whether a shard is ours to compute: not done, and no other process at it; it stays ours inside the `with`."""
    file = path / "cache" / "claims" / f"{number:05d}.lock"
    refuse_links(file, path)
    file.parent.mkdir(parents=True, exist_ok=True)
    with claim(file) as ours:
        yield ours and number not in store.parts(path)


@contextmanager
def claim(file: Path) -> Iterator[bool]:
    """Whether no other process holds this; the operating system drops the claim of one that dies."""
    lock = FileLock(file, timeout=0)
    try:
        with uninterrupted():
            ours = _take(lock)
        yield ours
    finally:
        lock.release()  # of what is not ours: nothing


def _take(lock: FileLock) -> bool:
    try:
        lock.acquire()
    except Timeout:
        return False
    return True
