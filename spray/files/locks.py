"""The lock of a project: what reads a file, changes it and writes it is done by one process at a time."""

import fcntl
import math
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from spray.files.interrupts import uninterrupted
from spray.files.links import ProjectError, refuse_links

FILE = "project.lock"
MAKING = threading.Lock()  # two threads that make the one object of a file at once would make two


@contextmanager
def locked(project: Path, seconds: float = 60) -> Iterator[None]:
    """No other process and no other thread is inside `locked(project)`; in one thread it may be nested.

    The operating system drops the lock of a process that dies; the file stays and means nothing by itself.

    Args:
        project: Its folder; it is made.
        seconds: How long to wait.

    Raises:
        ProjectError: Somebody else has it for longer than `seconds`, or it is a link.
        OSError: The folder cannot be written to.

    Example:
        >>> import tempfile
        >>> project = Path(tempfile.mkdtemp())
        >>> with locked(project), locked(project):
        ...     print("ours")
        ours
    """
    file = project.resolve() / FILE
    refuse_links(file)
    file.parent.mkdir(parents=True, exist_ok=True)
    with MAKING:
        lock = FileLock(file, is_singleton=True)  # one object a file: that is what makes nesting in a thread possible
    with _claim(lock, seconds) as ours:
        if not ours:
            raise ProjectError(f"{file} has been locked by another process for {seconds:g} s: wait for it, or end it")
        yield


def claim(file: Path, seconds: float = math.inf) -> AbstractContextManager[bool]:
    """Whether `file` is ours inside the block, and no other's who claims it; a process that dies drops its claim.

    Args:
        file: Made if missing; its folder is there.
        seconds: How long to wait for it.

    Example:
        >>> import tempfile
        >>> file = Path(tempfile.mkdtemp()) / "some.lock"
        >>> with claim(file) as first, claim(file, 0) as second:
        ...     print(first, second)
        True False
    """
    return _claim(FileLock(file), seconds)


@contextmanager
def _claim(lock: FileLock, seconds: float) -> Iterator[bool]:
    end, ours = time.monotonic() + seconds, False
    try:
        while not ours:
            with uninterrupted():
                ours = _take(lock)
            if not ours and time.monotonic() >= end:
                break
            if not ours:
                time.sleep(0.05)
        yield ours
    finally:
        if ours:
            lock.release()


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
