"""Links in a project lead out of it: through them nothing is written and nothing is deleted.

A project may come from a stranger, and archives, git and shared folders keep links. What the user names, the root of a
project, may be one.
"""

from pathlib import Path


class ProjectError(ValueError):
    """A project folder or one of its files is not what it should be; the message names value, place and remedy."""


class Unreadable(ProjectError):
    """A file that is locked by another program, or that we may not read: nothing is said of its content."""


def refuse_links(path: Path, root: Path | None = None) -> None:
    """Nothing, if neither `path` nor a folder between it and `root` is a link.

    Args:
        path: What is to be written or deleted; it need not be there.
        root: The folder that the user named, in which it lies. None for the file's own.

    Raises:
        ProjectError: One of them is a link.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> (root / "cache").symlink_to("/etc")
        >>> refuse_links(root / "cache" / "some.nc", root)
        Traceback (most recent call last):
        spray.files.links.ProjectError: ...cache is a link to /etc, and nothing is written or deleted through links...
    """
    inner = path.relative_to(path.parent if root is None else root)
    for place in (path, *path.parents)[: len(inner.parts)][::-1]:
        if place.is_symlink():
            raise ProjectError(
                f"{place} is a link to {place.readlink()}, and nothing is written or deleted through links in a "
                "project: put a file or folder in its place"
            )


def within(path: Path, root: Path) -> Path:
    """`path`, if it is a file or folder of the project: a link out of it would show a stranger's page our own files.

    Args:
        path: What is to be read; it need not be there.
        root: The folder that the user named.

    Raises:
        ProjectError: It leads elsewhere.

    Example:
        >>> import tempfile
        >>> root = Path(tempfile.mkdtemp())
        >>> (root / "project.json").symlink_to("/etc/hostname")
        >>> within(root / "project.json", root)
        Traceback (most recent call last):
        spray.files.links.ProjectError: ...project.json is a link to /etc/hostname, which leads out of the project: ...
    """
    for place in (path, *path.parents):
        if place == root:
            break
        if place.is_symlink():  # looked at first: resolving thousands of parts takes long
            if not path.resolve().is_relative_to(root.resolve()):
                where = f"{place} is a link to {place.readlink()}, which leads out of the project"
                raise ProjectError(f"{where}: put what it leads to in its place")
            break
    return path


def gone(root: Path) -> ProjectError:
    """What to raise where a project should be, and is not: it may have been moved while this ran."""
    return ProjectError(f"there is no project at {root} (any more): write project.json first, or name its new place")


def remove(path: Path, root: Path | None = None) -> None:
    """Delete a file, if it is there.

    Args:
        path: The file.
        root: As for `refuse_links`.

    Raises:
        ProjectError: It is a link, or lies beyond one.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "some.txt"
        >>> path.touch()
        >>> remove(path)
        >>> path.exists()
        False
    """
    refuse_links(path, root)
    path.unlink(missing_ok=True)
