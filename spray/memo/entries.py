"""What a folder remembers: to look at it, and to make it smaller."""

import os
import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from spray.files import refuse_links, remove, remove_orphans
from spray.memo.codec import Damaged, read_facts

ENTRY = re.compile(r"[0-9a-f]{32}\.nc")


class Entry(NamedTuple):
    """One remembered call."""

    stage: str
    parameters: dict[str, str]
    size: int  # bytes
    hits: int
    used: datetime  # last written or hit
    seconds: float  # that computing it took
    path: Path


def info(folder: str | os.PathLike[str]) -> list[Entry]:
    """What a folder remembers, the last used first. Damaged entries are left out.

    Args:
        folder: Of `memoize`.

    Returns:
        One entry for each remembered call.

    Example:
        >>> import tempfile
        >>> from spray.memo import memoize
        >>> folder = tempfile.mkdtemp()
        >>> for _ in range(3): _ = memoize(len, folder)("text")
        >>> [(entry.stage, entry.parameters, entry.hits) for entry in info(folder)]
        [('builtins.len', {'obj': "'text'"}, 2)]
    """
    found = [entry for path in Path(folder).glob("*/*.nc") if (entry := _entry(path))]
    return sorted(found, key=lambda entry: entry.used, reverse=True)


def _entry(path: Path) -> Entry | None:
    try:
        facts, size, (hits, used) = read_facts(path), path.stat().st_size, _uses(path)
    except (Damaged, OSError):
        return None
    when = datetime.fromtimestamp(used, UTC)
    return Entry(facts["stage"], facts["parameters"], size, hits, when, facts["seconds"], path)


def _uses(path: Path) -> tuple[int, float]:
    """Number of hits, and the time of the last one or of writing; a time in the future (a clock was wrong) is now."""
    written = path.stat().st_mtime
    try:
        hits = path.with_suffix(".hits").stat()
        number, used = hits.st_size, max(hits.st_mtime, written)
    except OSError:
        number, used = 0, written
    return number, min(used, time.time())


def prune(
    folder: str | os.PathLike[str], *, older_than: timedelta | None = None, max_size: int | None = None
) -> list[Path]:
    """Remove entries not used for `older_than`, then the least recently used ones until `max_size` bytes remain.

    What killed writers left behind goes as well. Returns what was removed. An entry that another process is about to
    read is computed again there: pruning is safe at any time. Other files than entries stay.

    Args:
        folder: Of `memoize`.
        older_than: None for any age.
        max_size: Bytes; None for any size.

    Returns:
        The files that were removed.

    Raises:
        ProjectError: `folder` or something in it is a link; nothing is removed then.

    Example:
        >>> import tempfile
        >>> from spray.memo import memoize
        >>> folder = tempfile.mkdtemp()
        >>> _ = memoize(len, folder)("text")
        >>> len(prune(folder, max_size=0)), info(folder)
        (1, [])
    """
    place, now = Path(folder), time.time()
    files = list(place.glob("*/*.nc"))
    for file in files:
        refuse_links(file, place.parent)
    entries = sorted(use for file in files if ENTRY.fullmatch(file.name) and (use := _use(file)))
    removed = [path for used, _, path in entries if older_than is not None and now - used > older_than.total_seconds()]
    if max_size is not None:
        kept = [(size, path) for _, size, path in entries if path not in removed]
        excess = sum(size for size, _ in kept) - max_size
        for size, path in kept:
            if excess <= 0:
                break
            removed.append(path)
            excess -= size
    for path in removed:
        for part in (path, path.with_suffix(".hits"), path.with_suffix(".lock")):
            remove(part, place.parent)
    return removed + remove_orphans(place, 1)


def _use(path: Path) -> tuple[float, int, Path] | None:
    """When an entry was last used, and its size; None if somebody else has removed it meanwhile."""
    try:
        return _uses(path)[1], path.stat().st_size, path
    except FileNotFoundError:
        return None
