"""The command `spray`."""

from collections.abc import Sequence

from spray._starting import end_at_interrupts


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry of the console script; see `spray.cli.group.main`."""
    if arguments is None:  # the process is this command's
        end_at_interrupts()
    from spray.cli.group import main as command

    command(arguments)
