"""Ctrl-C while a command loads its libraries, and while it ends: one line and exit code 130, as while it works.

Loading takes seconds. Python would end by the signal with a traceback, or click with its own words and code. It imports
next to nothing: whatever comes before it is not held.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager


def end_at_interrupts() -> None:
    """From now on, outside of `interruptible`; not where SIGINT is ignored, as in a shell's background jobs."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _end)


def _end(_number: int, _frame: object) -> None:
    os.write(2, b"interrupted\n")
    os._exit(130)  # an exception may be lost in a library that is loading; there is nothing yet to put in order


def _interrupt(number: int, _frame: object) -> None:
    _seen.append(number)
    raise KeyboardInterrupt


_seen: list[int] = []


@contextmanager
def interruptible() -> Iterator[None]:
    """Inside, an interrupt is a KeyboardInterrupt, so that what was begun is put in order.

    Also where a library makes another error of it, as extension modules do that are loading.

    Raises:
        KeyboardInterrupt: There was one.
    """
    if signal.getsignal(signal.SIGINT) is not _end:
        yield
        return
    try:
        signal.signal(signal.SIGINT, _interrupt)
        yield
    except Exception as error:
        if _seen:
            raise KeyboardInterrupt from error
        raise
    finally:
        signal.signal(signal.SIGINT, _end)


@contextmanager
def loading() -> Iterator[None]:
    """Inside of `interruptible`, an interrupt ends at once: an exception may be lost in a library that is loading."""
    if signal.getsignal(signal.SIGINT) is not _interrupt:
        yield
        return
    signal.signal(signal.SIGINT, _end)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, _interrupt)
