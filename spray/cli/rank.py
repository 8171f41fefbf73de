"""`spray rank`: which category to look at first."""

from pathlib import Path

import click

from spray import store
from spray.analysis.suspects import NAME
from spray.cli.ranking import banner, explained, grouping, judged, scores, verdicts
from spray.cli.words import project_argument


@click.command()
@project_argument
@click.option("--analysis", "name", default=None, help="the scores of this analysis [default: the verdict]")
@click.option("--sort", default=None, help="column to sort by [default: suspicion, or clever_hans]")
@click.option("--top", type=click.IntRange(1), default=20, show_default=True, help="rows to show")
@click.option("--by", default=None, help="per-sample coordinate [default: as it was analysed, or label]")
@click.option("--explain", "category", default=None, metavar="CATEGORY", help="all there is about one category")
@click.option("--processes", type=click.IntRange(1), default=1, show_default=True, help="for the verdict")
def rank(
    project: Path, name: str | None, sort: str | None, top: int, by: str | None, category: str | None, processes: int
) -> None:
    """Categories of PROJECT, the most suspicious first, with what sets their suspects apart.

    The verdict is made when it is first asked for, from whatever the project has. With --analysis or --sort, the scores
    of an analysis: clever_hans, cluster_gap, eigengap and others.
    """
    others = [found for found in store.analyses(project) if found != NAME]
    if name is None and sort is None:
        banner(project, *(store.read_analysis_index(project, other) for other in others))
        by = by or grouping(project, others)
        if problem := judged(project, by, processes):
            if category is not None or not others:
                raise ValueError(problem)
            click.echo(f"no verdict: {problem}\n", err=True)
        else:
            click.echo(explained(project, category, others) if category is not None else verdicts(project, top))
            return
    if category is not None:
        raise click.UsageError("--explain is about the verdict: leave out --analysis and --sort")
    name = name or (others[0] if len(others) == 1 else "spectral")
    click.echo(scores(project, name, sort, top))
