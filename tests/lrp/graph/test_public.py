"""What `torch.nn`, `torch.nn.functional` and a tensor's methods offer is right, or refused by name."""

import pytest

from tests.support.operators import every
from tests.support.public import judged

EVERY = every()
QUICK = {name for number, name in enumerate(EVERY) if number % 24 == 0} | {"nn.LSTM", "nn.GroupNorm", "Tensor.cumprod"}
"""The others run in `nox -s thorough`."""
MISSING = {
    "functional.pdist",
    "Tensor.angle",
    "Tensor.atan2",
    "Tensor.copysign",
    "Tensor.cumprod",
    "Tensor.fmod",
    "Tensor.frexp",
    "Tensor.geqrf",
    "Tensor.hypot",
    "Tensor.logcumsumexp",
    "Tensor.lu",
    "Tensor.mode",
    "Tensor.pinverse",
    "Tensor.polygamma",
    "Tensor.prod",
    "Tensor.qr",
    "Tensor.remainder",
    "Tensor.svd",
    "Tensor.var",
}
"""No rule is known: products of all values, decompositions, functions of two values, remainders."""
DRAWN = {"nn.FractionalMaxPool2d", "nn.FractionalMaxPool3d", "functional.gumbel_softmax"}


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n not in QUICK)) for n in EVERY])
def test_it_is_right_or_refused_by_name(name):
    found = judged(EVERY[name])
    if name in MISSING:
        assert found.startswith("missing: ")
    elif name in DRAWN:
        assert "draws at random" in found or found == "no signal"
    else:
        assert found in ("exact", "passes", "own rule", "conserves", "no signal")


def test_the_sweep_is_wide_and_names_what_it_leaves_out():
    kinds = [sum(name.startswith(prefix) for name in EVERY) for prefix in ("nn.", "functional.", "Tensor.")]
    assert len(EVERY) > 330 and min(kinds) > 50
    assert EVERY.keys() >= MISSING | DRAWN
