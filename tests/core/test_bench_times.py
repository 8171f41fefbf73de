"""bench.attribution's clock: each contestant in a process of its own, in turns."""

from __future__ import annotations

import os
import time
from concurrent.futures.process import BrokenProcessPool
from functools import partial

import pytest

from bench.attribution.times import seconds


def test_medians_of_all_who_can_and_nobody_else():
    naps = {"long": 0.2, "short": 0.01}
    makers = {who: partial(partial, time.sleep, nap) for who, nap in naps.items()}
    found = seconds(makers | {"cannot": partial({}.get, "run")}, 1, "cpu")
    assert list(found) == ["long", "short"]
    assert found["long"] >= 0.2 > found["short"] >= 0.01


def test_who_fails_to_start_says_why():
    with pytest.raises(ValueError, match="invalid literal") as error:
        seconds({"broken": partial(int, "no number")}, 1, "cpu")  # type: ignore[dict-item]
    assert error.value.__notes__ == ["in the process of broken"]
    with pytest.raises(BrokenProcessPool) as error:
        seconds({"killed": partial(os._exit, 1)}, 1, "cpu")
    assert error.value.__notes__ == ["in the process of killed"]
