"""`spray references`: what each channel of a hidden layer stands for, told by samples."""

from pathlib import Path

import click
import numpy as np
import xarray as xr

from spray import store
from spray._tables import table
from spray.cli.words import numbers, project_argument, read_by
from spray.concepts import crops, references, stored_conditions
from spray.concepts.layers import STATISTICS
from spray.files import write_bytes
from spray.pictures.grid import grid
from spray.pictures.images import input_pixels, png, value_range

SIDE = 72  # pixels of a crop on a sheet


@click.command("references")
@project_argument
@click.option("--layer", help="[default: the one that was attributed with --concepts]")
@click.option("--by", type=click.Choice(list(STATISTICS)), default="relevance", show_default=True)
@click.option(
    "--channel", "channels", callback=read_by(numbers), help="only these, such as 0-9,42 [default: the 20 strongest]"
)
@click.option("--count", type=click.IntRange(1), default=8, show_default=True, help="samples of each channel")
@click.option("--per", help="within each value of this coordinate, such as label or prediction")
@click.option("--sheet", type=click.Path(dir_okay=False, path_type=Path), help="also draw what the channels see, a PNG")
def show_references(
    project: Path,
    layer: str | None,
    by: str,
    channels: tuple[int, ...] | None,
    count: int,
    per: str | None,
    sheet: Path | None,
) -> None:
    """The samples in which channels of a hidden layer have most relevance (RelMax), or are most active (--by max).

    They are found in what PROJECT keeps, without the model; --sheet draws each cut to what the channel's place sees.
    """
    if sheet is not None and per is not None:
        raise click.UsageError("--sheet draws one row a channel: leave out --per")
    attributions = store.open_attributions(project)
    found = references(attributions, layer=layer, by=by, channels=channels, count=count, per=per)
    if channels is None:
        best = found.value.max([dim for dim in found.value.dims if dim != "channel"]).fillna(-np.inf)
        found = found.isel(channel=np.argsort(-best.values, kind="stable")[:20])
    click.echo(f"layer {found.attrs['layer']}, {STATISTICS[by]}")
    for group in [None] if per is None else found[per].values:
        one = found if group is None else found.sel({per: group})
        if group is not None:
            click.echo(f"{per} {group}")
        click.echo(table([(str(int(channel)), _row(one, channel)) for channel in one.channel.values]))
    if sheet is not None:
        write_bytes(sheet, png(drawn(attributions, found)))
        click.echo(f"wrote {sheet}")


def conditions_kept(project: Path) -> list[tuple[str, str]]:
    """Rows of `spray info`: the conditional heatmaps of each layer."""
    rows = []
    for layer, beside, samples in stored_conditions(project):
        names = sorted(
            {name for each in samples.values() for name in each}, key=lambda text: [*map(int, text.split("+"))]
        )
        shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
        where = "" if beside else ", only through the layer"
        rows.append(("conditions", f"layer {layer}, channels {shown}{where}: {len(samples)} samples"))
    return rows


def _row(found: xr.Dataset, channel: int) -> str:
    one = found.sel(channel=channel)
    shown = zip(one.reference.values.tolist(), one.value.values.tolist(), strict=True)
    return ", ".join(f"{sample} ({value:.1%})" for sample, value in shown if sample >= 0)


def drawn(attributions: xr.Dataset, found: xr.Dataset) -> np.ndarray:
    """A row a channel, the crops of its references side by side: `(height, width, 3)` bytes.

    Raises:
        ValueError: The inputs are no pictures.
    """
    low, high = value_range(attributions["image"].isel(sample=slice(0, 64)).values)
    rows = []
    for channel in found.channel.values:
        rows.append([])
        for crop in crops(attributions, found, int(channel)):
            if not {"height", "width"} <= set(crop.dims):
                raise ValueError(f"the inputs are no pictures, but {crop.dims}: leave out --sheet")
            front = [dim for dim in crop.dims if dim not in ("height", "width")]
            rows[-1].append(input_pixels(crop.transpose(*front, "height", "width").values, low, high))
    return grid(rows, SIDE)
