"""Ctrl-C held back for a moment: a library that is interrupted while it holds a lock of its own never gives it up."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uninterrupted() -> Iterator[None]:
    """SIGINT comes after the block, and not inside it.

    In another thread than the main one nothing is done: Python interrupts none but the main one. Wait for a lock of
    ours outside of the block, else the wait cannot be interrupted.

    Example:
        >>> done = []
        >>> try:
        ...     with uninterrupted():
        ...         signal.raise_signal(signal.SIGINT)
        ...         done.append("the whole block")
        ... except KeyboardInterrupt:
        ...     done.append("then the interrupt")
        >>> done
        ['the whole block', 'then the interrupt']
    """
    previous = signal.getsignal(signal.SIGINT)
    if threading.current_thread() is not threading.main_thread() or previous is None:  # None: not set by Python
        yield
        return
    held: list[int] = []
    try:
        signal.signal(signal.SIGINT, lambda number, _frame: held.append(number))
        yield
    finally:
        signal.signal(signal.SIGINT, previous)
        if held:
            signal.raise_signal(signal.SIGINT)
