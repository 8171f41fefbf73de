"""Run by Bokeh once for every session: `bokeh serve viewer --args PROJECT...`."""

import sys
from pathlib import Path

if (root := str(Path(__file__).resolve().parent.parent)) not in sys.path:
    sys.path.append(root)  # served from a checkout that is not installed

from bokeh.io import curdoc

from viewer.session import start

start(curdoc(), sys.argv[1:])
