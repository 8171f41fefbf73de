"""Small data that every spray test uses."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import xarray as xr


def blobs(n=60, features=12, centres=3, spread=0.3, seed=0):
    """Points around `centres` random centres; ids are neither sorted nor dense. Returns (data, true centre)."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n) % centres
    points = rng.normal(size=(centres, features))[truth] * 3 + spread * rng.normal(size=(n, features))
    ids = rng.permutation(10 * n)[:n]
    return xr.DataArray(points, dims=["sample", "feature"], coords={"sample": ids}, name="points"), truth


def noise(n=50, features=8, seed=0):
    rng = np.random.default_rng(seed)
    ids = rng.permutation(10 * n)[:n]
    return xr.DataArray(
        rng.normal(size=(n, features)), dims=["sample", "feature"], coords={"sample": ids}, name="noise"
    )


def shuffled(data, seed=1):
    return data.isel(sample=np.random.default_rng(seed).permutation(data.sizes["sample"]))


def kill_writers(write, times, path):
    """Run `write(n)` for n = 0, 1, ... again and again in a process that is killed, at `times` moments. One interpreter
    imports everything once and forks the writers."""
    script = f"""
import os, random, signal, sys, time
import numpy as np, xarray as xr
import spray
from spray import store
path = sys.argv[1]
{write}
write(-1)  # what is imported late is imported now
random.seed(0)
for kill in range({times}):
    pid = os.fork()
    if not pid:
        for n in range(10**9):
            write(n + 1000 * kill)
    time.sleep(random.uniform(0, 0.06))
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
"""
    subprocess.run([sys.executable, "-c", script, str(path)], check=True, timeout=120)
    assert list(Path(path).rglob(".*.tmp")), "not one writer was killed in the middle of a file"
