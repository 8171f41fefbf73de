"""The work that is killed, cut and starved of disk: small, of fixed numbers, and with an answer that can be compared.

`python -m bench.faults.jobs JOB FOLDER` does one; `JOBS` has the command lines. Every job makes or completes the
project in FOLDER. It imports no torch before that is needed: each run is a process of its own.
"""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from spray import memo, store
from viewer.projects import Finding, findings

ROOT = Path(__file__).resolve().parents[2]
SAMPLES, SIDE = 160, 6
ENVIRONMENT = os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
ENTRY = "from {0} import main; main()"


def network() -> Any:
    """What `lrp attribute` explains: a convolution and a layer, with the weights of seed 0."""
    import torch

    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(4 * (SIDE - 2) ** 2, 3)]
    return torch.nn.Sequential(*layers).eval()


def pixels() -> np.ndarray:
    """Its images."""
    return np.random.default_rng(0).random((SAMPLES, 1, SIDE, SIDE)).astype("f4")


def project(folder: Path, samples: int = SAMPLES, parts: int = 4) -> Path:
    """A project with parts of four labels, not yet analysed."""
    random = np.random.default_rng(0)
    size = samples // parts
    store.write_project(folder, name="p", samples=store.expected_samples(range(samples), size))
    heat = random.normal(size=(samples, SIDE, SIDE)).astype("f4")
    for number in range(parts):
        ids = np.arange(number * size, (number + 1) * size)
        arrays = {"relevance": (("sample", "y", "x"), heat[ids])}
        store.write_part(folder, number, xr.Dataset(arrays, {"sample": ids, "label": ("sample", ids % 4)}))
    return folder


def attribute(folder: Path) -> list[str]:
    """`lrp attribute` of 160 images in 40 shards."""
    data = folder.parent / "pixels.npy"
    if not data.exists():
        np.save(data, pixels())
    options = ["--composite", "epsilon_plus", "--shard-size", "4", "--batch-size", "4", "--target", "1"]
    model = ["--model", "bench.faults.jobs:network", "--normalize", "none"]
    return ["-m", "lrp.cli", "attribute", *model, "--data", str(data), "--out", str(folder), *options]


def analyse(folder: Path) -> list[str]:
    """`spray analyse` of four categories with 40 samples each."""
    if not (folder / "project.json").exists():
        project(folder)
    options = ["--neighbors", "5", "--components", "4", "--by", "label"]
    return ["-c", ENTRY.format("spray.cli"), "analyse", str(folder), *options]


def own(name: str) -> Callable[[Path], list[str]]:
    """A job of this file."""
    return lambda folder: ["-m", "bench.faults.jobs", name, str(folder)]


JOBS: Mapping[str, Callable[[Path], list[str]]] = {
    "attribute": attribute,
    "analyse": analyse,
    "memo": own("remember"),
    "findings": own("keep"),
}


def start(arguments: list[str], before: tuple[str, ...] = (), **options: Any) -> subprocess.Popen[str]:
    """A Python of its own; `before` stands in front of it on the command line."""
    options = {"preexec_fn": interruptible, **options}
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, "cwd": ROOT, "env": ENVIRONMENT}
    return subprocess.Popen([*before, sys.executable, *arguments], **{**pipes, **options})


def interruptible() -> None:
    """A shell's background processes, and what they start, ignore SIGINT."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def remember(folder: Path) -> None:
    """Twenty results of a function, remembered; what they are is the answer."""
    powers = memo.memoize(_powers, folder / "cache")
    for number in range(20):
        found = powers(xr.DataArray(np.arange(20_000.0) + number, dims="sample"))
        print(number, hashlib.sha256(found.values.tobytes()).hexdigest(), flush=True)


def _powers(values: xr.DataArray) -> xr.DataArray:
    return values**0.5 + np.sin(values)


def keep(folder: Path) -> None:
    """Findings up to the twentieth, each named aloud once it is kept."""
    folder.mkdir(exist_ok=True)
    for number in range(len(findings.load(folder)), 20):
        print(findings.keep(folder, Finding(str(number), "text " * 400, samples=(number,))), flush=True)


def content(folder: Path) -> dict[str, str]:
    """All data of a project, as digests by file: of values, dtypes and names, not of when they were written."""
    found: dict[str, str] = {}
    for file in sorted(folder.rglob("*.nc")):
        if "cache" not in file.parts and file.name != "index.nc":
            found[str(file.relative_to(folder))] = store.read_netcdf(file, _digest, remedy="")
    kept = findings.load(folder)
    if kept:
        found["findings.json"] = repr([(name, kept[name].text, kept[name].samples) for name in kept])
    return found


def _digest(data: xr.Dataset) -> str:
    whole = hashlib.sha256()
    for name in sorted(map(str, data.variables)):
        values = data[name].values
        raw = repr(values.tolist()).encode() if values.dtype == object else values.tobytes()
        whole.update(f"{name} {data[name].dims} {values.dtype} {values.shape} ".encode() + raw)
    return whole.hexdigest()


def temporaries(folder: Path) -> list[Path]:
    """Files that are being written, or were."""
    return sorted(folder.rglob(".*.tmp"))


if __name__ == "__main__":
    {"remember": remember, "keep": keep}[sys.argv[1]](Path(sys.argv[2]))
