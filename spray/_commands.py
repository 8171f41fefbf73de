"""Groups of commands that load when one is called: help and completion need no library but click."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

import click
from click.shell_completion import CompletionItem

from spray._starting import loading


class Place(NamedTuple):
    """Where a command is, and its line in the group's help."""

    module: str
    name: str
    help: str


class LazyGroup(click.Group):
    """A `click.Group` whose commands are a table, `name -> Place`.

    A command's module is imported when the command is called or its own help is asked for. That the lines of the table
    are the commands' own is for a test to ask: `LazyGroup.shortened(name)` gives the command's.
    """

    def __init__(self, *args: Any, places: Mapping[str, Place], **options: Any) -> None:
        super().__init__(*args, **options)
        self.places = places

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """All names, in order."""
        return sorted({*self.places, *self.commands})

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, loaded now."""
        place = self.places.get(cmd_name)
        if place is None:
            return super().get_command(ctx, cmd_name)
        with loading():
            return getattr(import_module(place.module), place.name)

    def shortened(self, name: str) -> str:
        """The line that the command itself has."""
        command = self.get_command(click.Context(self), name)
        return "" if command is None else command.get_short_help_str(limit=200)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The table of the help, without loading what it names."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, self._line(name)) for name in self.list_commands(ctx)])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names of commands, without loading them, and the group's own options."""
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        return [CompletionItem(name, help=self._line(name)) for name in names] + click.Command.shell_complete(
            self, ctx, incomplete
        )

    def _line(self, name: str) -> str:
        return self.places[name].help if name in self.places else self.shortened(name)
