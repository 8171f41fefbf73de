"""`lrp conditions`: heatmaps of what went through chosen channels, kept in the project and drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np
import xarray as xr

import lrp
from lrp.cli.errors import Unusable
from lrp.cli.options import Setting, model_options
from lrp.cli.project import explainer_of, finding_of, opened_with_inputs
from spray import conditional_relevance, references
from spray.concepts.conditional import condition_name
from spray.files import write_bytes
from spray.pictures.grid import grid
from spray.pictures.images import Look, heatmap_pixels, input_pixels, png, value_range
from spray.recipes.words import numbers

SIDE = 96  # pixels of a picture on a sheet
ROWS = 12  # of a sheet
Condition = tuple[int, ...]


def read_conditions(text: str) -> list[Condition]:
    """A comma is between two conditions, + between channels that count together.

    Args:
        text: Such as `3,17`, `0-9,42` or `3+5,7`.

    Raises:
        Unusable: It is something else.

    Example:
        >>> read_conditions("3+5,7-8")
        [(3, 5), (7,), (8,)]
    """
    found: list[Condition] = []
    for entry in text.split(","):
        try:
            channels = [channel for part in entry.split("+") for channel in numbers(part)]
        except ValueError:
            raise Unusable(f"--channels {text}: give numbers such as 3,17 or 0-9, and 3+17 for both together") from None
        found += [tuple(sorted(set(channels)))] if "+" in entry else [(channel,) for channel in channels]
    return list(dict.fromkeys(found))


@click.command()
@model_options
@click.argument("project", type=click.Path(exists=True, file_okay=False, path_type=Path))
@click.option("--layer", required=True, help="A module path, such as layer3, or a node's name.")
@click.option("--channels", required=True, help="One heatmap for each, such as 3,17 or 0-9; 3+17 for both together.")
@click.option("--samples", metavar="IDS", help="Of these samples, such as 12,40-45.")
@click.option("--finding", metavar="NAME", help="Of the samples of a finding.")
@click.option("--top", type=click.IntRange(1), help="Of so many reference samples of each channel, which have most of "
              "its relevance; of 3+17 those of 3.")  # fmt: skip
@click.option("--beside/--no-beside", default=True, show_default=True, help="Count relevance that passes the layer by, "
              "along a shortcut; without, only what went through it.")  # fmt: skip
@click.option("--axis", type=int, help="Of the layer's channels, where its operators do not say it.")
@click.option("--batch-size", type=click.IntRange(1), default=16, show_default=True, help="Samples predicted at once.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Also draw them, a PNG: a row a sample, "
              "its input, its heatmap, and one for each condition.")  # fmt: skip
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
def conditions(
    setting: Setting, project: Path, layer: str, channels: str, samples: str | None, finding: str | None,
    top: int | None, beside: bool, axis: int | None, batch_size: int, out: Path | None, quiet: bool,
) -> None:  # fmt: skip
    """Keep heatmaps of what went through chosen channels of a layer, R(x | c), for chosen samples of PROJECT.

    What is there already stays, so the same command goes on after an interruption. The model, its weights, composite
    and normalization are those that PROJECT was made with.

    \b
    lrp conditions project --model my:net --weights net.pt --layer layer3 --channels 3,17 --top 8
    """
    if sum(one is not None for one in (samples, finding, top)) != 1:
        raise Unusable("say of which samples: one of --samples, --finding and --top")
    attributions, asked = opened_with_inputs(project), read_conditions(channels)
    if top is not None:
        wanted = _references(attributions, layer, asked, top)
    else:
        wanted = dict.fromkeys(_named(project, samples, finding), asked)
    explain, normalize = explainer_of(setting, attributions)
    new = lrp.attribute_conditions(
        explain, project, layer, wanted, beside=beside, axis=axis, normalize=normalize, batch_size=batch_size,
        progress=not quiet,
    )  # fmt: skip
    total = sum(map(len, wanted.values()))
    click.echo(f"{total} heatmaps of {len(wanted)} samples in {project}/conditions, {new} of them new")
    if out is not None:
        write_bytes(out, png(drawn(project, attributions, layer, wanted, beside)))
        click.echo(out)


def _named(project: Path, samples: str | None, finding: str | None) -> list[int]:
    if samples is not None:
        try:
            return list(dict.fromkeys(numbers(samples)))
        except ValueError:
            raise Unusable(f"--samples {samples}: give ids such as 12,40-45") from None
    return list(finding_of(project, str(finding)).samples)


def _references(
    attributions: xr.Dataset, layer: str, asked: Sequence[Condition], top: int
) -> dict[int, list[Condition]]:
    """Each condition of the reference samples of its first channel."""
    found: dict[int, list[Condition]] = {}
    for condition in asked:
        best = references(attributions, layer=layer, channels=[condition[0]], count=top).reference.values[0]
        for sample in best[best >= 0].tolist():
            found.setdefault(sample, []).append(condition)
    return found


def drawn(
    project: Path, attributions: xr.Dataset, layer: str, wanted: Mapping[int, Sequence[Condition]], beside: bool
) -> np.ndarray:
    """`(height, width, 3)` bytes: a row a sample; a column of inputs, of heatmaps, and one for each condition.

    Raises:
        Unusable: The inputs are no pictures.
    """
    dims = attributions.image.dims
    if dims[-2:] != ("height", "width"):
        raise Unusable(f"--out draws pictures, and these samples are {dims[1:]}: leave it out")
    columns = list(dict.fromkeys(condition_name(one) for each in wanted.values() for one in each))
    low, high = value_range(attributions.image.isel(sample=slice(0, 64)).values)
    rows = list(wanted)[:ROWS]
    sheet = []
    for sample in rows:
        one = attributions[["image", "relevance"]].sel(sample=sample).load()
        kept: Any = conditional_relevance(project, layer, sample, beside=beside)
        here = {condition_name(condition) for condition in wanted[sample]}
        pictures = [input_pixels(one.image.values, low, high), heatmap_pixels(one.relevance.values, Look())]
        pictures += [
            heatmap_pixels(kept.sel(condition=name).values, Look()) if name in here else None for name in columns
        ]
        sheet.append(pictures)
    return grid(sheet, SIDE)
