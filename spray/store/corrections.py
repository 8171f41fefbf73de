"""Corrections that people ask for: a queue in the project, `corrections.json`, worked off by `lrp correct --watch`.

A request says what to correct and how, never by which program or where to: whoever starts the worker says that. What a
worker makes lies in `corrections/NUMBER`, a project of the same samples. A worker holds a lock while it works, which
the operating system drops if it dies: the request is then still open, and the next worker does it.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from spray.files import ProjectError, as_json, claim, from_json, locked, make_folder, within, write_text
from spray.store import findings

FILE, FOLDER, REPORT = "corrections.json", "corrections", "correction.nc"
"""The queue, the folder of what came of it, and the file of a corrected project that holds the report."""
MOST, LONGEST = 200, 1000  # requests, and characters of a text
LAYER = re.compile(r"[\w.\-]{1,200}")
OPEN, DONE, FAILED = "open", "done", "failed"

METHODS: Mapping[str, str] = {
    "auto": "the best of five, each tried",
    "paste": "train with the located artefact on everything: it is in one place",
    "exchange": "train with the artefact exchanged between samples: it is all over the input",
    "insensitive": "train until the class does not change along the direction (RR-ClArC)",
    "right-reasons": "train until the gradient leaves the located place (RRR)",
    "augment": "train with the artefact's component on every activation (A-ClArC)",
    "project": "no training: the component is set to that of clean samples (P-ClArC)",
    "last-layer": "the last layer anew, on balanced groups (DFR)",
    "prune": "shrink weights that clean data do not need (EGEM)",
}
"""What can be asked for."""


@dataclass(frozen=True)
class Request:
    """A correction of a finding; `said` is why it failed, or what was chosen."""

    number: int
    finding: str
    layer: str = "auto"
    method: str = "auto"
    author: str = ""
    created: str = ""
    state: str = OPEN
    said: str = ""


def read(project: Path) -> tuple[Request, ...]:
    """All requests, the first one first.

    Raises:
        ProjectError: The file is not one of ours, or is a link out of the project.
    """
    file = within(project / FILE, project)
    try:
        found = tuple(_checked(entry) for entry in from_json(file.read_text(encoding="utf-8"), file)["requests"])
    except FileNotFoundError:
        return ()
    except ProjectError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ProjectError(f"{file} cannot be read ({error!r}): repair it or move it away") from error
    if len({one.number for one in found}) < len(found) or len(found) > MOST:
        raise ProjectError(f"{file} has too many requests, or two of one number: repair it or move it away")
    return found


def _checked(entry: Mapping[str, Any]) -> Request:
    number = entry["number"]
    if isinstance(number, bool) or not isinstance(number, int) or not 0 < number < 1_000_000_000:
        raise ValueError(f"a request has number {number!r}")
    texts = {name: str(entry[name])[:LONGEST] for name in Request.__annotations__ if name in entry and name != "number"}
    return Request(number, **texts)


def stamp(project: Path) -> tuple[int, ...]:
    """What changes whenever the queue does; empty while there is none."""
    try:
        found = (project / FILE).stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def ask(project: Path, finding: str, layer: str = "auto", method: str = "auto", author: str = "") -> int:
    """Add a request; its number. One that is open already is not asked for twice.

    Raises:
        ValueError: There is no such finding or method, no layer is called so, or there are too many requests.
        ProjectError: The file is not one of ours, or cannot be written.

    >>> import tempfile
    >>> project = Path(tempfile.mkdtemp())
    >>> name = findings.keep(project, findings.Finding("box", samples=(1, 2)))
    >>> ask(project, "box", "features.3"), ask(project, "box", "features.3"), ask(project, "box")
    (1, 1, 2)
    """
    wanted = Request(0, finding, layer, method, author.strip()[:LONGEST] or findings.user(), findings.now())
    if problem := refused(project, wanted):
        raise ValueError(problem)

    def added(kept: tuple[Request, ...]) -> tuple[Request, ...]:
        if _same(kept, wanted):
            return kept
        if len(kept) >= MOST:
            raise ValueError(f"a project keeps at most {MOST} corrections: delete {FILE}, and what is in {FOLDER}")
        return (*kept, replace(wanted, number=max((one.number for one in kept), default=0) + 1))

    return _same(_change(project, added), wanted)[-1].number


def _same(kept: tuple[Request, ...], wanted: Request) -> list[Request]:
    return [
        one
        for one in kept
        if one.state == OPEN and (one.finding, one.layer, one.method) == (wanted.finding, wanted.layer, wanted.method)
    ]


def refused(project: Path, request: Request) -> str:
    """Why nobody may work on a request, which anybody may have written into the file; "" if one may."""
    if request.finding not in findings.load(project):
        return f"there is no finding {request.finding[:200]!r}"
    if request.method not in METHODS:
        return f"there is no method {request.method[:200]!r}; there are {', '.join(METHODS)}"
    if not LAYER.fullmatch(request.layer):
        return f"no layer is called {request.layer[:200]!r}: letters, digits, points, dashes"
    return ""


def folder(project: Path, number: int) -> Path:
    """Where the corrected project of a request lies."""
    return within(project / FOLDER / str(int(number)), project)


def close(project: Path, number: int, state: str, said: str) -> None:
    """Say what came of a request."""

    def closed(kept: tuple[Request, ...]) -> tuple[Request, ...]:
        return tuple(replace(one, state=state, said=said[:LONGEST]) if one.number == number else one for one in kept)

    _change(project, closed)


@contextmanager
def claimed(project: Path) -> Iterator[Request | None]:
    """The first open request that no other worker has, until the block ends; None if there is none."""
    for request in [one for one in read(project) if one.state == OPEN]:
        make_folder(project / FOLDER, project)
        lock = within(project / FOLDER / f"{request.number}.lock", project)
        with claim(lock, 0, project) as ours:
            # another one may have done it since it was read
            if ours and any(one.number == request.number and one.state == OPEN for one in read(project)):
                yield request
                return
    yield None


def done(project: Path) -> list[Path]:
    """Corrected projects that came of requests, the first one first; what cannot be read has none."""
    try:
        paths = [folder(project, one.number) for one in read(project) if one.state == DONE]
    except (ProjectError, OSError, RuntimeError):  # that, and a circle of links, is said where the project is opened
        return []
    return [path for path in paths if (path / REPORT).is_file()]


def _change(project: Path, change: Callable[[tuple[Request, ...]], tuple[Request, ...]]) -> tuple[Request, ...]:
    """Read, change and write while nobody else does; what is kept then."""
    try:
        with locked(project, findings.PATIENCE):
            before = read(project)
            if (after := change(before)) != before:
                write_text(project / FILE, as_json({"requests": list(map(vars, after))}, indent=1), project)
            return after
    except OSError as error:
        raise ProjectError(f"corrections cannot be kept in {project}: {error}") from error
