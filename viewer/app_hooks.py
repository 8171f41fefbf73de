"""Run by Bokeh once for every server: its door, the pictures' route, the projects opened before anyone comes."""

import gc
import sys
from pathlib import Path

if (root := str(Path(__file__).resolve().parent.parent)) not in sys.path:
    sys.path.append(root)  # served from a checkout that is not installed

from viewer import door
from viewer.pictures import routes
from viewer.projects import open_projects
from viewer.scene import resolve
from viewer.session.spare import keep_one
from viewer.state import State

PATHS = sys.argv[1:]

# At import and not in a hook: Bokeh makes its server and collects the routes before it calls any hook.
door.install()
routes.install(lambda: open_projects(PATHS))


def on_server_loaded(_server_context) -> None:
    """Read the first page's data and make its widgets now, so that no visitor waits for them."""
    resolve(open_projects(PATHS), State())
    keep_one()
    # Bokeh looks through all objects three times for each page that was closed, while everybody waits: not these again
    gc.collect()
    gc.freeze()
