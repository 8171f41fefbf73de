"""Says where the viewer is, and opens it there."""

import atexit
import os
import sys
import tempfile
import webbrowser
from html import escape
from pathlib import Path

ASKED = "The viewer is open to whoever has this address, with its token:"
OPEN = "The viewer asks for no token: whoever reaches this address sees the projects, and may change findings:"
LOGIN = "The viewer asks for the login of its auth module:"


def say(address: str, what: str) -> None:
    """Print the address where the server was started."""
    sys.stderr.write(f"{what}\n    {address}\n")


def show(address: str) -> None:
    """Open the browser by a file that leads there: every user of this computer sees the arguments of processes."""
    handle, name = tempfile.mkstemp(".html", "lrp-viewer-")  # for this user's eyes only
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(
            f'<!DOCTYPE html><meta charset="utf-8"><meta http-equiv="refresh" content="0;url={escape(address)}">'
        )
    atexit.register(Path(name).unlink, missing_ok=True)
    webbrowser.open(Path(name).as_uri(), new=2)
