"""`lrp plan | audit`: what a model's operators get, and where relevance goes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click
import torch
from torch import Tensor

import lrp
from lrp.cli.errors import Unusable
from lrp.cli.options import FILE, Setting, model_options
from lrp.cli.pictures import pictures
from lrp.cli.target import FORMS
from lrp.cli.target import target as load_target
from lrp.explain.target import seed_of


@click.command()
@model_options
@click.option("--input", "shape", default="3x224x224", show_default=True, help="Shape of one input.")
def plan(setting: Setting, shape: str) -> None:
    """Show which rule each operator of the model gets, or every operator that has none."""
    zeros = _zeros(shape, setting)
    composite = setting.composite(zeros)
    graph = lrp.canonize(lrp.trace(setting.model, zeros, setting.output), composite=composite)
    click.echo(repr(lrp.plan(graph, composite)))


def _zeros(shape: str, setting: Setting) -> Tensor:
    try:
        sizes = [int(size) for size in shape.split("x")]
    except ValueError:
        raise Unusable(f"--input {shape}: give sizes such as 3x224x224") from None
    return torch.zeros(1, *sizes, device=setting.device)


@click.command()
@model_options
@click.argument("images", nargs=-1, required=True, type=FILE)
@click.option("--size", default=224, show_default=True, help="Side that pictures are scaled and cropped to.")
@click.option("--target", help=f"{FORMS}. Default: the predicted class.")
def audit(setting: Setting, images: Sequence[Path], size: int, target: str | None) -> None:
    """Account for relevance operator by operator: what arrives, is passed on, and is absorbed.

    Bias, stabilizer and operators that pass nothing on absorb it. Shares are means over the
    images, in percent of the relevance at the output.
    """
    x = setting.scale(pictures(images, size, setting.gray)).to(setting.device)
    explain = lrp.explainer(setting.model, x[:1], setting.composite(x), output=setting.output)
    output, _ = explain.program(explain.weights, x)
    account = lrp.audit(explain.program, explain.weights, x, seed_of(output, load_target(target)))
    names = ("arrived", "passed", "bias", "stabilizer", "dropped")
    table = {name: (100 * account[name] / account.seed).mean("sample").values for name in names}
    width = max(len(str(layer)) for layer in account.layer.values)
    click.echo(f"{'layer':<{width}}  {'operator':<20}" + "".join(f"{name:>12}" for name in names))
    for row, (layer, operator) in enumerate(zip(account.layer.values, account.operator.values, strict=True)):
        cells = "".join(f"{table[name][row]:>11.2f}%" for name in names)
        click.echo(f"{layer:<{width}}  {operator:<20}{cells}")
    received = (100 * account.input / account.seed).mean().item()
    worst = (abs(account.residual) / account.scale).max().item()
    click.echo(f"the input receives {received:.2f}%; the account is off by {worst:.1e} of its terms")
