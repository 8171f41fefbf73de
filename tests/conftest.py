import os

import hypothesis
import pytest
import torch

# one thread a worker: the suite runs one worker a core
torch.set_num_threads(1 if "PYTEST_XDIST_WORKER" in os.environ else torch.get_num_threads())

hypothesis.settings.register_profile("default", deadline=None, derandomize=True, print_blob=True, max_examples=40)
hypothesis.settings.register_profile("thorough", deadline=None, max_examples=500)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)
