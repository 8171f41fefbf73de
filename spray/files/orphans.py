"""Temporary files whose writer was killed: a name tells who writes it, and what nobody writes any more is removed."""

import hashlib
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from stat import S_ISREG

NAME = re.compile(r"\..*\.(?P<host>[0-9a-f]{8})-(?P<process>\d{1,9})-(?P<start>\d{1,18})-[0-9a-f]{16}\.tmp")
OLD_NAME = re.compile(r"\..*\.\d+-[0-9a-f]{1,8}\.tmp")  # of versions up to 0.2
ABANDONED = 24 * 3600
"""Seconds without a change after which a file of another machine is nobody's: we cannot see its processes."""


def temporary_name(path: Path) -> Path:
    """A name beside `path` that is nobody else's, and that tells machine, process and start of the process.

    Example:
        >>> temporary_name(Path("some.nc")).name
        '.some.nc....tmp'
    """
    process = os.getpid()
    # 40 characters: the whole must not be longer than file systems allow
    return path.with_name(f".{path.name[:40]}.{_host()}-{process}-{_start(process)}-{secrets.token_hex(8)}.tmp")


@lru_cache(maxsize=1)
def _host() -> str:
    """What has process numbers of its own: one machine since it started, or one container on it."""
    facts = [os.uname().nodename]
    with suppress(OSError):  # there is no /proc elsewhere than on Linux
        facts += [Path("/proc/sys/kernel/random/boot_id").read_text(), str(Path("/proc/self/ns/pid").readlink())]
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()[:8]


def _start(process: int) -> int | None:
    """When a process started, in ticks since the machine did; None if it is gone, 0 if that cannot be told."""
    try:
        # the name of the program is in parentheses and may hold anything
        state, *fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:  # gone, or of somebody else on a machine that hides those, or there is no /proc
        return 0 if _answers(process) else None
    return None if state in "ZX" else int(fields[18])


def _answers(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def remove_orphans(folder: Path, depth: int = 0) -> list[Path]:
    """Remove temporary files whose process is gone; those of other machines when they have not changed for a day.

    Args:
        folder: Where to look.
        depth: How many folders deep to look as well. Links are not followed.

    Returns:
        What was removed.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> ours, gone = temporary_name(folder / "a.nc"), folder / f".b.nc.{_host()}-1-1-0123456789abcdef.tmp"
        >>> ours.touch(), gone.touch()
        (None, None)
        >>> [path.name[:6] for path in remove_orphans(folder)]
        ['.b.nc.']
    """
    removed = [Path(entry) for entry in _entries(folder, depth) if _is_orphan(entry)]
    for path in removed:
        with suppress(OSError):  # a read-only project, or somebody else was faster
            path.unlink(missing_ok=True)
    return removed


@lru_cache(maxsize=1024)
def sweep_once(folder: Path, depth: int) -> None:
    """`remove_orphans`, once in the life of this process: looking through a project at every file would take long."""
    remove_orphans(folder, depth)


def _entries(folder: Path, depth: int) -> Iterator[os.DirEntry]:
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            yield entry
            if depth and entry.is_dir(follow_symlinks=False):
                yield from _entries(Path(entry), depth - 1)


def _is_orphan(entry: os.DirEntry) -> bool:
    match = NAME.fullmatch(entry.name)
    if not match and not OLD_NAME.fullmatch(entry.name):
        return False
    try:
        found = entry.stat(follow_symlinks=False)
    except OSError:
        return False
    if not S_ISREG(found.st_mode):
        return False
    if match and match["host"] == _host():
        return _start(int(match["process"])) not in (int(match["start"]), 0)
    return time.time() - found.st_mtime > ABANDONED  # a time in the future is no age
