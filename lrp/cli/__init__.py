"""The command `lrp`."""

from spray._starting import end_at_interrupts


def main() -> None:
    """Entry of the console script."""
    end_at_interrupts()
    from lrp.cli.group import main as command

    command()
