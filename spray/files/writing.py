"""Writing a file: aside, flushed to the disk, then renamed. Nothing of ours writes otherwise; a test sees to it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from spray.files.interrupts import uninterrupted
from spray.files.links import gone, refuse_links
from spray.files.orphans import sweep_once, temporary_name

DEEPEST = 2  # folders of a project: cache/STAGE, analyses/NAME


@contextmanager
def replacing(path: Path, root: Path | None = None) -> Iterator[Path]:
    """A new empty file beside `path` to write to; it becomes `path` on success and is removed on any failure.

    What is written is on the disk before it has its name: also a power cut leaves the old file or the new one. What
    killed processes left in the project goes when it is next written to.

    Args:
        path: The file; its folder is made.
        root: The project, or another folder that the user named, in which `path` lies. None for the file's own folder.

    Returns:
        The file to write to; it is there, and nobody else's.

    Raises:
        ProjectError: `path` or a folder between it and `root` is a link, or there is no `root`.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "some.txt"
        >>> with replacing(path) as temporary:
        ...     _ = temporary.write_text("whole")
        >>> path.read_text()
        'whole'
    """
    refuse_links(path, root)
    make_folder(path.parent, root)
    sweep_once(root or path.parent, DEEPEST if root else 0)
    temporary = temporary_name(path)
    try:
        with uninterrupted():
            os.close(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666))
        yield temporary
        with uninterrupted():
            _flush(temporary)
            temporary.replace(path)
            with suppress(OSError):  # some file systems do not have it for folders
                _flush(path.parent)
    finally:
        with uninterrupted():
            temporary.unlink(missing_ok=True)


def make_folder(folder: Path, root: Path | None = None) -> None:
    """Make a folder, if it is not there. The project around it is: one that was moved away is not begun anew.

    Args:
        folder: To be made, with what is above it.
        root: As for `replacing`; above it nothing is made, unless `folder` is the root itself.

    Raises:
        ProjectError: There is no `root`.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> make_folder(root / "cache" / "claims", root)
        >>> make_folder(root / "gone" / "cache", root / "gone")
        Traceback (most recent call last):
        spray.files.links.ProjectError: there is no project at ...gone (any more): write project.json first, or ...
    """
    if root is None or folder == root:
        folder.mkdir(parents=True, exist_ok=True)
        return
    for place in (folder, *folder.parents)[: len(folder.relative_to(root).parts)][::-1]:
        try:
            place.mkdir(exist_ok=True)
        except FileNotFoundError:
            raise gone(root) from None


def _flush(path: Path) -> None:
    """Have the operating system write to the disk what it holds of a file or folder."""
    number = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def write_text(path: Path, text: str, root: Path | None = None) -> None:
    """Write a file of UTF-8, see `write_bytes`.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "some.txt"
        >>> write_text(path, "whole")
        >>> path.read_text()
        'whole'
    """
    write_bytes(path, text.encode(), root)


def write_bytes(path: Path, content: bytes, root: Path | None = None) -> None:
    """Write a file whose content is known; what a library writes goes through `replacing`.

    Args:
        path: The file; its folder is made.
        content: All of it.
        root: As for `replacing`.

    Raises:
        ProjectError: As for `replacing`.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "some.bin"
        >>> write_bytes(path, b"whole")
        >>> path.read_bytes()
        b'whole'
    """
    with replacing(path, root) as temporary:
        temporary.write_bytes(content)


def append(path: Path, content: bytes) -> None:
    """Add a few bytes to a file at once, made if missing: of many processes none loses what another one adds.

    Args:
        path: The file; its folder is there.
        content: At most a few bytes: they are not flushed, and may get lost at a power cut.

    Raises:
        OSError: The file is a link, or cannot be written to.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "some.hits"
        >>> append(path, b"."), append(path, b".")
        (None, None)
        >>> path.read_text()
        '..'
    """
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o666)
    try:
        os.write(number, content)
    finally:
        os.close(number)
