"""Who works on which shard: file locks that a dead process gives up."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from spray import store
from spray.files import claim, refuse_links


@contextmanager
def claimed(path: Path, number: int) -> Iterator[bool]:
    """Whether a shard is ours to compute: not done, and no other process at it; it stays ours inside the `with`."""
    file = path / "cache" / "claims" / f"{number:05d}.lock"
    refuse_links(file, path)
    file.parent.mkdir(parents=True, exist_ok=True)
    with claim(file, 0) as ours:
        yield ours and number not in store.parts(path)
