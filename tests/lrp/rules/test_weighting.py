"""Outputs that count as weights, and attention in one piece against its parts, in float64."""

import pytest
import torch
from torch import nn
from torch.nn.functional import scaled_dot_product_attention

import lrp
from lrp import rules

TINY = 1e-13
PARTS = lrp.composites.epsilon_plus(epsilon=TINY, stabilizer=TINY)


class Attention(nn.Module):
    """Four heads of queries; two of keys and values."""

    def __init__(self, grouped=False, causal=False, masked=False, shared=False):
        super().__init__()
        self.grouped, self.causal, self.masked, self.shared = grouped, causal, masked, shared
        self.q, self.k, self.v = (nn.Linear(8, width) for width in (16, 8, 8))

    def forward(self, x):
        batch, length, _ = x.shape
        q, k, v = (f(x).view(batch, length, -1, 4).transpose(1, 2) for f in (self.q, self.k, self.v))
        k = v if self.shared else k
        if not self.grouped:
            k, v = k.repeat_interleave(2, 1), v.repeat_interleave(2, 1)
        seen = (x[:, None, None, :, 0] > 0) | torch.eye(length, dtype=torch.bool) if self.masked else None
        y = scaled_dot_product_attention(q, k, v, seen, is_causal=self.causal, enable_gqa=self.grouped)
        return y.transpose(1, 2).reshape(batch, length, 16)[:, -1]


CASES = {
    "plain": {},
    "causal": {"causal": True},
    "masked": {"masked": True},
    "grouped": {"grouped": True, "causal": True},
    "grouped, one value for two": {"grouped": True, "shared": True},
}


def attention(case):
    torch.manual_seed(0)
    return Attention(**CASES[case]).eval().double(), torch.randn(2, 6, 8, dtype=torch.float64)


def operators(explain):
    return {op.name for op in explain.program.plan.ops.values()}


@pytest.mark.parametrize("case", CASES)
def test_attention_in_one_piece_is_the_same_as_in_parts(case):
    model, x = attention(case)
    one = lrp.explainer(model, x, [("attention", rules.attention(stabilizer=TINY)), *PARTS])
    parts = lrp.explainer(model, x, PARTS)
    assert "softmax" in operators(parts) and "softmax" not in operators(one)
    for batch in (x, torch.randn(3, 6, 8, dtype=torch.float64)):
        wanted = parts(batch, lambda o: o).relevance
        torch.testing.assert_close(one(batch, lambda o: o).relevance, wanted, rtol=0, atol=3e-10 * float(wanted.max()))


def test_it_is_linear_in_many_seeds_at_once():
    model, x = attention("causal")
    explain = lrp.explainer(model, x, [("attention", rules.attention(stabilizer=TINY)), *PARTS])
    _, pullback = explain.program(explain.weights, x)
    seeds = torch.randn(3, 2, 16, dtype=torch.float64)
    torch.testing.assert_close(torch.func.vmap(pullback)(seeds), torch.stack([pullback(seed) for seed in seeds]))


@pytest.mark.parametrize("case", ["plain", "grouped"])
def test_weights_held_fixed_in_three_ways(case):
    model, x = attention(case)
    one, *others = (
        lrp.explainer(model, x, [row, *PARTS])(x, lambda o: o).relevance
        for row in (
            ("softmax", rules.constant()),
            ("attention", rules.attention(0, 0, 1, stabilizer=TINY)),
            ("bilinear", rules.frozen_gate(stabilizer=TINY)),
        )
    )
    for other in others:
        torch.testing.assert_close(one, other)


@pytest.mark.slow
def test_what_is_kept_grows_with_the_length_and_not_with_its_square():
    torch.manual_seed(0)
    model = Attention().eval()

    def size(length, row):
        x = torch.randn(1, length, 8)
        explain = lrp.explainer(model, x, [row, *PARTS])
        _, pullback = explain.program(explain.weights, x)
        storages = [value.untyped_storage() for value in pullback.kept if isinstance(value, torch.Tensor)]
        return sum({storage.data_ptr(): storage.nbytes() for storage in storages}.values())

    whole, parts = ("attention", rules.attention()), ("softmax", rules.softmax_taylor())
    assert size(256, whole) < 2.5 * size(128, whole)
    assert size(256, parts) > 3 * size(128, parts)
    assert size(256, whole) < size(256, parts) / 5


def test_a_mask_that_carries_relevance_has_attention_split():
    class Biased(nn.Module):
        def forward(self, x):
            return scaled_dot_product_attention(x, 2 * x, 3 * x, x @ x.transpose(1, 2))

    x = torch.randn(2, 5, 4, dtype=torch.float64)
    graph = lrp.canonize(lrp.trace(Biased().eval(), x), composite=[("attention", rules.attention())])
    assert "softmax" in [row["kind"] for row in lrp.plan(graph, PARTS)]


class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.up, self.gate, self.down = nn.Linear(4, 6), nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, x):
        return self.down(self.up(x) * nn.functional.silu(self.gate(x)))


def test_a_constant_layer_is_a_weight_of_the_other_factor():
    torch.manual_seed(0)
    model, x = Gated().eval().double(), torch.randn(2, 4, dtype=torch.float64)
    rows = [lrp.composites.named("gate", ("linear", rules.constant())), *PARTS]
    explain = lrp.explainer(model, x, rows)
    held = nn.functional.silu(model.gate(x)).detach()
    leaf = x.clone().requires_grad_()
    y = model.down(model.up(leaf) * held)
    wanted = leaf * torch.autograd.grad(y.sum(), leaf)[0]
    torch.testing.assert_close(explain(x, lambda o: o).relevance, wanted)
    shown = {row["layer"]: row["rule"] for row in lrp.plan(explain.program.graph, rows)}
    assert shown["gate"] == "constant()"
    account = lrp.audit(explain.program, explain.weights, x, model(x).detach())
    assert abs(account.residual).max() < 1e-9


def test_an_activation_is_a_gate_for_who_asks():
    torch.manual_seed(0)
    model, x = Gated().eval().double(), torch.randn(2, 4, dtype=torch.float64)
    held = [lrp.composites.named("gate", ("linear", rules.constant())), *PARTS]
    wanted = lrp.explainer(model, x, held)(x, lambda o: o).relevance
    asked = lrp.explainer(model, x, [("gate", rules.signal_takes_all("activation")), *PARTS])
    torch.testing.assert_close(asked(x, lambda o: o).relevance, wanted)
    default = lrp.explainer(model, x, PARTS)(x, lambda o: o).relevance
    assert not torch.allclose(default, wanted)
    with pytest.raises(ValueError, match="activation, squash, gate, statistic"):
        rules.signal_takes_all("silu")


def test_nothing_is_left_behind_constants_everywhere():
    model, x = Gated().eval(), torch.randn(2, 4)
    with pytest.raises(ValueError, match="held constant"):
        lrp.explainer(model, x, [lrp.composites.named("down", ("linear", rules.constant())), *PARTS])
