"""`lrp attribute`: a whole dataset into a project."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import click
import torch

import lrp
from lrp._torch import pytree
from lrp.cli import pretrained
from lrp.cli.data import data_options, opened
from lrp.cli.errors import Unusable
from lrp.cli.method import HELP
from lrp.cli.options import Setting, cache_option, model_options
from lrp.cli.target import FORMS, dataset_target
from lrp.dataset.cost import statistics_cost
from lrp.dataset.run import left_out
from spray import store
from spray.kinds import KINDS

MEASURED = 4  # samples that the cost of statistics is measured with
INCOMPLETE = 3
"""Exit code: parts are missing."""
SEARCHED = 100  # samples that are tried for one that can be read


@click.command()
@model_options
@cache_option
@click.option(
    "--data",
    required=True,
    help="A folder of pictures, .wav, .nii or .dcm (subfolders are the classes), a table (.csv, .parquet), texts "
    "(.jsonl), arrays (.npy, .npz, .h5, .nc, .zarr), or torchvision:NAME:FOLDER.",
)
@click.option(
    "--out",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The project's folder; run the same command again to go on after an interruption.",
)
@click.option("--size", type=click.IntRange(1), help="Scale pictures to this side and crop the middle.")
@click.option("--exif/--no-exif", default=True, show_default=True, help="Turn pictures as their cameras noted.")
@data_options
@click.option("--draw", metavar="NAME", help="Of several inputs that receive relevance, the one that is drawn.")
@click.option("--target", default="prediction", show_default=True, help=f"prediction, label, topN, every; {FORMS}.")
@click.option(
    "--method",
    "methods",
    multiple=True,
    default=["lrp"],
    show_default=True,
    help=HELP,
)
@click.option(
    "--concepts",
    multiple=True,
    metavar="LAYER",
    help="Keep what relevance and activation each channel of this layer has, and where most: for spray analyse "
    "--recipe concept or pcx, and spray references.",
)
@click.option(
    "--statistics/--no-statistics",
    default=True,
    show_default=True,
    help="Keep statistics of the channels of an early, a middle and a late layer, which spray rank sees best by.",
)
@click.option("--kind", type=click.Choice(list(KINDS)), help="Of samples, where neither data nor model say it.")
@click.option("--dtype", type=click.Choice(["float32", "float16"]), default="float32", show_default=True)
@click.option("--sum-channels", is_flag=True, help="Keep relevance summed over channels.")
@click.option("--pool", default=1, show_default=True, help="Keep relevance summed over POOL x POOL places.")
@click.option("--batch-size", default=32, show_default=True)
@click.option("--shard-size", default=256, show_default=True, help="Samples in one file, at most lost by a kill.")
@click.option("--workers", default=0, show_default=True, help="Processes that read pictures ahead.")
@click.option(
    "--skip-errors",
    is_flag=True,
    help="Leave samples out that cannot be read or explained, note them, and say how many.",
)
@click.option("--name", help="Of the project. Default: the folder's.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar (nor is there one without a terminal).")
def attribute(
    setting: Setting, data: str, out: Path, size: int | None, exif: bool, reading: dict[str, Any], draw: str | None,
    target: str, methods: Sequence[str], kind: str | None, dtype: str, sum_channels: bool, pool: int,
    skip_errors: bool, quiet: bool, **options: Any,
) -> None:  # fmt: skip
    """Explain a whole dataset into a project that `spray` analyses and the viewer shows.

    It can be interrupted at any time and run again, and any number of processes may work on one project: each shard of
    samples is computed once. A project refuses to go on with another model, composite or setting. Whoever ends while
    others are still at it ends with exit code 3.
    """
    pictures = {"size": size, "gray": setting.gray or None, "exif": None if exif else False}
    saved = setting.spec.startswith("hf:")
    if saved and reading.get("text") and not reading.get("tokenizer"):
        reading = {**reading, "tokenizer": setting.spec}
    if options["statistics"] or options["concepts"]:
        setting = replace(setting, identity=None)  # kept explainers have no layers to look into
    dataset = opened(data, lambda: setting.model, kind, {**pictures, **reading})
    example = _example(dataset, setting, len(dataset) if skip_errors else SEARCHED)
    composite = setting.composite(example)
    output = pretrained.output_of(setting.model, example) if saved and setting.output is None else setting.output
    explain = {name: setting.method(name, example, composite, output) for name in methods}
    path = lrp.attribute_dataset(
        explain, dataset, out, target=dataset_target(target),
        normalize=setting.normalize(example),
        keep=lrp.Kept(kind=kind, dtype=dtype, sum_channels=sum_channels, pool=pool, draw=draw),
        errors="skip" if skip_errors else "raise", progress=not quiet,
        model=click.get_current_context().params["model"], **options,
    )  # fmt: skip
    if skip_errors and (failed := left_out(path)):
        sample, why = next(iter(failed.items()))
        click.echo(f"{len(failed)} samples were left out, the first, {sample}: {why}", err=True)
    click.echo(path)
    found = store.missing(path)
    several = pytree.tree_map(lambda values: torch.cat([values] * MEASURED), example)
    if found.present and not quiet and (cost := statistics_cost(explain[methods[0]], several, path)):
        click.echo(str(cost), err=True)
    if found.complete is False:
        again = ": other processes are at them, or were; run the same again when they have ended" if found.parts else ""
        click.echo(f"{found}{again}", err=True)
    if found.parts:
        sys.exit(INCOMPLETE)
    if not found.present:
        sys.exit(1)


def _example(dataset: Any, setting: Setting, searched: int) -> Any:
    """The first readable sample, as the model sees it."""
    why = ""
    for index in range(min(len(dataset), searched)):
        try:
            found = dataset[index][0]
        except Exception as error:
            why = why or f"; the first: {error}"
            continue
        given = pytree.tree_map(lambda values: values[None].to(setting.device), found)
        return setting.scale(given) if setting.scales(given) else given
    raise Unusable(f"none of the first {min(len(dataset), searched)} samples can be read{why}")
