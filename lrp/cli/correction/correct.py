"""`lrp locate`, `lrp correct`: from a finding to a corrected model and the proof."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
import xarray as xr

import lrp
from lrp.cli.correction.evidence import Evidence, Stored, evidence, samples
from lrp.cli.correction.models import writer
from lrp.cli.correction.watching import watch as watched
from lrp.cli.errors import Unusable
from lrp.cli.options import Setting, model_options
from lrp.cli.target import dataset_target
from lrp.correct import METHODS, Located, Samples, as_text, choose, is_worse, masks
from lrp.correct.losses import paste
from lrp.correct.methods import correct as corrected
from lrp.correct.selection import locate as located
from lrp.graph.graph import Graph
from spray import store
from spray.files import replacing, write_bytes
from spray.pictures.grid import grid
from spray.pictures.images import input_pixels, png, value_range
from spray.store.corrections import REPORT

SHOWN, SIDE = 8, 64  # pictures in a row of a contact sheet, and pixels of one at least

FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)
finding_option = click.option(
    "--finding", required=True, metavar="NAME", help="Samples with the artefact, kept in the project."
)
_layer = click.option(
    "--layer", default="auto", show_default=True, help="Where its direction is taken: a layer, or auto, the one that "
    "tells it best.",
)  # fmt: skip


@click.command()
@model_options
@click.argument("project", type=FOLDER)
@finding_option
@_layer
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A picture (.png): the selection, what "
              "was located in it, and below it the samples most like it that are not in it.")  # fmt: skip
def locate(setting: Setting, project: Path, finding: str, layer: str, out: Path | None) -> None:
    """Say in which layer, along which direction and where in the input the artefact of a finding is.

    Look at the selection before correcting: what half of it does not share makes the correction worse than none.
    """
    given = evidence(project, finding, setting)
    found = _located(given, setting, layer)
    width = max(len(place.layer) for place in found.places)
    for place in found.places[:10]:
        click.echo(f"{place.layer:<{width}}  {place.pool:<5}  AUROC {place.auroc:.2f}")
    assert found.source.mask is not None
    share = found.source.mask.flatten(1).mean(1)
    click.echo(f"located on {float(share.mean()):.1%} of the input in {int((share > 0).sum())} of {len(share)} samples")
    near = [str(given.ids[row]) for row in found.nearest[:SHOWN]]
    click.echo(f"most like the selection, and not in it: {', '.join(near)}")
    if out is not None:
        _sheet(given, found, out)
        click.echo(out)


def _located(given: Evidence, setting: Setting, layer: str) -> Located:
    composite = setting.composite(given.data.x[:1])
    return located(given.graph, given.data, given.members, composite, None if layer == "auto" else layer)


def _sheet(given: Evidence, found: Located, out: Path) -> None:
    """Members over their nearest others; the located places keep their brightness, the rest is dimmed."""
    if given.pixels.ndim != 4:
        raise Unusable("--out draws pictures, and these samples are none")
    assert found.source.mask is not None
    low, high = value_range(given.pixels[:64].numpy())
    members, near = (
        [input_pixels(one.numpy(), low, high) for one in given.pixels[rows]]
        for rows in (np.flatnonzero(given.members)[:SHOWN], list(found.nearest[:SHOWN]))
    )
    light = 0.3 + 0.7 * found.source.mask[:SHOWN].cpu().float().amax(1)[..., None].numpy()
    dimmed = [(one * share).astype(np.uint8) for one, share in zip(members, light, strict=True)]
    write_bytes(out, png(grid([members, dimmed, near], max(SIDE, *given.pixels.shape[-2:]))))


@click.command()
@model_options
@click.argument("project", type=FOLDER)
@click.option("--watch", is_flag=True, help="Do what visitors of the viewer ask for, until it is stopped; instead of "
              "--finding, --layer, --method, --out and --project.")  # fmt: skip
@click.option("--finding", metavar="NAME", help="Samples with the artefact, kept in the project.")
@_layer
@click.option("--method", type=click.Choice(["auto", *METHODS]), default="auto", show_default=True,
              help="auto: the best of five, tried; paste: train with the located artefact on everything; exchange: "
              "with that of other samples, where it is a background, say; insensitive: RR-ClArC; right-reasons: RRR; "
              "augment: A-ClArC; project: P-ClArC; last-layer: DFR; prune: EGEM.")  # fmt: skip
@click.option("--data", help="What the model was trained on, as in lrp attribute. Default: the project's own samples.")
@click.option("--validation", metavar="DATA", help="Samples that the model was not trained on, none of --test: what "
              "method auto is judged on. Default: held-out training samples, which say less.")  # fmt: skip
@click.option("--test", required=True, metavar="DATA", help="What the proof is made on, as in lrp attribute.")
@click.option("--artefact", metavar="NAME", help="The array of --test that tells which samples carry the artefact. "
              "Default: the located artefact is pasted on every test sample, and both are compared.")  # fmt: skip
@click.option("--epochs", default=30, show_default=True, help="At most; training ends when it no longer helps.")
@click.option("--rate", default=1e-3, show_default=True, help="Learning rate of Adam.")
@click.option("--weight", default=1.0, show_default=True, help="Of the term beside the classification loss, of which 1 "
              "is its size at the start.")  # fmt: skip
@click.option("--batch-size", default=64, show_default=True)
@click.option("--draw", default=0, show_default=True, help="Seed of training.")
@click.option("--state", type=click.Path(dir_okay=False, path_type=Path), help="A file to go on from after a kill.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="The corrected model: "
              ".pt2, an exported program; .onnx; or .pt or .safetensors, its state_dict.")  # fmt: skip
@click.option("--project", "after", type=click.Path(file_okay=False, path_type=Path), help="A project of the same "
              "samples, explained by the corrected model; it keeps the report.")  # fmt: skip
@click.option("--figure", type=click.Path(dir_okay=False, path_type=Path), help="The report as a picture.")
@click.option("--quiet", "-q", is_flag=True, help="No progress bar.")
def correct(
    setting: Setting, project: Path, watch: bool, finding: str | None, layer: str, method: str, out: Path | None,
    after: Path | None, figure: Path | None, **training: Any,
) -> None:  # fmt: skip
    """Correct a model's reliance on the artefact of a finding, and prove it on test data.

    Prints, for each class with and without the artefact, accuracy, relevance on the artefact, sensitivity to it and
    changed predictions, before and after, with 95 % intervals.
    """
    if watch and training["state"] is not None:
        raise Unusable("--state is of one correction, --watch does many: leave one out")
    if watch:
        watched(project, lambda one, folder: _corrected(
            setting, project, one.finding, one.layer, one.method, folder.with_suffix(".pt2"), folder, None, **training
        ))  # fmt: skip
        return
    if finding is None or out is None:
        raise Unusable("give --finding NAME and --out FILE; or --watch, to do what visitors of the viewer ask for")
    _corrected(setting, project, finding, layer, method, out, after, figure, **training)


def _corrected(
    setting: Setting, project: Path, finding: str, layer: str, method: str, out: Path, after: Path | None,
    figure: Path | None, *, data: str | None, validation: str | None, test: str, artefact: str | None, epochs: int,
    rate: float, weight: float, batch_size: int, draw: int, state: Path | None, quiet: bool,
) -> str:  # fmt: skip
    """Correct, prove, write; which method was taken, and why."""
    write = writer(out)
    given = evidence(project, finding, setting)
    found = _located(given, setting, layer)
    click.echo(found.why)
    like = given.data.x[0]
    training = given.data if data is None else samples(data, setting, like)
    proof = _proof(samples(test, setting, like, artefact), found, draw)
    options: dict[str, Any] = {"epochs": epochs, "weight": weight, "batch_size": batch_size}
    options |= {"optimizer": _adam(rate), "progress": not quiet}
    name, why, tried = method, "as asked", ""
    if method == "auto":
        unseen = None if validation is None else samples(validation, setting, like)
        choice = choose(found, training, validation=unseen, seed=draw, **options)
        name, why, tried = choice.method, choice.why, str(choice)
        click.echo(tried)
    click.echo(f"method {name}: {why}")
    graph = corrected(found, training, name, seed=draw, path=state, **options)
    report = lrp.correct.report(
        given.graph, graph, proof, found.composite, layer=found.layer, v=found.v, label_names=given.label_names
    )
    how = "by " + artefact if artefact else "each test sample, and the same with the located artefact pasted on it"
    report = report.assign_attrs(finding=finding, method=name, layer=found.layer, auroc=found.auroc, groups=how)
    report = report.assign_attrs(why=why, tried=tried)
    write(graph, given.data.x[:2], out)
    click.echo(f"{as_text(report)}\n{out}")
    if figure is not None:
        with replacing(figure) as temporary:
            lrp.correct.draw(report).savefig(temporary, format=figure.suffix.lstrip(".") or "png")
    if after is not None:
        _explained(project, after, given, graph, setting, report, quiet)
        click.echo(after)
    for said in is_worse(report):
        click.echo(f"warning: {said}", err=True)
    return f"{name}: {why}"


def _adam(rate: float) -> Any:
    from functools import partial

    return partial(torch.optim.Adam, lr=rate)


def _proof(test: Samples, found: Located, seed: int) -> Samples:
    """Test samples with and without the artefact, and where it is."""
    assert found.source.mask is not None
    if test.artefact is not None:
        if not test.artefact.any() or test.artefact.all():
            raise Unusable("--artefact: all test samples, or none, carry it; leave it out, and it is pasted on them")
        mask = torch.zeros_like(test.x[:, :1])
        carrying = test.artefact
        mask[carrying] = masks(
            lrp.correct.localize(found.graph, found.layer, found.v, test.x[carrying], found.composite)
        ).to(mask)
        return Samples(test.x, test.y, test.artefact, mask)
    source = found.source.rows(found.source.mask.flatten(1).any(1))
    if not len(source):
        raise Unusable(
            "no place was located in any sample of the finding: say with --artefact which test samples carry it"
        )
    generator = torch.Generator().manual_seed(seed)
    state = generator.get_state()
    pasted = paste(test.x, source, generator)
    where = paste(torch.zeros_like(test.x[:, :1]), _as_input(source), generator.set_state(state))
    artefact = torch.arange(2 * len(test), device=test.x.device) >= len(test)
    return Samples(
        torch.cat([test.x, pasted]), torch.cat([test.y, test.y]), artefact, torch.cat([torch.zeros_like(where), where])
    )


def _as_input(source: Samples) -> Samples:
    """The masks in place of the pictures: what is pasted of them tells where."""
    assert source.mask is not None
    return Samples(source.mask, source.y, mask=source.mask)


def _explained(
    project: Path, after: Path, given: Evidence, graph: Graph, setting: Setting, report: xr.Dataset, quiet: bool
) -> None:
    """The project's samples, explained by the corrected model, and the report beside them."""
    facts: Any = store.read_project(project)
    text = str((facts.get("settings") or {}).get("target", "label"))
    explain = lrp.explainer(graph, setting.composite(given.data.x[:1]))
    dataset = Stored(given.pixels, given.data.y.cpu().numpy(), given.label_names)
    lrp.attribute_dataset(
        explain, dataset, after, target=dataset_target(text), ids=given.ids.tolist(),
        normalize=given.normalize, keep=lrp.Kept(kind=facts.get("kind")), progress=not quiet,
        name=f"{facts.get('name', project.name)}, corrected", model=f"{facts.get('model', '')}, corrected",
    )  # fmt: skip
    store.write_netcdf(after / REPORT, report, large="group", root=after)
