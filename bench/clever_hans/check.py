"""Do the published results hold? Their criteria again, and the models of one class trained and explained anew."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import xarray as xr

from bench.clever_hans import criteria
from bench.clever_hans.choices import EXPERIMENTS
from bench.clever_hans.data import Images
from bench.clever_hans.results import check_same, collect
from bench.clever_hans.trial import Trial
from spray.store import read_netcdf

DOCS = Path(__file__).parents[2] / "docs"
# How far class means may be off: where rounding differs, training ends elsewhere, and so do labels of clusters
TOLERANCE = {"accuracy": 0.05, "share_boxed": 0.05, "tau": 0.2, "ami": 0.2}


def file_of(name: str, folder: Path = DOCS) -> Path:
    """Where the trials of an experiment are published."""
    return folder / ("experiment.nc" if name == "digits" else f"experiment-{name}.nc")


def published(name: str, folder: Path = DOCS) -> xr.Dataset:
    """The stored trials of an experiment.

    Raises:
        ProjectError: There are none, or they were made by other choices than the code's.
    """
    path = file_of(name, folder)
    trials = read_netcdf(path, lambda dataset: dataset.load(), remedy="run python -m bench.clever_hans --publish docs")
    check_same(trials, EXPERIMENTS[name], path)
    return trials


def rerun(name: str, images: Images, label: int, seeds: int, *, workers: int = 1, device: str = "cpu") -> xr.Dataset:
    """The control and the poisoned models of one class, made again in a folder that is thrown away."""
    todo = [Trial(label, seed, arm) for seed in range(seeds) for arm in ("clean", "poisoned")]
    with TemporaryDirectory() as folder:
        return collect(images, todo, EXPERIMENTS[name], Path(folder), workers=workers, device=device)


def compared(stored: xr.Dataset, live: xr.Dataset) -> tuple[str, bool]:
    """A table of stored and live means over the seeds, and whether they agree."""
    stored = stored.sel({"class": live["class"], "arm": live.arm})
    lines = ["| class mean of | model | stored | live | largest difference of a trial |", "|---|---|---|---|---|"]
    agree = True
    for name, tolerance in TOLERANCE.items():
        for arm in live.arm.values:
            theirs, ours = (criteria.fixed(part)[name].sel(arm=arm) for part in (stored, live))
            largest = float(abs(theirs - ours).max())
            agree &= bool(abs(theirs.mean() - ours.mean()) <= tolerance) and bool(np.isfinite(largest))
            lines.append(f"| {name} | {arm} | {theirs.mean():.4f} | {ours.mean():.4f} | {largest:.2g} |")
    return "\n".join(lines), agree
