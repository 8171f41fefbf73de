"""The table of operators: every name is ATen's, and what it says of signs is true of numbers."""

import pytest
import torch
from torch import nn

import lrp
from lrp.graph.facts import facts
from lrp.graph.operators import OPERATORS, has, kind_of

aten = torch.ops.aten
OURS = {"sym_size", "activation", "grouped_mm_fallback"}
"""Sizes are read by a function of their own; activations written out are one of ours; the last is of transformers."""
VALUES = torch.cat([torch.linspace(-8, 8, 101), torch.tensor([0.0, -0.0, 1e-30, -1e-30])]).double()


def test_every_name_is_an_operator():
    unknown = [name for name in OPERATORS if not hasattr(aten, name)]
    assert set(unknown) - OURS == set()


def of_one_signal():
    """Operators that are called with one tensor and nothing else."""
    for name in OPERATORS:
        try:
            getattr(aten, name)(VALUES)
        except (RuntimeError, AttributeError, TypeError, IndexError):
            continue
        yield name


@pytest.mark.parametrize("name", [n for n in of_one_signal() if has(n, "nonnegative")])
def test_nonnegative_operators_never_go_below_zero(name):
    assert not (getattr(aten, name)(VALUES) < 0).any()


@pytest.mark.parametrize("name", [n for n in of_one_signal() if has(n, "keeps sign")])
def test_operators_keep_the_sign_of_what_is_not_below_zero(name):
    out = getattr(aten, name)(VALUES.abs())
    assert not any((value < 0).any() for value in (out if isinstance(out, tuple | list) else [out]))


def test_many_operators_were_tried():
    assert len(list(of_one_signal())) > 40


def test_an_unknown_trait_is_an_error():
    with pytest.raises(KeyError, match="no trait 'blue'; there are nonnegative"):
        has("relu", "blue")
    assert kind_of("cholesky") is None and not has("cholesky", "gate")


class Bounded(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x.relu())


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda x: x.clamp(max=3), True),
        (lambda x: x.clamp(max=-1), False),
        (lambda x: nn.functional.hardtanh(x, -2, -1), False),
        (lambda x: nn.functional.hardtanh(x, -1, 1), True),
        (lambda x: x - 1, False),
        (lambda x: x + 1, True),
        (lambda x: x + -1, False),
        (lambda x: x * -1, False),
        (lambda x: x / -2, False),
        (lambda x: torch.add(x, x, alpha=-1), False),
        (lambda x: nn.functional.pad(x, (1, 1), value=-1.0), False),
        (lambda x: nn.functional.pad(x, (1, 1), value=1.0), True),
        (lambda x: x.mean(-1, keepdim=True), True),
        (lambda x: x.cumsum(-1), True),
        (lambda x: x.masked_fill(x > 1, -1.0), False),
        (lambda x: torch.cat([x, x.flip(1)], 1), True),
    ],
)
def test_signs_follow_from_arguments(function, expected):
    x = torch.randn(5, 4)
    graph = lrp.trace(Bounded(function).eval(), x)
    known = graph.output in facts(graph).nonnegative
    assert known == expected
    assert not known or (graph(graph.params, x) >= 0).all()
