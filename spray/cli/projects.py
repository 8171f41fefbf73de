"""`spray info | prune | import | convert`: what a project holds, and projects from elsewhere."""

from datetime import timedelta
from pathlib import Path

import click

from spray import memo, store, virelay
from spray._tables import readable, table
from spray.cli.ranking import banner, of_expected
from spray.cli.words import SPANS, UNITS, measured, project_argument
from spray.kinds import KINDS

HDF5, YAML = {".h5", ".hdf5"}, {".yaml", ".yml"}


@click.command()
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
    entries = memo.info(project / "cache")
    stages = ", ".join(sorted({entry.stage.rpartition(".")[2] for entry in entries})) or "nothing"
    total, hits = sum(entry.size for entry in entries), sum(entry.hits for entry in entries)
    rows += [("memo", f"{len(entries)} entries, {readable(total)}, {hits} hits: {stages}")]
    click.echo(table(rows))


@click.command()
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


@click.command("import")
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


@click.command()
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
