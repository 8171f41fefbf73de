"""Seconds, in turns; and the peak of memory, in a process of its own for each."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

import torch
from tqdm import tqdm

from bench.attribution.runs import Run, contestants
from bench.memory import peak_memory


def seconds(runs: Mapping[str, Run], rounds: int, device: str) -> dict[str, float]:
    """Median seconds of each, taken in turns so that all see the same weather."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for turn in tqdm(range(rounds + 1), leave=False, unit="round"):
        for name, run in runs.items():
            start = time.perf_counter()
            run()
            if device != "cpu":
                torch.cuda.synchronize()
            if turn:  # the first round compiles and warms up
                found[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in found.items()}


def time_row(name: str, composite: str, batch: int, given: Any) -> dict[str, Any]:
    """One line of the table of times."""
    runs, setup = contestants(name, composite, batch, given.device, given.compile)
    found = seconds(runs, given.rounds, given.device)
    return {"model": name, "composite": composite, "batch": batch, "setup": setup, "seconds": found}


def peak(name: str, composite: str, batch: int, device: str, who: str) -> float:
    """Peak memory of a fresh process that explains twice, MB: resident on a CPU, allocated on a GPU."""
    call = f"from bench.attribution.times import peak_child; peak_child{(name, composite, batch, device, who)!r}"
    done = subprocess.run([sys.executable, "-c", call], capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def peak_child(name: str, composite: str, batch: int, device: str, who: str) -> None:
    runs, _ = contestants(name, composite, batch, device, peers=who in ("Zennit", "Captum"))
    if device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    for _ in range(2):
        runs[who]()
    print(json.dumps(1024 * peak_memory() if device == "cpu" else torch.cuda.max_memory_allocated() / 2**20))


def memory_row(name: str, composite: str, batch: int, given: Any) -> dict[str, Any]:
    """Peaks of the gradient, of ours and of Zennit."""
    peaks = {}
    for who in ("gradient", "ours", "Zennit"):
        try:
            peaks[who] = peak(name, composite, batch, given.device, who)
        except subprocess.CalledProcessError as error:
            if "KeyError" not in error.stderr:  # Zennit has no canonizer for the model
                raise
    return {"model": name, "composite": composite, "batch": batch, "megabytes": peaks}
