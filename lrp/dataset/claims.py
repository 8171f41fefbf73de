"""Who works on which shard: file locks that a dead process gives up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from spray import store


@contextmanager
def claimed(path: Path, number: int) -> Iterator[bool]:
    """Whether a shard is ours to compute: not done, and no other process at it; it stays ours inside the `with`."""
    with claim(_claims(path) / f"{number:05d}.lock") as ours:
        yield ours and number not in store.parts(path)


@contextmanager
def claim(file: Path) -> Iterator[bool]:
    """Whether no other process holds this; the operating system drops the claim of one that dies."""
    lock = FileLock(file, timeout=0)
    try:
        lock.acquire()
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def project_lock(path: Path) -> FileLock:
    """For what only one process at a time may do in a project."""
    return FileLock(_claims(path) / "project.lock")


def _claims(path: Path) -> Path:
    folder = path / "cache" / "claims"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
