"""The one model that the page's own script (static/viewer.js) and Python share."""

from bokeh.core.properties import Bool, String
from bokeh.model import DataModel


class Page(DataModel):
    """In its own module: a model class made anew for every session would never be freed."""

    action = String(default="", help="Browser to server: JSON of a name, a value and a count that makes it new.")
    selection = String(default="", help="Server to browser: JSON of the rows selected and of the table they belong to.")
    view = String(default="explore", help="Server to browser: which panes are visible.")
    query = String(default="", help="Server to browser: the address that brings this state back.")
    dark = Bool(default=False, help="Browser to server: whether the page is dark.")
