"""The viewer in a cell of a notebook: a server of its own beside the kernel, shown in a frame."""

import atexit
import os
import re
import subprocess
import sys
import threading
from collections import deque
from os import PathLike
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any

from markupsafe import Markup

from viewer import html
from viewer.door import tokens

SAID = re.compile(r"http\S+:(\d+)/\S*\?token=\S+")  # by viewer.door.browser
PATIENCE = 120  # seconds that a server may take; reading a large project for the first time is slow
COMMAND = "import sys; from viewer.cli import main; main(sys.argv[1:])"
NOTEBOOKS = ("localhost:*", "127.0.0.1:*")
"""The pages that may show it inside of them, and nothing else: their scripts reach nothing of it."""


class Frame:
    """A viewer that runs: a notebook shows it. `address` opens it in a tab of its own, `stop()` ends it."""

    def __init__(self, address: str, source: str, height: int, server: subprocess.Popen[str]):
        self.address, self.source, self.height, self.server = address, source, height, server

    def _repr_html_(self) -> Markup:
        style = f"width: 100%; height: {self.height}px; border: 1px solid #8888"
        link = html.tag("a", "Open it in a tab of its own", href=self.source, target="_blank", rel="noopener")
        return html.tag("iframe", src=self.source, style=style, title="SpRAy viewer") + html.tag("p", link)

    def __repr__(self) -> str:
        return f"the viewer at {self.address}"

    def stop(self) -> None:
        """End the server."""
        self.server.terminate()
        self.server.wait(30)


_running: dict[tuple[object, ...], Frame] = {}


def show(
    *projects: str | PathLike[str], height: int = 760, host: str = "localhost", origin: str | None = None
) -> Frame:
    """Show projects in the cell of a notebook: `viewer.show("project")` as its last line.

    A server is started beside the kernel, as `lrp-viewer` starts one, and ends with it; the same projects again have
    the same server. Where the notebook is one of a JupyterHub, the frame asks jupyter-server-proxy for it.

    Args:
        projects: Folders of projects, or files of arrays.
        height: Of the frame, in pixels.
        host: The name that the notebook's own address has: browsers keep what they know of `localhost` and `127.0.0.1`
            apart.
        origin: Of a hub or another proxy that passes its own name on, `hub.example.org`.

    Returns:
        What a notebook draws as a frame; it has the address, with its token.

    Raises:
        ValueError: There is no project.
        RuntimeError: The server does not start; the message is what it said.

    Example:
        >>> show()
        Traceback (most recent call last):
        ...
        ValueError: give the folder of a project, viewer.show("project")
    """
    if not projects:
        raise ValueError('give the folder of a project, viewer.show("project")')
    paths = [str(Path(project).resolve()) for project in projects]
    key = (*paths, host, origin)
    found = _running.get(key)
    if found is None or found.server.poll() is not None:
        options = [part for name in NOTEBOOKS for part in ("--frame", name)]
        server, address, port = _started([*paths, "--port", "0", "--no-show", *options, *_allowed(host, origin)])
        atexit.register(server.terminate)
        found = _running[key] = Frame(address, _source(address, port, host), height, server)
    found.height = height
    return found


def _allowed(host: str, origin: str | None) -> list[str]:
    """Which names the page's own websocket may come by."""
    names = [origin] if origin else []
    names += [] if host in ("localhost", "127.0.0.1") else [host]
    return [part for name in names for part in ("--allow-websocket-origin", name)]


def _source(address: str, port: str, host: str) -> str:
    """Where the notebook's browser finds the server."""
    hub = os.environ.get("JUPYTERHUB_SERVICE_PREFIX")
    _, _, query = address.partition("?")
    return f"{hub}proxy/{port}/viewer?{query}" if hub else f"http://{host}:{port}/viewer?{query}"


def _started(arguments: list[str]) -> tuple[subprocess.Popen[str], str, str]:
    """A server, its address with the token, and its port."""
    root = str(Path(__file__).resolve().parent.parent)
    paths = os.pathsep.join(path for path in (root, os.environ.get("PYTHONPATH", "")) if path)
    known: dict[str, Any] = {"stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    environment = os.environ | {"PYTHONPATH": paths, tokens.VARIABLE: tokens.new()}  # every user sees the arguments
    server = subprocess.Popen([sys.executable, "-c", COMMAND, *arguments], **known, text=True, env=environment)
    said: deque[str] = deque(maxlen=40)
    first: SimpleQueue[re.Match[str] | None] = SimpleQueue()
    threading.Thread(target=_listen, args=(server, said, first), daemon=True).start()
    try:
        match = first.get(timeout=PATIENCE)
    except Empty:
        match = None
    if match is None:
        server.terminate()
        server.wait(30)
        raise RuntimeError(f"the viewer did not start:\n{''.join(said)}")
    return server, match[0], match[1]


def _listen(server: subprocess.Popen[str], said: deque[str], first: SimpleQueue[re.Match[str] | None]) -> None:
    """Read what it says as long as it runs, so that it never waits for a reader; the address is told once."""
    assert server.stderr is not None
    with server.stderr as lines:
        for line in lines:
            said.append(line)
            if match := SAID.search(line):
                first.put(match)
    first.put(None)
