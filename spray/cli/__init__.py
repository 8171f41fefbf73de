"""The command `spray`."""

from spray.cli.commands import cli, made, main
from spray.cli.ranking import banner

__all__ = ["banner", "cli", "made", "main"]
