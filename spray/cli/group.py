"""`spray analyse | info | rank | prune | import | convert | references`: projects from the shell."""

from collections.abc import Sequence

import click

from spray._commands import LazyGroup, Place
from spray._starting import interruptible

COMMANDS = {
    "analyse": Place(
        "spray.cli.analyse", "analyse", "Analyse PROJECT category by category; what is done already is kept."
    ),
    "info": Place("spray.cli.projects", "info", "What PROJECT holds: attributions, analyses, remembered stages."),
    "prune": Place("spray.cli.projects", "prune", "Make the memo of PROJECT smaller; it is safe at any time."),
    "import": Place(
        "spray.cli.projects",
        "import_",
        "Make PROJECT of ARRAYS, a file of numpy.savez, whose names are the arguments of spray.write_arrays.",
    ),
    "convert": Place(
        "spray.cli.projects",
        "convert",
        "Read the files of CoRelAy and ViRelAy, or write them: what FROM and TO are says which.",
    ),
    "rank": Place(
        "spray.cli.rank",
        "rank",
        "Categories of PROJECT, the most suspicious first, with what sets their suspects apart.",
    ),
    "references": Place(
        "spray.cli.concepts",
        "show_references",
        "The samples in which channels of a hidden layer have most relevance (RelMax), or are most active (--by max).",
    ),
}


@click.group(cls=LazyGroup, places=COMMANDS, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lrp-spray")
def cli() -> None:
    """Spectral Relevance Analysis of a project: the folder that lrp.attribute_dataset writes."""


def main(arguments: Sequence[str] | None = None) -> None:
    """The command; an error that says what to do is shown without a traceback.

    Raises:
        SystemExit: There was an error: 1, 2 of usage, 130 after an interrupt.
    """
    try:
        with interruptible():
            cli.main(args=arguments, prog_name="spray", standalone_mode=False)
    except (click.exceptions.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        raise SystemExit(130) from None
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from None
    except (ValueError, ImportError, OSError) as error:
        click.echo(f"error: {error}", err=True)
        raise SystemExit(1) from None
