"""The command `lrp`."""

from lrp.cli.commands import main

__all__ = ["main"]
