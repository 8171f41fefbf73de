import os
import signal
import threading
from collections.abc import Iterator

import hypothesis
import pytest
import torch

# one thread a worker: the suite runs one worker a core
torch.set_num_threads(1 if "PYTEST_XDIST_WORKER" in os.environ else torch.get_num_threads())

# the same few examples in every run; `nox -s thorough` takes many, other ones each time (derandomize is named, since
# hypothesis turns it on where it sees a build server)
common = {"deadline": None, "print_blob": True}
hypothesis.settings.register_profile("default", derandomize=True, max_examples=40, **common)
hypothesis.settings.register_profile("thorough", derandomize=False, max_examples=400, **common)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "default")
hypothesis.settings.load_profile(PROFILE)
TIMES = 10  # as many examples of tests that set their own number


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The thorough profile raises also the numbers of examples that tests set themselves."""
    tests = {getattr(item, "obj", None) for item in items} if PROFILE == "thorough" else set()
    for test in tests:
        own = getattr(test, "_hypothesis_internal_use_settings", None)
        if own is not None and own.max_examples != hypothesis.settings().max_examples:
            more = hypothesis.settings(own, max_examples=own.max_examples * TIMES)
            test._hypothesis_internal_use_settings = more


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _interrupts() -> Iterator[None]:
    """A command that a test calls leaves its handler, under which an interrupt ends the process."""
    before = signal.getsignal(signal.SIGINT)
    yield
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGINT, before)


@pytest.fixture(autouse=True, scope="session")
def _own_state(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The key of the memo's entries is made here, and not in the home of who runs the tests."""
    os.environ["XDG_STATE_HOME"] = str(tmp_path_factory.getbasetemp())
