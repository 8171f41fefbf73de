"""Who works on which shard: file locks that a dead process gives up."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spray import store
from spray.files import claim, make_folder, refuse_links
from spray.store.netcdf import read_attrs

log = logging.getLogger(__name__)


@contextmanager
def claimed(path: Path, number: int) -> Iterator[bool]:
    """Whether a shard is ours to compute: not done, and no other process at it; it stays ours inside the `with`."""
    with held(path, f"{number:05d}") as ours:
        yield ours and not _done(path, number)


@contextmanager
def held(path: Path, name: str, seconds: float = 0) -> Iterator[bool]:
    """Whether what has this name in a project is ours inside the `with`, after waiting so long for who is at it."""
    file = path / "cache" / "claims" / f"{name}.lock"
    refuse_links(file, path)
    make_folder(file.parent, path)
    with claim(file, seconds, path) as ours:
        yield ours


def _done(path: Path, number: int) -> bool:
    """Whether a shard's file is there and as it was written: one that a failing disk damaged is computed again.

    Raises:
        Unreadable: It is locked or not ours to read: then it may be whole.
    """
    if (part := store.parts(path).get(number)) is None:
        return False
    try:
        read_attrs(part, remedy="it is computed again")
    except store.Unreadable:
        raise
    except store.ProjectError as error:
        log.warning("%s", error)
        return False
    return True
