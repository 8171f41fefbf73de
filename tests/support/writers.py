"""What tests of the one writer share: a part, a process of its own, what lies about."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import xarray as xr

ROOT = Path(__file__).resolve().parents[2]


def part(n=4):
    values = np.random.default_rng(0).normal(size=(n, 8, 8)).astype("f4")
    return xr.Dataset({"relevance": (("sample", "y", "x"), values)}, {"sample": np.arange(n)})


def temporaries(path):
    return list(Path(path).rglob(".*.tmp"))


def changed(file, when):
    os.utime(file, (when, when))


def run(code, *arguments, **options):
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, **options)
