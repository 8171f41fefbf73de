"""bench.attribution's clock: each contestant in a process of its own, in turns."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from pathlib import Path

import pytest

from bench.attribution.runs import Case
from bench.attribution.times import process, seconds

CASE = Case("vgg16", "epsilon_plus", 1, "cpu")


def napping(case, nap):
    assert case == CASE
    return partial(time.sleep, nap)


def unable(case):
    return None


def broken(case):
    raise ValueError(f"no {case.model}")


def killed(case):
    os._exit(1)


@pytest.mark.slow
def test_medians_of_all_who_can_and_nobody_else():
    makers = {"long": partial(napping, nap=0.2), "short": partial(napping, nap=0.01), "cannot": unable}
    found = seconds(makers, CASE, 1)
    assert list(found) == ["long", "short"]
    assert found["long"] >= 0.2 > found["short"] >= 0.01


@pytest.mark.parametrize("make, kind", [(broken, ValueError), (killed, BrokenProcessPool)])
def test_who_fails_to_start_is_named(make, kind):
    with pytest.raises(kind) as error:
        seconds({"somebody": make}, CASE, 1)
    assert error.value.__notes__ == ["in the process of somebody"]


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_killed_bench_leaves_no_process_behind():
    program = f"from {__name__} import leave_alone\nif __name__ == '__main__': leave_alone()"
    own = {"PYTHONPATH": str(Path(__file__).resolve().parents[2])}
    with subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, text=True, env=os.environ | own
    ) as bench:
        assert bench.stdout is not None
        child = int(bench.stdout.readline())
        os.kill(child, 0)
        bench.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and is_running(child):
        time.sleep(0.1)
    assert not is_running(child)


def leave_alone():
    with process() as there:
        print(there.submit(os.getpid).result(), flush=True)
        there.submit(time.sleep, 600).result()


def is_running(pid):
    """Whether there is such a process, and no mere entry of one that ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
