"""What people found: named sets of samples with notes and tags, kept in the project as `findings.json`.

Any number of people and processes keep findings at once: each change reads the file, changes it and writes it under the
project's lock. What was deleted stays in the file, and comes back by `undelete`.
"""

import getpass
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from spray.files import ProjectError, as_json, from_json, locked, within, write_text

FILE = "findings.json"
MOST_FINDINGS, LONGEST_TEXT = 1000, 10_000
PATIENCE = 10  # seconds to wait for the project's lock: all visitors of a server wait meanwhile
TEXTS = ("name", "text", "analysis", "category", "created", "author")


@dataclass(frozen=True)
class Finding:
    name: str
    text: str = ""
    tags: tuple[str, ...] = ()
    analysis: str = ""
    category: str = ""
    samples: tuple[int, ...] = ()
    created: str = ""
    """ISO time in UTC."""
    author: str = ""

    @property
    def ids(self) -> np.ndarray:
        return np.array(self.samples, np.int64)


@dataclass(frozen=True)
class Kept:
    """All that the file holds."""

    findings: dict[str, Finding]
    deleted: tuple[Finding, ...] = ()
    """The last one deleted comes last."""


def load(project: Path) -> dict[str, Finding]:
    """Name -> finding, in the order they were made; ProjectError for a file that is not one of ours."""
    return read(project).findings


def read(project: Path) -> Kept:
    """What is kept, and what was deleted.

    Raises:
        ProjectError: The file is not one of ours, or is a link out of the project.
    """
    file = within(project / FILE, project)
    try:
        content = from_json(file.read_text(encoding="utf-8"), file)
        deleted = content.get("deleted", ())  # there was none in files up to version 0.2
        return Kept(_named(map(_checked, content["findings"])), tuple(map(_checked, deleted)))
    except FileNotFoundError:
        return Kept({})
    except ProjectError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProjectError(f"{file} cannot be read ({error!r}): repair it or move it away") from error


def stamp(project: Path) -> tuple[int, ...]:
    """What changes whenever anybody changes what is kept; empty while nothing is."""
    try:
        found = (project / FILE).stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _checked(entry: dict[str, Any]) -> Finding:
    texts = {name: str(entry.get(name, ""))[:LONGEST_TEXT] for name in TEXTS}
    return Finding(
        **texts, tags=tuple(map(str, entry.get("tags", ()))), samples=tuple(map(int, entry.get("samples", ())))
    )


def _named(found: Iterable[Finding]) -> dict[str, Finding]:
    """Findings by name; one whose name is taken gets a number, so that none hides another."""
    named: dict[str, Finding] = {}
    for finding in found:
        name = free_name(finding.name, named)
        named[name] = replace(finding, name=name)
    return named


def free_name(name: str, taken: Mapping[str, Any]) -> str:
    """`name`, with a number if it is taken.

    >>> free_name("bar", {"bar": 1, "bar (2)": 1})
    'bar (3)'
    """
    number, free = 2, name
    while free in taken:
        free, number = f"{name} ({number})", number + 1
    return free


def keep(project: Path, finding: Finding) -> str:
    """Add a finding; the name under which it is kept, which has a number if there is another of this name.

    Who runs this process is the author if none is given.

    Raises:
        ValueError: It has no name, a text is too long, or there are too many findings.
        ProjectError: The file is not one of ours, or cannot be written.

    >>> import tempfile
    >>> project = Path(tempfile.mkdtemp())
    >>> keep(project, Finding("bar")), keep(project, Finding("bar"))
    ('bar', 'bar (2)')
    """
    name = finding.name.strip()
    if not name:
        raise ValueError("a finding needs a name")
    if max(len(name), len(finding.text), len(finding.author)) > LONGEST_TEXT:
        raise ValueError(f"a name or note has at most {LONGEST_TEXT} characters")
    made = replace(finding, name=name, created=now(), author=finding.author.strip() or user())
    return list(_change(project, lambda kept: _added(kept, made)).findings)[-1]


