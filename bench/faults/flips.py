"""Bits that flip, and files that are cut, behind an unchanged time: right, computed again, or named."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from bench.faults import jobs
from bench.faults.row import Found, Row, Setting
from spray import memo, store
from spray.files import ProjectError
from viewer.projects import Finding, findings

CUTS = 16
PATIENCE = 240  # seconds for all of a kind: the guard of files that hang the library takes 10 for one
ASKED = "right, recomputed or named; 0 read as data, 0 hangs"


def powers(values: xr.DataArray) -> xr.DataArray:
    """What is remembered."""
    return values**0.5


def whole(folder: Path) -> Path:
    """A project that has a file of every kind."""
    path = jobs.project(folder, 60, 2)
    found = xr.Dataset({"tsne": (("sample", "axis"), np.arange(120.0).reshape(60, 2))}, {"sample": np.arange(60)})
    store.save_analysis({"0": found, "1": found + 1}, path, name="a")
    remembered(path)
    findings.keep(path, Finding("a bar", "on the left", samples=(1, 2)))
    store.open_attributions(path)
    return path


def remembered(path: Path) -> Any:
    return memo.memoize(powers, path / "cache")(xr.DataArray(np.arange(300.0), dims="sample"))


READ: dict[str, tuple[str, Callable[[Path], object]]] = {
    "part": ("attributions/part-00000.nc", lambda path: store.open_attributions(path).load()),
    "index": ("attributions/index.nc", lambda path: store.open_attributions(path).load()),
    "category": ("analyses/a/0.nc", lambda path: store.open_analysis(path, "a")["0"]),
    "index of an analysis": ("analyses/a/index.nc", lambda path: store.read_analysis_index(path, "a")),
    "memo entry": ("cache/*/*.nc", remembered),
    "project.json": ("project.json", store.read_project),
    "findings.json": ("findings.json", findings.read),
}
"""Kind -> where it lies, and how it is read."""


def same(found: Any, right: Any) -> bool:
    """Also the names and attributes."""
    return found.identical(right) if isinstance(right, xr.Dataset | xr.DataArray) else found == right


def flips(setting: Setting) -> Iterator[Found]:
    """One line a kind of file, each in a process of its own: who reads in it and does not come back is killed."""
    path, times = whole(setting.folder / "p"), setting.times(40, 200)
    for kind in READ:
        found = Found(f"{times} bit flips and {CUTS} cuts of a {kind}", ASKED)
        process = jobs.start(["-m", "bench.faults.flips", str(path), kind, str(times), str(setting.seed)])
        try:
            said, error = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            said, error = process.communicate()
            found.end("", f"hangs; {error[-300:]}")
        for how, wrong in map(json.loads, said.splitlines()):
            found.end(how, wrong)
        if process.returncode > 0 or not found.runs:
            found.end("", f"the process that reads ends with {process.returncode}: {error[-300:]}")
        yield found


def spoil(path: Path, kind: str, times: int, seed: int) -> Iterator[tuple[str, str]]:
    """Spoil a file, read it, and put the right one back; how each ends."""
    warnings.simplefilter("ignore")
    place, read = READ[kind]
    (file,) = path.glob(place)
    right, raw, when = read(path), file.read_bytes(), file.stat()
    chance = np.random.default_rng(seed)
    for number in range(times + CUTS):
        if number < times:
            at, bit = int(chance.integers(len(raw))), int(chance.integers(8))
            changed = raw[:at] + bytes([raw[at] ^ 1 << bit]) + raw[at + 1 :]
            what = f"{file.name}, bit {bit} of byte {at}"
        else:
            changed = raw[: len(raw) * (number - times) // CUTS]
            what = f"{file.name}, cut to {len(changed)} bytes"
        file.write_bytes(changed)
        os.utime(file, ns=(when.st_atime_ns, when.st_mtime_ns))
        try:
            found = read(path)
        except ProjectError as error:
            yield ("named", "" if file.name in str(error) else f"{what}: the error names no file: {error}")
        except Exception as error:
            yield ("", f"{what}: {type(error).__name__}: {error}")
        else:
            yield ("right or recomputed", "" if same(found, right) else f"{what} is read as data")
        file.write_bytes(raw)


ROW = Row("flips", flips)

if __name__ == "__main__":
    place, name, flipped, drawn = sys.argv[1:]
    for end in spoil(Path(place), name, int(flipped), int(drawn)):
        print(json.dumps(end), flush=True)
