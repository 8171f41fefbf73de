"""Operators and their options: LRP-epsilon of a small network around each is input times the surrogate's gradient."""

import copy

import pytest
import torch

import lrp
from lrp.graph.aten import operator_name
from lrp.graph.operators import OPERATORS
from tests.support.sweep import ACTIVATIONS, CURVED, LINEAR, MOVED, held, network

COMPOSITE = lrp.composites.base(1e-12) + [("linear", lrp.rules.epsilon(1e-12))]
CASES = {
    **{name: (f, f) for name, f in (LINEAR | MOVED).items()},
    **{name: (f, held(f)) for name, f in ACTIVATIONS.items()},
    **{name: pair for name, pair in CURVED.items() if pair[1] is not None},
}


def gradient_times_input(model, surrogate, x):
    model = copy.copy(model)
    model.operator = surrogate
    x = x.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(model(x).sum(), x)
    return x.detach() * gradient


SLOW = {*MOVED, *ACTIVATIONS} - set([*MOVED, *ACTIVATIONS][::3]) - {"assignment", "gelu by tanh", "fold"}
"""Two of three of those that only move values or pass them on run in `nox -s thorough`."""


@pytest.mark.parametrize("name", [pytest.param(n, marks=[pytest.mark.slow] * (n in SLOW)) for n in CASES])
def test_lrp_epsilon_is_input_times_gradient(name):
    operator, surrogate = CASES[name]
    model = network(operator)
    x = torch.randn(3, 2, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    explain = lrp.explainer(model, x, COMPOSITE)
    for batch in (3, 1):
        output, relevance = explain(x[:batch], lambda z: z.detach())
        assert torch.allclose(output, model(x[:batch]), atol=1e-12)
        expected = gradient_times_input(model, surrogate, x[:batch])
        assert (relevance - expected).abs().max() < 1e-6 * (expected.abs().max() + 1e-6), batch


@pytest.mark.slow
def test_the_sweep_goes_through_the_table():
    """Every name of the table is met by some case, but for those that only the forms of PyTorch's own passes have."""
    met = set()
    for operator in [f for f, _ in CASES.values()] + [f for f, g in CURVED.values() if g is None]:
        graph = lrp.trace(network(operator), torch.zeros(2, 2, 6, dtype=torch.float64))
        met |= {operator_name(node.target) for node in graph.fx.nodes if node.op == "call_function"}
    print(f"{len(met)} operators in {len(CASES)} cases; not met: {sorted(OPERATORS.keys() - met)}")
    assert len(met & OPERATORS.keys()) > 110
