"""How long an answer takes, less the time in which a busy machine gave neither side a processor."""

import time
from pathlib import Path


def clock(server: int) -> float:
    """Seconds that stand still while the server's or this thread waits for a processor, as Linux counts it."""
    return time.monotonic() - sum(map(_waited, (f"/proc/{server}/schedstat", "/proc/thread-self/schedstat")))


def _waited(file: str) -> float:
    try:
        return int(Path(file).read_text().split()[1]) / 1e9
    except (OSError, IndexError):  # not of this system
        return 0.0


def longest(server: float, clock: float) -> str:
    """The longest answer in words, and what it was by the clock where that is more."""
    return f"slowest answer {server:.2f} s" + (f" ({clock:.2f} s by the clock)" if clock - server > 0.05 else "")
