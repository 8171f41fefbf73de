"""`spray analyse`: a project's categories, one by one."""

import inspect
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
import xarray as xr

from spray import analysis, recipes, store
from spray.arrays.rules import AUTO
from spray.cli.ranking import banner
from spray.cli.words import numbers, project_argument, read_by
from spray.concepts.layers import STATISTICS
from spray.kinds import kind_of
from spray.recipes import partial, words
from spray.stages.clustering import CLUSTERINGS, hdbscan, kmeans, spectral_kmeans
from spray.stages.maps import EMBEDDINGS


def counted(_context: Any, parameter: Any, text: str | None) -> int | str | None:
    """A number from 1, or the word that asks for a rule.

    Raises:
        click.BadParameter: It is something else.
    """
    if text is None or text == AUTO:
        return text
    if not text.isdecimal() or int(text) < 1:
        raise click.BadParameter(f"{text!r}: give a number from 1, or {AUTO}", param=parameter)
    return int(text)


def stages_option(name: str, stages: Mapping[str, recipes.Stage]) -> Callable:
    """An option that may be repeated, each time for a stage of a table with options of its own."""
    text = f"NAME or NAME:OPTION=VALUE,...; may be repeated; NAME is one of {', '.join(stages)}"
    reader = read_by(lambda given: words.read_stage(given, stages))
    return click.option(f"--{name}", f"{name}s", metavar="STAGE", multiple=True, callback=reader, help=text)


@click.command()
@project_argument
@click.option("--recipe", type=click.Choice(list(recipes.RECIPES)), help="[default: that of the kind of samples]")
@click.option("--by", default="label", show_default=True, help="per-sample coordinate, or 'none' for all at once")
@click.option("--category", "categories", multiple=True, help="only this category; may be repeated")
@click.option("--name", help="name of the analysis [default: the recipe's]")
@click.option("--variable", help="what to analyse [default: relevance; for concept and pcx, a layer's statistic]")
@click.option("--layer", help="of concept and pcx [default: the one that was attributed with --concepts]")
@click.option("--statistic", type=click.Choice(list(STATISTICS)), help="of the layer's channels [default: magnitude]")
@click.option("--neighbors", callback=counted, help="neighbours of each sample in the graph, or auto: from n")
@click.option("--components", callback=counted, help="eigenvectors, or auto: from n")
@click.option("--window", type=click.IntRange(1), help="pooling window in pixels; 1 keeps the resolution")
@click.option("--clusters", callback=read_by(numbers), help="numbers of clusters of k-means, such as 2-8")
@stages_option("clustering", CLUSTERINGS)
@stages_option("embedding", EMBEDDINGS)
@click.option("--thorough", is_flag=True, default=None, help="add tau of a null model and in attribution space (slow)")
@click.option("--min-size", type=click.IntRange(1), default=1, show_default=True, help="least samples of a category")
@click.option("--processes", type=click.IntRange(1), default=1, show_default=True)
@click.option("--memo/--no-memo", default=True, help="remember stages in PROJECT/cache", show_default=True)
def analyse(
    project: Path,
    recipe: str | None,
    by: str,
    categories: tuple[str, ...],
    name: str | None,
    min_size: int,
    processes: int,
    memo: bool,
    **options: Any,
) -> None:
    """Analyse PROJECT category by category; what is done already is kept."""
    attributions = store.open_attributions(project)
    if options.get("variable") is None and "relevance" not in attributions and "embedding" in attributions:
        options |= {"variable": "embedding", "normalization": "l2"}  # angles between embeddings are what counts
    recipe = recipe or default_recipe(attributions, options.get("variable") or "relevance")
    found = analysis.analyse(
        attributions,
        made(recipe, **options),
        by=None if by == "none" else by,
        categories=categories or None,
        min_size=min_size,
        memo=project / "cache" if memo else None,
        out=project,
        name=(name := name or recipe),
        processes=processes,
    )
    failed = int((store.read_analysis_index(project, name).error.values != "").sum())
    click.echo(f"{len(found)} categories in {project}/analyses/{name}" + (f", {failed} failed" if failed else ""))
    banner(project)
    click.echo(f"next: spray rank {project} --analysis {name}")


def default_recipe(attributions: xr.Dataset, variable: str) -> str:
    """The recipe for the kind of samples; the usual one where the kind is not certain, which then says so."""
    try:
        return kind_of(attributions[variable]).recipe
    except (KeyError, ValueError):
        return "spectral"


def made(recipe: str, *, clusters: tuple[int, ...] | None = None, **options: Any) -> recipes.Recipe:
    """A recipe with the options that were given.

    Raises:
        click.UsageError: It has no such option, or two exclude each other.
    """
    given = {key: value for key, value in options.items() if value not in (None, [])}
    if clusters and "clusterings" in given:
        raise click.UsageError("--clusters is of the usual clusterings: give --clustering kmeans:clusters=2-8 instead")
    if clusters:
        counted = [partial(stage, clusters=clusters) for stage in (spectral_kmeans, kmeans)]
        given["clusterings"] = [*counted, hdbscan]
    if given.get("window") == 1:
        given["window"] = None
    maker = recipes.RECIPES[recipe]
    known = set(inspect.signature(maker).parameters)
    if "options" in known:
        known |= set(inspect.signature(recipes.from_features).parameters) - recipes.OWN.get(recipe, set())
    if unknown := sorted(given.keys() - known):
        raise click.UsageError(f"recipe {recipe!r} has no option {', '.join(unknown)}")
    return maker(**given)
