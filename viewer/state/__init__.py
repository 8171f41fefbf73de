"""The state of the page: what a person chose, as a value, as text, and the texts within it."""

from viewer.state.formats import from_arguments, from_json, from_query, to_json, to_query
from viewer.state.reading import FIELDS, Read, read
from viewer.state.selection import decode, encode
from viewer.state.state import BOUNDS, CHOICES, State
from viewer.state.window import Window

__all__ = [
    "BOUNDS",
    "CHOICES",
    "FIELDS",
    "Read",
    "State",
    "Window",
    "decode",
    "encode",
    "from_arguments",
    "from_json",
    "from_query",
    "read",
    "to_json",
    "to_query",
]
