"""The door of the server: who is let in, before any route answers."""

from viewer.door.application import install
from viewer.door.scripts import scripts

__all__ = ["install", "scripts"]
