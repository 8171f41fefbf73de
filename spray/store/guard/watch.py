"""No file of a stranger is opened here before another process has looked at it, with limits of memory and time.

One changed byte makes the HDF5 library loop for ever with its lock held, and 12 kB may claim 9 GB: `structure` finds
out, in one process that is started with the first file and asked for each new one. It ends itself after two seconds of
computing, however busy the machine is, and is killed if it does not answer, as where the disk does not. What this
process wrote itself is not looked at. A file is known by its state: after a change it is looked at again.
"""

import atexit
import json
import os
import subprocess
import sys
import threading
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

from spray.files import ProjectError, Unreadable, unreadable

PROGRAM = Path(__file__).with_name("structure.py")
MAGIC = b"\x89HDF\r\n\x1a\n"
COMPUTING, WAITING, BYTES_A_SECOND = 2.0, 10.0, 50e6
"""Seconds for a file: of the processor, and by the clock; and as many more as its size takes at this rate."""
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}

State = tuple[int, int, int, int, int]


def check(path: Path, *, strict: bool = True) -> None:
    """Nothing, if the HDF5 or netCDF file may be opened.

    Args:
        path: The file.
        strict: It is of a project, so that only what we write is in it: no soft links, no foreign filters.

    Raises:
        FileNotFoundError: There is none.
        ProjectError: It claims what it does not have, leads elsewhere, or cannot be read at all.

    Example:
        >>> import tempfile
        >>> path = Path(tempfile.mkdtemp()) / "some.nc"
        >>> path.write_text("no data")
        7
        >>> check(path)
        Traceback (most recent call last):
        spray.files.links.ProjectError: ...some.nc is no complete netCDF file (it begins as none)
    """
    if why := _verdict(os.fspath(path.absolute()), state(path), strict):
        kind = "netCDF file" if strict else "HDF5 or netCDF file"
        raise ProjectError(f"{path} is no complete {kind} ({why})")


def trust(path: Path) -> None:
    """Take a file for what it is: this process wrote it."""
    OWN.add(state(path))


def state(path: Path) -> State:
    """What changes whenever a file does."""
    found = path.stat()
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


OWN: set[State] = set()


@lru_cache(maxsize=100_000)
def _judged(path: str, _state: State, strict: bool) -> str:
    with Path(path).open("rb") as file:
        start = file.read(8)
    if strict and not start.startswith(MAGIC):
        return "it begins as none"
    more = _state[2] / BYTES_A_SECOND
    computing = COMPUTING + more
    answer = WORKER.ask({"path": path, "strict": strict, "seconds": computing}, WAITING + more)
    if answer and (why := unreadable(Path(path))):  # for now: nothing to remember
        raise Unreadable(f"{path} cannot be read, but need not be damaged: {why}")
    if answer is None:
        return f"the HDF5 library crashes on it, or has not ended after {computing:.0f} s of computing"
    return answer


def _verdict(path: str, found: State, strict: bool) -> str:
    return "" if found in OWN else _judged(path, found, strict)


class Worker:
    """The process that looks at files, started when it is needed. A fork of ours starts its own."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.process: subprocess.Popen[str] | None = None

    def ask(self, request: dict[str, object], seconds: float) -> str | None:
        """Its answer; None if it died or had to be killed."""
        with self.lock:
            process = self._running()
            assert process.stdin is not None and process.stdout is not None
            timer = threading.Timer(seconds, process.kill)
            timer.start()
            try:
                process.stdin.write(json.dumps(request) + "\n")
                process.stdin.flush()
                return json.loads(process.stdout.readline())
            except (OSError, ValueError):
                self.end()
                return None
            except BaseException:  # an interrupt: the answer would be taken for that to the next question
                self.end()
                raise
            finally:
                timer.cancel()

    def _running(self) -> subprocess.Popen[str]:
        if self.process is None or self.process.poll() is not None:
            self.end()
            self.process = subprocess.Popen(
                [sys.executable, "-P", str(PROGRAM)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                encoding="utf-8",
                env=os.environ | ONE_THREAD,
                start_new_session=True,  # else Ctrl-C in the terminal ends it too
            )
        return self.process

    def end(self) -> None:
        """End the process, if there is one."""
        process, self.process = self.process, None
        if process is None:
            return
        process.kill()
        for stream in (process.stdin, process.stdout):
            with suppress(OSError):
                assert stream is not None
                stream.close()
        process.wait()


WORKER = Worker()
INHERITED: list[object] = []  # a fork must not end its parent's process, as forgetting it would


def _forked() -> None:
    INHERITED.append(WORKER.process)
    WORKER.lock, WORKER.process = threading.Lock(), None


os.register_at_fork(after_in_child=_forked)
atexit.register(lambda: WORKER.end())
