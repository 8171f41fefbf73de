"""The door of the server: who is let in, before any route answers."""

from viewer.door.application import install
from viewer.door.scripts import script_addresses

__all__ = ["install", "script_addresses"]
