"""What is recorded once and copied equals what is recorded at each node: text, kept values, relevance, bit for bit."""

from collections import Counter
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch import nn

import lrp
from lrp import composites, rules
from lrp.testing import randomize
from lrp.transform import recording, steps


class Residual(nn.Module):
    def __init__(self, inner: nn.Module, after: nn.Module) -> None:
        super().__init__()
        self.inner, self.after = inner, after

    def forward(self, x):
        return self.after(x + self.inner(x))


class Attention(nn.Module):
    """Heads by hand, with sizes read from the input and a constant made of a number."""

    def __init__(self) -> None:
        super().__init__()
        self.mix, self.join = nn.Linear(8, 24), nn.Linear(8, 8)

    def forward(self, x):
        q, k, v = self.mix(x).reshape(x.shape[0], x.shape[1], 3, 2, 4).permute(2, 0, 3, 1, 4)
        weights = (q @ k.mT * torch.tensor(0.5, dtype=x.dtype)).softmax(-1)
        return self.join((weights @ v).transpose(1, 2).reshape(x.shape))


class Text(nn.Module):
    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.table = nn.Embedding(11, 8)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                Residual(Attention(), nn.LayerNorm(8)),
                Residual(nn.Sequential(nn.Linear(8, 16), nn.GELU(), nn.Linear(16, 8)), nn.LayerNorm(8)),
            )
            for _ in range(blocks)
        )
        self.head = nn.Linear(8, 3)

    def forward(self, ids):
        x = self.table(ids)
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(1))


def resnet(blocks: int) -> nn.Module:
    def conv(before: int, after: int) -> list[nn.Module]:
        return [nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU()]

    body = [Residual(nn.Sequential(*conv(4, 4), *conv(4, 4)[:2]), nn.ReLU()) for _ in range(blocks)]
    return nn.Sequential(*conv(3, 4), nn.MaxPool2d(2), *body, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))


CASES = {
    "transformer": (partial(Text, 3), composites.attn_lrp, {}),
    "transformer, any length": (partial(Text, 2), composites.attn_lrp, {"free": {1: "length"}}),
    "transformer, a checkpoint a block": (partial(Text, 3), composites.cp_lrp, {"checkpoint": "blocks.*"}),
    "resnet": (partial(resnet, 2), composites.epsilon_plus, {}),
    "resnet, alpha beta": (partial(resnet, 3), composites.epsilon_alpha2_beta1, {}),
}


def example(model: nn.Module) -> torch.Tensor:
    text = isinstance(model, Text)
    return torch.randint(11, (2, 5)) if text else torch.randn(2, 3, 8, 8, dtype=torch.float64)


QUICK = ("transformer, any length", "resnet")


@pytest.mark.parametrize("case", [c if c in QUICK else pytest.param(c, marks=pytest.mark.slow) for c in CASES])
def test_what_is_copied_equals_what_is_recorded_at_each_node(case, monkeypatch):
    make, rows, options = CASES[case]
    model = randomize(make(), 0)
    x = example(model)
    copied = lrp.explainer(model, x, rows(), **options)
    monkeypatch.setattr(recording, "once", lambda: steps.each)
    plain = lrp.explainer(model, x, rows(), **options)
    assert copied.program.code == plain.program.code
    assert copied.program.kept == plain.program.kept
    assert torch.equal(copied(x, 1).relevance, plain(x, 1).relevance)


def test_a_hidden_layer_has_the_same_names_in_every_recording():
    model = randomize(resnet(2), 0)
    x = example(model)
    explain = lrp.explainer(model, x, composites.epsilon_plus())
    output, pullback = explain.program(explain.weights, x)
    relevance, hidden = pullback(output, at=["4"], mask={"5": torch.ones(())})
    assert hidden["4"].activation.shape == (2, 4, 4, 4)
    torch.testing.assert_close(relevance, pullback(output), rtol=1e-9, atol=1e-12)


def calls_of_propagate(monkeypatch, rule, model, x) -> int:
    """How often a rule of `lrp.rules` is called while one explainer is made."""
    counts = Counter()
    ours = steps._is_ours(rule)

    def propagate(*args):
        counts["calls"] += 1
        return rule.propagate(*args)

    monkeypatch.setattr(steps, "_is_ours", lambda one: ours)
    lrp.explainer(model, x, [("linear", replace(rule, propagate=propagate)), *composites.epsilon_plus()])
    return counts["calls"]


def test_a_rule_is_recorded_once_for_each_kind_of_layer(monkeypatch):
    model = randomize(nn.Sequential(*[nn.Linear(4, 4, bias=bias) for bias in (True, True, True, False, False)]), 0)
    x = torch.randn(2, 4, dtype=torch.float64)
    monkeypatch.setattr("lrp.explain.one_call.canonize", lambda graph, composite: graph)  # which joins linear layers
    assert calls_of_propagate(monkeypatch, rules.epsilon(), model, x) == 2


def test_a_rule_by_hand_is_asked_at_every_layer():
    def propagate(op, weights, inputs, output, relevance):
        strength = 1.0 + int(op.layer[0])
        return (op.transpose(weights, inputs, relevance)[0] * strength,)

    model = randomize(nn.Sequential(*[nn.Sequential(nn.Linear(4, 4, bias=False), nn.ReLU()) for _ in range(3)]), 0)
    x = torch.rand(2, 4, dtype=torch.float64)
    explain = lrp.explainer(model, x, [("linear", replace(rules.epsilon(), propagate=propagate))])
    found = explain.program(explain.weights, x)[1](torch.ones(2, 4, dtype=torch.float64))
    wanted = torch.ones(2, 4, dtype=torch.float64)
    for number in (2, 1, 0):
        wanted = (wanted @ model[number][0].weight) * (1.0 + number)
    torch.testing.assert_close(found, wanted)


def test_steps_that_differ_in_a_sign_of_zero_are_two():
    class Zeros(nn.Module):
        def forward(self, x):
            return (x * 0.0).abs() + 1 / ((x * -0.0) + 1) + x

    x = torch.rand(2, 4, dtype=torch.float64)
    code = lrp.explainer(Zeros().eval(), x, composites.epsilon_plus()).program.code
    assert ", 0.0)" in code and ", -0.0)" in code
