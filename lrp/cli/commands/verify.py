"""`lrp verify`: does the model use what makes a suspect peculiar?"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from lrp.cli.options import Setting, model_options
from lrp.cli.project import explainer_of, opened_with_inputs
from lrp.effect.measure import is_used
from lrp.effect.verify import verify as verified


@click.command()
@model_options
@click.argument("project", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--category", "categories", multiple=True, help="Only this one; several times. Default: the first MOST.")
@click.option("--most", type=click.IntRange(1), default=3, show_default=True, help="The so many most suspicious.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
def verify(setting: Setting, project: Path, categories: Sequence[str], most: int, quiet: bool) -> None:
    """Does the model use what makes a suspect of spray rank peculiar?

    What a suspect's members have in common is given to samples of other classes: laid over them, matched, pasted, or
    added in a hidden layer. How many turn into the suspect's class, beyond what random groups of that class do, is
    written beside the suspicion, where spray rank shows it.
    """
    explain, normalize = explainer_of(setting, opened_with_inputs(project))
    found = verified(explain, project, categories=categories, most=most, normalize=normalize, progress=not quiet)
    for category, each in found.items():
        click.echo(f"{category}: {'used' if is_used(each) else 'not shown to be used'}")
        for name, effect in sorted(each.items(), key=lambda item: -item[1].beyond):
            click.echo(
                f"  {name:<10} turns {effect.turned:>5.0%} (groups at random: {effect.control_turned:.0%}), "
                f"output {effect.logit:+.2f} ({effect.control_logit:+.2f})"
            )
    click.echo(f"next: spray rank {project}", err=True)
