"""Seconds, in turns; and the peak of memory. Each contestant has a process of its own.

What one leaves in the allocator changes what the next one's memory costs: after Zennit the same gradient of VGG-16 took
a third less.
"""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import ExitStack
from multiprocessing import get_context, parent_process
from typing import Any

import torch
from tqdm import tqdm

from bench.attribution.runs import CONTESTANTS, Case, Run, setup
from bench.memory import peak_memory

Make = Callable[[Case], Run | None]
_run: Run | None = None  # of this process


def process() -> ProcessPoolExecutor:
    """A fresh process that calls what it is given, and ends with this one, be it killed."""
    return ProcessPoolExecutor(1, get_context("spawn"), initializer=_end_with_parent)


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _build(make: Make, case: Case) -> bool:
    global _run
    _run = make(case)
    return _run is not None


def _call(device: str) -> None:
    assert _run is not None
    _run()
    if device != "cpu":
        torch.cuda.synchronize()


def _timed(device: str) -> float:
    """Of the second of two calls: the first compiles, and later finds the caches as the others left them."""
    _call(device)
    start = time.perf_counter()
    _call(device)
    return time.perf_counter() - start


def _result(who: str, done: Future[Any]) -> Any:
    try:
        return done.result()
    except Exception as error:
        error.add_note(f"in the process of {who}")  # which may have died without a word
        raise


def seconds(makers: Mapping[str, Make], case: Case, rounds: int) -> dict[str, float]:
    """Median seconds of each, taken in turns so that all see the same weather, in processes of their own."""
    with ExitStack() as stack:
        made = {who: stack.enter_context(process()) for who in makers}
        built = {who: there.submit(_build, makers[who], case) for who, there in made.items()}
        able = {who: made[who] for who, done in built.items() if _result(who, done)}
        found: dict[str, list[float]] = {who: [] for who in able}
        for _ in tqdm(range(rounds), leave=False, unit="round"):
            for who, there in able.items():
                found[who].append(_result(who, there.submit(_timed, case.device)))
    return {who: statistics.median(values) for who, values in found.items()}


def time_row(name: str, composite: str, batch: int, given: Any) -> dict[str, Any]:
    """One line of the table of times."""
    case = Case(name, composite, batch, given.device)
    makers = {who: make for who, make in CONTESTANTS.items() if given.compile or not who.endswith("compiled")}
    with process() as there:
        needed = there.submit(setup, case).result()
    found = seconds(makers, case, given.rounds)
    return {"model": name, "composite": composite, "batch": batch, "setup": needed, "seconds": found}


def _peak(who: str, case: Case) -> float | None:
    """Peak memory of this process, which explains twice, MB: resident on a CPU, allocated on a GPU."""
    run = CONTESTANTS[who](case)
    if run is None:
        return None
    if case.device != "cpu":
        torch.cuda.reset_peak_memory_stats()
    for _ in range(2):
        run()
    return 1024 * peak_memory() if case.device == "cpu" else torch.cuda.max_memory_allocated() / 2**20


def memory_row(name: str, composite: str, batch: int, given: Any) -> dict[str, Any]:
    """Peaks of the gradient, of ours and of Zennit."""
    peaks = {}
    for who in ("gradient", "ours", "Zennit"):
        with process() as there:
            peaks[who] = there.submit(_peak, who, Case(name, composite, batch, given.device)).result()
    found = {who: peak for who, peak in peaks.items() if peak is not None}
    return {"model": name, "composite": composite, "batch": batch, "megabytes": found}
