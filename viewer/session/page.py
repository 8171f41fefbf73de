"""The one model that the page's own scripts (static/) and Python share."""

from bokeh.core.properties import Bool, String
from bokeh.model import DataModel


class Page(DataModel):
    """In its own module: a model class made anew for every session would never be freed."""

    action = String(default="", help="Browser to server: JSON of a name, a value and a count that makes it new.")
    dark = Bool(default=False, help="Browser to server: whether the page is dark.")
    marks = String(default="{}", help="Server to browser: JSON of the data attributes of the page, for its style.")
    selection = String(default="", help="Server to browser: JSON of the rows selected and of the table they belong to.")
    query = String(default="", help="Server to browser: the address that brings this state back.")
    preview = String(
        default="[]", help="Server to browser: JSON of pictures' addresses, SAMPLE for the one pointed at."
    )
    windows = String(default="{}", help="Server to browser: JSON of what each plot shows, and all that it could show.")
    markers = String(default="{}", help="Server to browser: JSON of the pictures in the plots.")
    command = String(default="", help="Server to browser: JSON of something to do once, a download or a dialog.")
