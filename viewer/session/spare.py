"""A set of widgets made while nobody waits, so that the next visitor's page comes a tenth of a second earlier."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import NamedTuple

from viewer.views import VIEWS
from viewer.views.parts import View

REST = 1.0  # seconds after a visitor came: the browser has all it asked for, and is drawing


class Relay:
    """Stands in a widget for the `update` of a session that does not exist yet."""

    update: Callable[..., None]

    def __call__(self, **changes: object) -> None:
        self.update(**changes)


class Widgets(NamedTuple):
    relay: Relay
    views: list[View]


_ready: list[Widgets] = []


def make() -> Widgets:
    """All views, which will report to `relay.update`."""
    relay = Relay()
    return Widgets(relay, [build(relay) for build in VIEWS])


def keep_one() -> None:
    """Have a set at hand for the next visitor."""
    if not _ready:
        _ready.append(make())


def take() -> Widgets:
    """A set that nobody else has; another one is made soon after, where a server runs."""
    found = _ready.pop() if _ready else make()
    with suppress(RuntimeError):  # no loop runs outside a server
        asyncio.get_running_loop().call_later(REST, keep_one)
    return found
