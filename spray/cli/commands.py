"""`spray analyse | info | rank | prune | import | convert | references`: projects from the shell."""

import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import click
import xarray as xr

from spray import analysis, memo, recipes, store, virelay
from spray._starting import interruptible
from spray._tables import readable, table
from spray.analysis.suspects import NAME
from spray.arrays.rules import AUTO
from spray.cli.concepts import conditions_kept, show_references
from spray.cli.ranking import banner, explained, grouping, judged, of_expected, scores, verdicts
from spray.concepts.layers import STATISTICS
from spray.kinds import KINDS, kind_of
from spray.recipes import partial, words
from spray.stages.clustering import CLUSTERINGS, hdbscan, kmeans, spectral_kmeans
from spray.stages.maps import EMBEDDINGS

UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
SPANS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}

HDF5, YAML = {".h5", ".hdf5"}, {".yaml", ".yml"}

project_argument = click.argument("project", type=click.Path(path_type=Path))


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="lrp-spray")
def cli() -> None:
    """Spectral Relevance Analysis of a project: the folder that lrp.attribute_dataset writes."""


def measured(units: dict[str, int], what: str) -> Callable[[Any, Any, str | None], float | None]:
    """A click callback that reads a number with a unit.

    Raises:
        click.BadParameter: From the callback: the text is no such number.
    """

    def read(_context: Any, _parameter: Any, text: str | None) -> float | None:
        if text is None:
            return None
        found = re.fullmatch(rf"(\d+(?:\.\d+)?)\s*([{''.join(units)}]?)b?", text.strip().lower())
        if not found or found[2] not in units:
            raise click.BadParameter(
                f"{text!r} is no {what}: give a number and one of {', '.join(filter(None, units))}"
            )
        return float(found[1]) * units[found[2]]

    return read


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


def read_by(reader: Callable[[str], Any]) -> Callable[[Any, Any, Any], Any]:
    """A click callback that reads each text by `reader`.

    Raises:
        click.BadParameter: From the callback: the reader's ValueError, as the user's error in one line.
    """

    def read(_context: Any, _parameter: Any, given: Any) -> Any:
        try:
            return [reader(text) for text in given] if isinstance(given, tuple) else given and reader(given)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None

    return read


def numbers(text: str) -> tuple[int, ...]:
    """Numbers of clusters.

    Raises:
        ValueError: The text is something else.
    """
    try:
        return words.numbers(text)
    except ValueError:
        raise ValueError(f"{text!r}: give numbers such as 2-8 or 2,3,5") from None


def stages_option(name: str, stages: Mapping[str, recipes.Stage]) -> Callable:
    """An option that may be repeated, each time for a stage of a table with options of its own."""
    text = f"NAME or NAME:OPTION=VALUE,...; may be repeated; NAME is one of {', '.join(stages)}"
    reader = read_by(lambda given: words.read_stage(given, stages))
    return click.option(f"--{name}", f"{name}s", metavar="STAGE", multiple=True, callback=reader, help=text)


@cli.command()
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


@cli.command()
@project_argument
def info(project: Path) -> None:
    """What PROJECT holds: attributions, analyses, remembered stages."""
    facts, index, files = store.read_project(project), store.read_index(project), store.parts(project)
    size = sum(file.stat().st_size for file in files.values())
    rows = [(key, facts.get(key) or "-") for key in ("name", "model", "dataset", "method", "created")]
    banner(project)
    rows += [("samples", f"{of_expected(index.sizes['sample'], facts)} in {len(files)} parts, {readable(size)}")]
    for name in store.analyses(project):
        found = store.read_analysis_index(project, name)
        failed = int((found.error.values != "").sum())
        rows += [("analysis", f"{name}: {found.sizes['category'] - failed} categories, {failed} failed")]
    rows += conditions_kept(project)
    entries = memo.info(project / "cache")
    stages = ", ".join(sorted({entry.stage.rpartition(".")[2] for entry in entries})) or "nothing"
    total, hits = sum(entry.size for entry in entries), sum(entry.hits for entry in entries)
    rows += [("memo", f"{len(entries)} entries, {readable(total)}, {hits} hits: {stages}")]
    click.echo(table(rows))


