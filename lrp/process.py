"""What is done to the whole process. The commands and `attribute_dataset` do it; an explainer alone does not.

An allocator hands large blocks back to the system as they are freed (glibc: at once above 32 MB, and above what lies
free at its end), and the system clears every page of them before it gives them out again. That is a quarter of the time
of an explanation of VGG-16 at a batch of 8.
"""

from __future__ import annotations

import ctypes
import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from typing import ParamSpec, TypeVar

MALLOC = {
    "M_TRIM_THRESHOLD": (-1, 2**31 - 1, 128 * 2**10),
    "M_MMAP_THRESHOLD": (-3, 32 * 2**20, 32 * 2**20),  # glibc's own grows up to this, but no more once a bound is set
    "M_MMAP_MAX": (-4, 0, 65536),
}
"""glibc's bounds by their names in mallopt(3): number, value inside `memory_kept`, and afterwards."""

P = ParamSpec("P")
R = TypeVar("R")

_tracing = threading.RLock()


def one_at_a_time(function: Callable[P, R]) -> Callable[P, R]:
    """Threads take turns: `torch.export` and recording change what the whole process sees while they run."""

    @wraps(function)
    def taking_turns(*args: P.args, **kwargs: P.kwargs) -> R:
        with _tracing:
            return function(*args, **kwargs)

    return taking_turns


Undo = Callable[[], object]

_lock = threading.Lock()
_inside: dict[str, tuple[int, Undo]] = {}
"""How many threads are inside, and what the last one does when it leaves."""


@contextmanager
def memory_kept() -> Iterator[None]:
    """Let glibc keep large blocks that are freed, and use them again.

    It pays for many explanations of large images on a CPU. Blocks of the whole process are kept meanwhile, up to 2 GB
    of them. Any number of threads may be inside; when the last one leaves, glibc's defaults hold again, and what lies
    free goes back to the system. Nothing happens on other systems, or where the environment sets `MALLOC_...`.

    Example:
        >>> import torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 2)).eval()
        >>> explain = lrp.explainer(model, torch.zeros(1, 3), lrp.composites.epsilon_plus())
        >>> with lrp.process.memory_kept():
        ...     relevances = [explain(batch).relevance for batch in torch.rand(2, 5, 3)]
    """
    mallopt, trim = _glibc("mallopt"), _glibc("malloc_trim")
    if mallopt is None or trim is None:
        yield
        return

    def keep() -> Undo:
        _set(mallopt, 1)
        return lambda: (_set(mallopt, 2), trim(0))

    with _by_the_first("memory", keep):
        yield


@contextmanager
def collector_held() -> Iterator[None]:
    """Hold back Python's collector of cyclic garbage while explainers are made; also a decorator.

    It walks thousands of nodes, which stay, again and again: a fourteenth of the time.
    """

    def hold() -> Undo:
        running = gc.isenabled()
        gc.disable()
        return gc.enable if running else lambda: None

    with _by_the_first("collector", hold):
        yield


@contextmanager
def _by_the_first(what: str, change: Callable[[], Undo]) -> Iterator[None]:
    """Done as the first thread enters, undone as the last one leaves."""
    with _lock:
        count, undo = _inside[what] if what in _inside else (0, change())
        _inside[what] = count + 1, undo
    try:
        yield
    finally:
        with _lock:
            count, undo = _inside.pop(what)
            if count > 1:
                _inside[what] = count - 1, undo
            else:
                undo()


def _set(mallopt: Callable[[int, int], int], column: int) -> None:
    for bound in MALLOC.values():
        mallopt(bound[0], bound[column])


@cache
def _glibc(name: str) -> Callable[..., int] | None:
    if sys.platform != "linux" or any(key.startswith(("MALLOC_", "GLIBC_TUNABLES")) for key in os.environ):
        return None
    return getattr(ctypes.CDLL(None), name, None)
