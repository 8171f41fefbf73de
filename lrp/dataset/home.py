"""The folder of a project, which somebody may move away while a run writes to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from spray.store import ProjectError


def staying(path: Path) -> Callable[[], None]:
    """A check that the folder at `path` still is the one that is there now.

    Whoever writes would make the folder anew, with a part or two and no project.json, and the run would end as if all
    were well.

    Raises:
        ProjectError: From the check: it was moved, deleted or replaced.

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp()) / "project"
        >>> folder.mkdir()
        >>> check = staying(folder)
        >>> check()
        >>> _ = folder.rename(folder.with_name("elsewhere"))
        >>> check()
        Traceback (most recent call last):
        spray.files.links.ProjectError: ...project was moved, deleted or replaced while this ran...
    """
    before = _identity(path)

    def check() -> None:
        if before is None or _identity(path) != before:
            raise ProjectError(
                f"{path} was moved, deleted or replaced while this ran, and nothing more is written there: run the "
                "same again with its new place to go on"
            )

    return check


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
