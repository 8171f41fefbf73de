"""Run by Bokeh once for every server: the pictures' route, and the projects opened before the first visitor."""

import sys
from pathlib import Path

if (root := str(Path(__file__).resolve().parent.parent)) not in sys.path:
    sys.path.append(root)  # served from a checkout that is not installed

from viewer.pictures.routes import install
from viewer.projects import open_projects
from viewer.scene import resolve
from viewer.session.spare import keep_one
from viewer.state import State

PATHS = sys.argv[1:]

# At import and not in a hook: Bokeh collects the routes of an application before it calls any hook.
install(lambda: open_projects(PATHS))


def on_server_loaded(_server_context) -> None:
    """Read the first page's data and make its widgets now, so that no visitor waits for them."""
    resolve(open_projects(PATHS), State())
    keep_one()
