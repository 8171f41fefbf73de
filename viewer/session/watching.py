"""Windows hear within a second what others do to the findings and corrections of their project, in any process.

While windows are open, each of their projects' files is looked at every `PAUSE` seconds, off the event loop: its disk
may be slow.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from bokeh.document import Document

from spray.store import corrections
from viewer.projects import findings
from viewer.scene import Blank, Scene

LOG = logging.getLogger(__name__)
PAUSE = 0.3


class Window(Protocol):
    """Of a session, what is needed here."""

    doc: Document
    scene: Scene | Blank

    def hear(self) -> None:
        """Draw anew what shows findings."""


_windows: list[Window] = []
_tasks: list[asyncio.Task] = []


def add(window: Window) -> None:
    """Have a window hear from now on, until it is closed."""
    with suppress(RuntimeError):  # no loop runs outside a server
        loop = asyncio.get_running_loop()
        _windows.append(window)
        window.doc.on_session_destroyed(lambda _context: _windows.remove(window))
        if not any(task.get_loop() is loop and not task.done() for task in _tasks):
            _tasks[:] = [loop.create_task(_watch())]


async def _watch() -> None:
    """Look until the last window is closed. What is seen first counts as changed: windows may have read it before."""
    seen: Mapping[Path, Any] = {}
    while _windows:
        await asyncio.sleep(PAUSE)
        try:
            now = await asyncio.to_thread(_stamps, {window.scene.project.home for window in _windows})
            changed = {home for home, stamp in now.items() if home not in seen or seen[home] != stamp}
            seen = now
            for window in [window for window in _windows if window.scene.project.home in changed]:
                window.doc.add_next_tick_callback(window.hear)
        except Exception:  # the others are still to hear
            LOG.exception("findings are not watched for a moment")


def _stamps(homes: Iterable[Path]) -> dict[Path, Any]:
    return {home: (findings.stamp(home), corrections.stamp(home)) for home in homes}
