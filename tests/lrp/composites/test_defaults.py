"""A composite's stabilizer reaches every denominator, also of rows that it does not name."""

import pytest
import torch
from torch import nn

import lrp
from lrp import composites, rules


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q, self.k, self.v = (nn.Linear(8, 8, bias=False) for _ in range(3))

    def forward(self, x):
        return ((self.q(x) @ self.k(x).transpose(1, 2) / 8**0.5).softmax(-1) @ self.v(x))[:, 0]


@pytest.fixture
def attention():
    torch.manual_seed(0)
    return Attention().eval().double(), torch.randn(2, 6, 8, dtype=torch.float64)


def with_fixed_weights(model, x):
    """Gradient times input of the attention whose weights are constants."""
    x = x.clone().requires_grad_()
    weights = (model.q(x) @ model.k(x).transpose(1, 2) / 8**0.5).softmax(-1).detach()
    return x * torch.autograd.grad((weights @ model.v(x))[:, 0].sum(), x)[0]


TINY = composites.epsilon_plus(epsilon=1e-14, stabilizer=1e-14)


def test_a_composites_stabilizer_is_that_of_products_too(attention):
    model, x = attention
    drop = rules.Rule(lambda op, w, i, o, r: (None,), receives=lambda op: (False,), name="drop")
    found = lrp.explainer(model, x, [("softmax", drop)] + TINY)(x, lambda output: output).relevance
    torch.testing.assert_close(2 * found, with_fixed_weights(model, x), rtol=1e-9, atol=1e-11)


def test_attention_weights_as_constants_is_one_row(attention):
    model, x = attention
    table = [("bilinear", rules.frozen_gate(1e-14))] + TINY
    output, found = lrp.explainer(model, x, table)(x, lambda output: output)
    torch.testing.assert_close(found, with_fixed_weights(model, x), rtol=1e-9, atol=1e-11)
    torch.testing.assert_close(found.sum((1, 2)), output.sum(1), rtol=1e-9, atol=1e-11)


def test_without_a_gate_it_is_half_and_half(attention):
    model, x = attention
    found = [
        lrp.explainer(Scores(model).eval(), x, [("bilinear", rule)] + TINY)(x, lambda output: output).relevance
        for rule in (rules.half_and_half(), rules.frozen_gate())
    ]
    torch.testing.assert_close(*found)


class Scores(nn.Module):
    def __init__(self, attention):
        super().__init__()
        self.q, self.k = attention.q, attention.k

    def forward(self, x):
        return self.q(x) @ self.k(x).transpose(1, 2)


def test_a_product_that_sums_is_not_one_value_by_value(attention):
    model, x = attention
    with pytest.raises(ValueError, match="matmul sums: frozen_gate is for it"):
        lrp.explainer(model, x, [("bilinear", rules.signal_takes_all())] + TINY)


@pytest.mark.parametrize("name", [name for name in composites.COMPOSITES if "epsilon" in name or "excit" in name])
def test_no_rule_of_a_model_keeps_the_default_stabilizer(name):
    box = {"low": -1, "high": 1} if name == "epsilon_gamma_box" else {}
    own = {"epsilon": 0.5} if name.startswith("epsilon") else {}
    table = composites.COMPOSITES[name](stabilizer=0.5, **box, **own) + composites.DEFAULT
    chosen = {}
    for match, rule in table:
        chosen.setdefault(match, rule)
    stabilizers = [value for r in chosen.values() for key, value in r.options if key in ("epsilon", "stabilizer")]
    assert len(stabilizers) >= 4 and set(stabilizers) == {0.5}
