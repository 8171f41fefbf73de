"""Links short enough for any proxy: a large selection is kept beside the project, and the link names it."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path

from spray.files import ProjectError, write_text
from viewer.state.selection import decode
from viewer.state.state import State

LONGEST_IN_LINK = 3000  # characters of a selection in a link
LONGEST_IN_ADDRESS = 38_000  # Bokeh's own limit for what a page is opened with is near 60 000
KEPT_NAME = re.compile(r"@([0-9a-f]{24})")
FOLDER = "selections"
NOT_KEPT = (
    "This selection is too large for the page's address, and the project cannot be written to: export the view"
    " (File) to have it again."
)


def shorten(project: Path, state: State) -> tuple[State, str]:
    """The state to put into a link, and what has to be said about it."""
    if len(state.selection) <= LONGEST_IN_LINK:
        return state, ""
    if keep(project, state.selection):
        return replace(state, selection=name(state.selection)), ""
    return state, "This link is long, and some servers refuse long links: export the selection as a file instead."


def in_address(state: State) -> State:
    """The state that the page's own address holds: the selection as it is, or its name where it is too long."""
    return replace(state, selection=name(state.selection)) if is_long(state) else state


def is_long(state: State) -> bool:
    """Whether the address has the selection's name only, so that it has to be kept."""
    return len(state.selection) > LONGEST_IN_ADDRESS


def name(selection: str) -> str:
    """Of a selection that is kept beside the project: told from what it is, so that it is kept once.

    >>> name("b3.eJwDAAAAAAE")
    '@594579b6e785b807bb5c69ce'
    """
    return f"@{hashlib.sha256(selection.encode()).hexdigest()[:24]}"


def keep(project: Path, selection: str) -> bool:
    """Whether the selection is now kept under its name: a project may be read-only."""
    file = project / FOLDER / name(selection)[1:]
    try:
        if not file.exists():
            write_text(file, selection, root=project)
    except (OSError, ProjectError):
        return False
    return True


def expand(project: Path, selection: str) -> str:
    """The selection that a link names; KeyError if it is not kept here."""
    if not (match := KEPT_NAME.fullmatch(selection)):
        return selection
    try:
        text = (project / FOLDER / match[1]).read_text(encoding="ascii")
        decode(text)
    except (OSError, ValueError) as error:
        raise KeyError(selection) from error
    return text
