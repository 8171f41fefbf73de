"""What an action asks for, as a value: the session applies it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from viewer.state import State

Command = Mapping[str, Any]
"""Something that the browser does once (COMMANDS in static/): its `name`, and what it needs."""


class Refusal(Exception):
    """What was asked for cannot be done; the text says why and is all that the visitor needs to know."""


@dataclass(frozen=True)
class Change:
    """Nothing by default; several fields are applied in their order."""

    # to what the project keeps; what has to be said about it, if anything. A ValueError is a refusal
    write: Callable[[], str | None] | None = None
    state: State | Mapping[str, Any] | None = None  # another one, or the settings of this one that change
    warnings: tuple[str, ...] = ()  # what has to be said about the state
    undoable: bool = True
    history: int = 0  # back to the state before, -1, or forth again, 1
    redraw: bool = False  # something that views show has changed outside of the state
    command: Command | None = None
    work: Callable[[], Command] | None = None  # what takes long: done in another thread


def settings(**values: Any) -> Change:
    """Other settings, all else as it is.

    >>> settings(page=0).state
    {'page': 0}
    """
    return Change(state=values)
