"""`lrp compare`: is a correction one?"""

from __future__ import annotations

import sys
from pathlib import Path

import click
import numpy as np
import torch
import xarray as xr

import lrp
from lrp.cli.correction.correct import FOLDER
from lrp.cli.errors import Unusable
from lrp.cli.options import reported
from lrp.cli.project import finding_of
from lrp.correct import Samples, as_text, is_worse
from spray import store
from spray.store.corrections import REPORT


@click.command()
@click.argument("project", type=FOLDER)
@click.argument("after", type=FOLDER)
@click.option("--finding", required=True, metavar="NAME", help="Samples with the artefact, kept in the first project.")
@click.option("--tolerance", default=0.01, show_default=True, help="How much clean accuracy may fall.")
@click.option("--debug", is_flag=True, help="Show where an error comes from: Python's traceback.")
def compare(project: Path, after: Path, finding: str, tolerance: float, debug: bool) -> None:
    """Compare a project with that of the corrected model; exit code 1 if the correction is none.

    It is none if the worst group's accuracy fell, or clean accuracy by more than the tolerance: by the report that
    lrp correct kept, and else by the predictions on the project's own samples, with and without the artefact.
    """
    with reported(debug=debug):
        kept = finding_of(project, finding)
        report = _kept_report(after, finding)
        if report is None:
            click.echo(f"{after} has no report of {finding!r}: compared on the project's own samples", err=True)
            report = _by_predictions(project, after, kept.ids)
        click.echo(as_text(report))
        said = is_worse(report, tolerance)
        for reason in said:
            click.echo(f"worse: {reason}", err=True)
    if said:
        sys.exit(1)


def _kept_report(after: Path, finding: str) -> xr.Dataset | None:
    if not (after / REPORT).exists():
        return None
    report = store.read_netcdf(after / REPORT, lambda dataset: dataset.load(), remedy="run lrp correct again")
    return report if report.attrs.get("finding") == finding else None


def _by_predictions(project: Path, after: Path, ids: np.ndarray) -> xr.Dataset:
    """Accuracy and changed predictions of the project's samples."""
    both = [store.read_index(path) for path in (project, after)]
    common = np.intersect1d(both[0].sample.values, both[1].sample.values)
    if not len(common):
        raise Unusable(f"{project} and {after} have no sample in common")
    one, other = (index.sel(sample=common) for index in both)
    y, artefact = torch.as_tensor(one.label.values), torch.as_tensor(np.isin(common, ids))
    told = {"before": one.prediction.values, "after": other.prediction.values}
    return lrp.correct.of_predictions(told, Samples(torch.zeros(len(y), 1), y, artefact))
