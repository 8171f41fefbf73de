"""Python's collector of cyclic garbage, held back while a graph is made: a fourteenth of the time, since it walks
thousands of nodes, which stay, again and again."""

from __future__ import annotations

import ctypes
import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache


@contextmanager
def collector_held() -> Iterator[None]:
    """No automatic collection inside; also a decorator."""
    running = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if running:
            gc.enable()


MALLOC = {
    "M_TRIM_THRESHOLD": (-1, 2**30, 2**30),
    "M_MMAP_THRESHOLD": (-3, 32 * 2**20, 32 * 2**20),  # glibc's own grows up to this, but no more once a bound is set
    "M_MMAP_MAX": (-4, 0, 65536),
}
"""glibc's bounds by their names in mallopt(3): number, value while an explanation is computed, and afterwards."""


@contextmanager
def memory_kept() -> Iterator[None]:
    """Have glibc take large blocks, too, from the memory that it keeps; unless the environment says what it does."""
    mallopt = _mallopt()
    if mallopt is None:
        yield
        return
    try:
        for number, inside, _ in MALLOC.values():
            mallopt(number, inside)
        yield
    finally:
        for number, _, outside in MALLOC.values():
            mallopt(number, outside)


@cache
def _mallopt() -> Callable[[int, int], int] | None:
    if sys.platform != "linux" or any(name.startswith(("MALLOC_", "GLIBC_TUNABLES")) for name in os.environ):
        return None
    return getattr(ctypes.CDLL(None), "mallopt", None)
