"""Many trials: one file each, written when it is done. A killed run goes on; several processes share the work."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Iterable
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

import torch
import xarray as xr
from tqdm import tqdm

from bench.clever_hans.choices import Choices
from bench.clever_hans.data import Images
from bench.clever_hans.trial import Trial, run
from lrp.dataset.claims import claim
from spray.store import ProjectError, read_netcdf, versions, write_netcdf

log = logging.getLogger(__name__)


def collect(
    images: Images, todo: list[Trial], choices: Choices, folder: Path, *, workers: int = 1, device: str = "cpu"
) -> xr.Dataset:
    """All of `todo`, made where `folder` does not hold it yet, as one dataset (class, seed, arm, ...).

    Raises:
        ProjectError: The folder holds a trial of other choices.
    """
    start = get_context("spawn").Process
    helpers = [start(target=work, args=(images, todo, choices, folder, device, False)) for _ in range(workers - 1)]
    for helper in helpers:
        helper.start()
    try:
        work(images, todo, choices, folder, device)
    except BaseException:  # interrupted: files are whole at every moment
        for helper in helpers:
            helper.terminate()
        raise
    finally:
        for helper in helpers:
            helper.join()
    return gathered([found for trial in todo if (found := stored(folder, trial, choices)) is not None], choices)


def work(
    images: Images, todo: list[Trial], choices: Choices, folder: Path, device: str = "cpu", progress: bool = True
) -> None:
    """Until every trial is there: make one that nobody else is at."""
    claims = folder / "claims"
    claims.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)  # as fast for small networks, and the same result however many cores there are
    with tqdm(total=len(todo), desc=f"trials in {folder}", unit="trial", disable=not progress) as bar:
        while missing := [trial for trial in todo if stored(folder, trial, choices) is None]:
            bar.update(len(todo) - len(missing) - bar.n)
            idle = True
            for trial in missing:
                with claim(claims / f"{trial}.lock") as ours:
                    if ours and stored(folder, trial, choices) is None:
                        bar.set_postfix_str(str(trial))
                        result = run(images, trial, choices, device).assign_attrs(choices=described(choices))
                        write_netcdf(folder / f"{trial}.nc", result)
                        bar.update()
                        idle = False
            if idle:
                time.sleep(0.5)
        bar.update(len(todo) - bar.n)


def stored(folder: Path, trial: Trial, choices: Choices) -> xr.Dataset | None:
    """The result of a trial; None if there is none yet, or only a damaged file."""
    path = folder / f"{trial}.nc"
    if not path.exists():
        return None
    try:
        found = read_netcdf(path, lambda dataset: dataset.load(), remedy="it is made again")
    except (ProjectError, ValueError) as error:
        log.warning("%s", error)
        return None
    check_same(found, choices, path)
    return found


def check_same(found: xr.Dataset, choices: Choices, path: Path) -> None:
    """Refuse what was made by other choices, naming them."""
    theirs, ours = json.loads(found.attrs.get("choices", "{}")), json.loads(described(choices))
    if theirs != ours:
        differing = [f"{k}: {theirs.get(k)!r}, now {v!r}" for k, v in ours.items() if theirs.get(k) != v]
        raise ProjectError(f"{path} was made by other choices ({'; '.join(differing)}): give another --out, or delete")


def described(choices: Choices) -> str:
    """The choices as JSON; the number of seeds is left out, more seeds may be added to what is there."""
    return json.dumps({name: value for name, value in asdict(choices).items() if name != "seeds"})


def gathered(found: Iterable[xr.Dataset], choices: Choices) -> xr.Dataset:
    """One dataset with dimensions class, seed and arm; NaN where there was no trial."""
    keys = ["class", "seed", "arm"]
    stacked = xr.concat(list(found), "trial", coords=keys, compat="equals", join="exact", combine_attrs="override")
    whole = stacked.set_index(trial=keys).unstack("trial")
    arms = [arm for arm in ("clean", "poisoned", "null") if arm in whole.arm.values]
    whole = whole.sel(arm=arms).transpose("class", "seed", "arm", ...)
    about = {"title": "SpRAy finds Clever Hans predictors: the experiment of doi:10.1371/journal.pone.0336683, Fig 12"}
    return whole.assign_attrs(about, choices=described(choices), versions=json.dumps(versions()))
