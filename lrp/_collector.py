"""Python's collector of cyclic garbage, held back while a graph is made: a fourteenth of the time, since it walks
thousands of nodes, which stay, again and again."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


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