def rename(project: Path, old: str, new: str) -> None:
    """Call a finding otherwise, in its place.

    Raises:
        ValueError: There is one of this name already, or the name is empty or too long.
        ProjectError: As for `keep`.
    """
    new = new.strip()
    if not new or len(new) > LONGEST_TEXT:
        raise ValueError(f"a name has 1 to {LONGEST_TEXT} characters")

    def renamed(kept: Kept) -> Kept:
        if new != old and new in kept.findings:
            raise ValueError(f"there is a finding {new!r} already")
        found = (replace(f, name=new) if f.name == old else f for f in kept.findings.values())
        return replace(kept, findings=_named(found))

    _change(project, renamed)


def move(project: Path, name: str, by: int) -> None:
    """Put a finding `by` places later, or earlier, among the others; not beyond their ends.

    >>> import tempfile
    >>> project = Path(tempfile.mkdtemp())
    >>> names = [keep(project, Finding(name)) for name in "abc"]
    >>> move(project, "c", -1)
    >>> list(load(project))
    ['a', 'c', 'b']
    """

    def moved(kept: Kept) -> Kept:
        names = list(kept.findings)
        if name in names:
            at = names.index(name)
            names.insert(max(0, at + by), names.pop(at))
        return replace(kept, findings={one: kept.findings[one] for one in names})

    _change(project, moved)


def drop(project: Path, name: str) -> None:
    """Delete a finding; `undelete` brings it back."""

    def dropped(kept: Kept) -> Kept:
        left = dict(kept.findings)
        gone = [left.pop(name)] if name in left else []
        return Kept(left, (*kept.deleted, *gone)[-MOST_FINDINGS:])

    _change(project, dropped)


def undelete(project: Path, name: str) -> str:
    """Bring back the finding of this name that was deleted last; the name under which it is kept.

    Raises:
        ValueError: None of this name was deleted.
        ProjectError: As for `keep`.

    >>> import tempfile
    >>> project = Path(tempfile.mkdtemp())
    >>> name = keep(project, Finding("bar", "on the left"))
    >>> drop(project, name)
    >>> undelete(project, name), load(project)["bar"].text
    ('bar', 'on the left')
    """

    def restored(kept: Kept) -> Kept:
        at = max((at for at, finding in enumerate(kept.deleted) if finding.name == name), default=None)
        if at is None:
            raise ValueError(f"no finding {name!r} was deleted")
        deleted = kept.deleted[:at] + kept.deleted[at + 1 :]
        return _added(Kept(kept.findings, deleted), kept.deleted[at])

    return list(_change(project, restored).findings)[-1]


def _added(kept: Kept, finding: Finding) -> Kept:
    if len(kept.findings) >= MOST_FINDINGS:
        raise ValueError(f"a project keeps at most {MOST_FINDINGS} findings")
    return replace(kept, findings=_named([*kept.findings.values(), finding]))


def _change(project: Path, change: Callable[[Kept], Kept]) -> Kept:
    """Read, change and write while nobody else does; what is kept then."""
    try:
        with locked(project, PATIENCE):
            before = read(project)
            if (after := change(before)) != before or list(after.findings) != list(before.findings):
                _write(project, after)
            return after
    except OSError as error:
        raise ProjectError(f"findings cannot be kept in {project}: {error}") from error


def _write(project: Path, kept: Kept) -> None:
    lists = {"findings": kept.findings.values(), "deleted": kept.deleted}
    content = {name: list(map(vars, found)) for name, found in lists.items() if found or name == "findings"}
    write_text(project / FILE, as_json(content, indent=1), project)


def user() -> str:
    """Who runs this process; nothing where that cannot be told."""
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):  # a container whose user has no name
        return ""


def now() -> str:
    """ISO time in UTC, in seconds."""
    return datetime.now(UTC).isoformat("T", "seconds")


def tags(text: str) -> tuple[str, ...]:
    """Tags as people write them, with commas between.

    >>> tags("watermark,  bottom left ,")
    ('watermark', 'bottom left')
    """
    return tuple(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))
