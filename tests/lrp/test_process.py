"""An explainer leaves the process as it found it; `lrp.process` changes it for those who ask, and puts it back."""

import gc
import threading

import pytest
import torch

import lrp
from lrp import process


@pytest.fixture
def calls(monkeypatch):
    """What glibc is asked, in order."""
    found = []
    monkeypatch.setattr(process, "_glibc", lambda name: lambda *given: found.append((name, *given)))
    return found


def test_making_and_calling_an_explainer_changes_nothing_of_the_process(calls, monkeypatch):
    monkeypatch.setattr(gc, "disable", lambda: calls.append(("gc.disable",)))
    model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()
    lrp.explainer(model, torch.zeros(1, 3), lrp.composites.epsilon_plus())(torch.rand(5, 3))
    assert calls == []


def test_memory_is_kept_until_the_last_thread_leaves(calls):
    inside, leave = threading.Barrier(2), threading.Event()

    def stay():
        with process.memory_kept():
            inside.wait(10)
            leave.wait(10)

    other = threading.Thread(target=stay)
    other.start()
    with process.memory_kept():
        inside.wait(10)
    number, first, last = process.MALLOC["M_MMAP_MAX"]
    assert ("mallopt", number, first) in calls and ("mallopt", number, last) not in calls
    leave.set()
    other.join()
    assert calls.count(("mallopt", number, first)) == calls.count(("mallopt", number, last)) == 1
    assert calls[-1] == ("malloc_trim", 0)


def test_memory_is_given_back_after_an_error(calls):
    with pytest.raises(KeyError), process.memory_kept():
        raise KeyError
    assert calls[-1] == ("malloc_trim", 0)


@pytest.mark.parametrize("running", [True, False])
def test_the_collector_is_as_before(running):
    before = gc.isenabled()
    try:
        (gc.enable if running else gc.disable)()
        with process.collector_held():
            assert not gc.isenabled()
            with process.collector_held():
                pass
            assert not gc.isenabled()
        assert gc.isenabled() == running
    finally:
        (gc.enable if before else gc.disable)()
