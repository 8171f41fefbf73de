"""Links short enough for any proxy: a large selection is kept beside the project, and the link names it."""

import hashlib
import re
from dataclasses import replace
from pathlib import Path

from spray.files import ProjectError, write_text
from viewer.state.selection import decode
from viewer.state.state import State

LONGEST_IN_LINK = 3000  # characters of a selection in a link
KEPT_NAME = re.compile(r"@([0-9a-f]{24})")
FOLDER = "selections"


def shorten(project: Path, state: State) -> tuple[State, str]:
    """The state to put into a link, and what has to be said about it."""
    if len(state.selection) <= LONGEST_IN_LINK:
        return state, ""
    digest = hashlib.sha256(state.selection.encode()).hexdigest()[:24]
    file = project / FOLDER / digest
    try:
        write_text(file, state.selection, root=project)
    except (OSError, ProjectError):
        return state, "This link is long, and some servers refuse long links: export the selection as a file instead."
    return replace(state, selection=f"@{digest}"), ""


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
