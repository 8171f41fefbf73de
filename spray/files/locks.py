"""The lock of a project: what reads a file, changes it and writes it is done by one process at a time."""

import fcntl
import math
import os
import random
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from spray.files.interrupts import uninterrupted
from spray.files.links import ProjectError, gone, refuse_links

FILE = "project.lock"
MAKING = threading.Lock()  # two threads that make the one object of a file at once would make two
PAUSE, SHORTEST = 0.02, 0.004  # seconds between two looks at a lock that another one has
RELEASED: dict[Path, float] = {}  # lock -> when this process gave it up last


@contextmanager
def locked(project: Path, seconds: float = 60) -> Iterator[None]:
    """No other process and no other thread is inside `locked(project)`; in one thread it may be nested.

    The operating system drops the lock of a process that dies; the file stays and means nothing by itself. Whoever
    takes the lock again at once lets those who wait for it look first, else they might wait for ever.

    Args:
        project: Its folder, which is there.
        seconds: How long to wait, counted from the last time that it changed hands.

    Raises:
        ProjectError: Somebody else has it for longer than `seconds`, or it is a link, or there is no such folder.
        OSError: The folder cannot be written to.

    Example:
        >>> import tempfile
        >>> project = Path(tempfile.mkdtemp())
        >>> with locked(project), locked(project):
        ...     print("ours")
        ours
    """
    folder = project.resolve()
    file = folder / FILE
    refuse_links(file)
    with MAKING:
        lock = FileLock(file, is_singleton=True)  # one object a file: that is what makes nesting in a thread possible
    nested = lock.is_locked
    if not nested:
        time.sleep(max(0.0, RELEASED.get(file, -math.inf) + PAUSE - time.monotonic()))
    try:
        with _claim(lock, seconds, folder) as ours:
            if not ours:
                raise ProjectError(
                    f"{file} has been locked by another process for {seconds:g} s: wait for it, or end it"
                )
            with suppress(OSError):  # of somebody else
                os.utime(file)  # so that who waits sees that it changes hands
            yield
    finally:
        if not nested:
            RELEASED[file] = time.monotonic()


def claim(file: Path, seconds: float = math.inf, root: Path | None = None) -> AbstractContextManager[bool]:
    """Whether `file` is ours inside the block, and no other's who claims it; a process that dies drops its claim.

    Args:
        file: Made if missing; its folder is there.
        seconds: How long to wait for it.
        root: The project in which it lies; one that was moved away meanwhile is not begun anew.

    Raises:
        ProjectError: From entering the block: `root` is not there any more.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "some.lock"
        >>> with claim(file) as first, claim(file, 0) as second:
        ...     print(first, second)
        True False
    """
    return _claim(FileLock(file), seconds, root)


@contextmanager
def _claim(lock: FileLock, seconds: float, root: Path | None) -> Iterator[bool]:
    start, ours, home = time.monotonic(), False, _identity(root)
    since, taken = start, _taken(lock)
    if root is not None and home is None:
        raise gone(root)
    try:
        while not ours:
            with uninterrupted():
                ours = _take(lock)
            if root is not None and _identity(root) != home:
                _remove_new(Path(lock.lock_file), root)
                raise gone(root)
            now = time.monotonic()
            if (other := _taken(lock)) != taken:  # it was free, and somebody else was faster
                since, taken = now, other
            if not ours and now - since >= seconds:
                break
            if not ours:  # who has waited longest looks most often, so that it is first
                time.sleep(max(SHORTEST, PAUSE / (1 + 4 * (now - start))) * random.uniform(0.5, 1))
        yield ours
    finally:
        if ours:
            lock.release()


def _remove_new(file: Path, root: Path) -> None:
    """Remove a lock's file with its folders, if nothing else is in `root`: the library made them anew."""
    with suppress(OSError):
        if not any(place != file and not place.is_dir() for place in root.rglob("*")):
            file.unlink()
            for folder in (file, *file.parents)[1 : len(file.relative_to(root).parts) + 1]:
                folder.rmdir()


def _taken(lock: FileLock) -> int:
    """What changes whenever somebody takes a project's lock."""
    try:
        return Path(lock.lock_file).stat().st_mtime_ns
    except OSError:
        return 0


def _identity(folder: Path | None) -> tuple[int, int] | None:
    """What a folder is, wherever it is; None if it is not there."""
    with suppress(OSError):
        if folder is not None:
            found = folder.stat()
            return found.st_dev, found.st_ino
    return None


def _take(lock: FileLock) -> bool:
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return False
    return True


def unreadable(path: Path) -> str:
    """Why no program could read a file now, whatever is in it; the library calls all of that an HDF error."""
    locking = "set HDF5_USE_FILE_LOCKING=FALSE"
    try:
        with path.open("rb") as file:
            file.read(1)
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # as HDF5 does
    except BlockingIOError:
        return f"another program has it open; close it there, or {locking}"
    except PermissionError:
        return "you have no permission to read it"
    except OSError as error:
        return f"{error.strerror}; if its file system has no locks, {locking}"
    return ""
