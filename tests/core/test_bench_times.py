"""bench.attribution's clock: each contestant in a process of its own, in turns."""

from __future__ import annotations

import os
import time
from concurrent.futures.process import BrokenProcessPool
from functools import partial

import pytest

from bench.attribution.runs import Case
from bench.attribution.times import seconds

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