@cli.command()
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


@cli.command()
@project_argument
@click.option("--older-than", callback=measured(SPANS, "time"), help="such as 30d: not used for so long")
@click.option("--max-size", callback=measured(UNITS, "size"), help="such as 10GB: keep the last used ones up to this")
def prune(project: Path, older_than: float | None, max_size: float | None) -> None:
    """Make the memo of PROJECT smaller; it is safe at any time."""
    if older_than is None and max_size is None:
        raise click.UsageError("say what to remove: --older-than 30d or --max-size 10GB, or both")
    span = None if older_than is None else timedelta(seconds=older_than)
    removed = memo.prune(project / "cache", older_than=span, max_size=None if max_size is None else int(max_size))
    left = memo.info(project / "cache")
    click.echo(f"removed {len(removed)}, {len(left)} entries of {readable(sum(e.size for e in left))} left")


@cli.command("import")
@click.argument("arrays", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.argument("project", type=click.Path(path_type=Path))
@click.option("--kind", type=click.Choice(list(KINDS)), help="kind of samples, where the file does not say it")
@click.option("--dims", help="names of the axes behind the samples, such as height,width,channel")
def import_(arrays: Path, project: Path, kind: str | None, dims: str | None) -> None:
    """Make PROJECT of ARRAYS, a file of numpy.savez, whose names are the arguments of spray.write_arrays.

    relevance is needed, or embedding; inputs, clustering, label, prediction, output, sample, kind, feature_name,
    channel_name and others are known; what else is in it is a number or a name of each sample.
    """
    found = store.read_arrays(arrays)
    if kind is not None:
        found["kind"] = kind
    if dims is not None:
        found["dims"] = tuple(dims.split(","))
    if not {"relevance", "embedding"} & found.keys():
        raise click.UsageError(f"{arrays} holds {', '.join(found) or 'nothing'}, but no relevance and no embedding")
    store.write_arrays(project, **found)
    following = f"lrp-viewer {project}" if "embedding" in found else f"spray analyse {project}"
    click.echo(f"wrote {project}\nnext: {following}")


@cli.command()
@click.argument("source", metavar="FROM", type=click.Path(path_type=Path))
@click.argument("target", metavar="TO", type=click.Path(path_type=Path))
@click.option("--analysis", "name", help="name of the analysis, where FROM or TO is an HDF5 file")
def convert(source: Path, target: Path, name: str | None) -> None:
    """Read the files of CoRelAy and ViRelAy, or write them: what FROM and TO are says which.

    \b
    project.yaml  PROJECT      a new project of ours from all that a project of ViRelAy's has
    PROJECT       FOLDER       and the way back
    analysis.h5   PROJECT      one analysis, into a project that is there (--analysis)
    PROJECT       analysis.h5  and the way back
    """
    if HDF5 & {source.suffix, target.suffix} and name is None:
        raise click.UsageError("say which analysis of the project the HDF5 file is: --analysis NAME")
    if target.is_file():
        raise click.UsageError(f"{target} exists already: give another name (FROM comes first, then TO)")
    if source.suffix in HDF5:
        virelay_analysis = virelay.read_hdf5(source)
        store.read_project(target)
        store.save_analysis(virelay_analysis, target, name=str(name))
    elif target.suffix in HDF5:
        virelay.write_hdf5(store.open_analysis(source, str(name)), target)
    elif source.suffix in YAML:
        virelay.from_virelay(source, target)
    else:
        virelay.to_virelay(source, target)
    click.echo(f"wrote {target}" + (f": analysis {name}" if name else ""))


cli.add_command(show_references)


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
