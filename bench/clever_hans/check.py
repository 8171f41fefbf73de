"""Do the published results hold? Their criteria again, and the models of one class trained and explained anew."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import xarray as xr

from bench.clever_hans import criteria
from bench.clever_hans.choices import CIFAR10, DIGITS, Choices
from bench.clever_hans.data import Images
from bench.clever_hans.results import check_same, collect
from bench.clever_hans.trial import Trial
from spray.store import read_netcdf

PUBLISHED = Path(__file__).parents[2] / "docs" / "experiment.nc"
# How far class means may be off: where rounding differs, training ends elsewhere, and so do labels of clusters
TOLERANCE = {"accuracy": 0.05, "share_boxed": 0.05, "tau": 0.2, "ami": 0.2}


def published(path: Path) -> xr.Dataset:
    """The stored trials.

    Raises:
        ProjectError: There are none, or they were made by other choices than the code's.
    """
    trials = read_netcdf(path, lambda dataset: dataset.load(), remedy="run python -m bench.clever_hans --publish")
    check_same(trials, CIFAR10 if "cifar10" in trials.attrs.get("choices", "") else DIGITS, path)
    return trials


def rerun(trials: xr.Dataset, images: Images, label: int, choices: Choices, *, workers: int = 1) -> xr.Dataset:
    """The control and the poisoned models of one class, made again in a folder that is thrown away."""
    arms = [arm for arm in ("clean", "poisoned") if arm in trials.arm.values]
    todo = [Trial(label, int(seed), arm) for seed in trials.seed.values for arm in arms]
    with TemporaryDirectory() as folder:
        return collect(images, todo, choices, Path(folder), workers=workers)


def compared(stored: xr.Dataset, live: xr.Dataset) -> tuple[str, bool]:
    """A table of stored and live means over the seeds, and whether they agree."""
    stored = stored.sel({"class": live["class"], "arm": live.arm})
    lines = ["| class mean of | model | stored | live | largest difference of a trial |", "|---|---|---|---|---|"]
    agree = True
    for name, tolerance in TOLERANCE.items():
        for arm in live.arm.values:
            theirs, ours = (criteria.fixed(part)[name].sel(arm=arm) for part in (stored, live))
            largest = float(abs(theirs - ours).max())
            agree &= bool(abs(theirs.mean() - ours.mean()) <= tolerance) and np.isfinite(largest)
            lines.append(f"| {name} | {arm} | {theirs.mean():.4f} | {ours.mean():.4f} | {largest:.2g} |")
    return "\n".join(lines), agree
