import random

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

import lrp


class Noisy(nn.Module):
    """A classifier, in the middle of which something is drawn."""

    def __init__(self, draw):
        super().__init__()
        self.a, self.b, self.draw = nn.Linear(6, 8), nn.Linear(8, 3), draw

    def forward(self, x):
        return self.b(self.draw(torch.relu(self.a(x))))


class Layer(nn.Module):
    def __init__(self, draw):
        super().__init__()
        self.draw = draw

    def forward(self, x):
        return self.draw(x)


def attention(h):
    tokens = h[:, None].expand(-1, 4, -1)
    return F.scaled_dot_product_attention(tokens, tokens, tokens, dropout_p=0.5)[:, 0]


FIXED = {
    "noise": lambda h: h + torch.randn_like(h),
    "of a size": lambda h: h + torch.randn(h.shape[0], 8, dtype=h.dtype),
    "of one size": lambda h: h * torch.rand(8, dtype=h.dtype),
    "gumbel": lambda h: h * F.gumbel_softmax(h),
    "mask": lambda h: h * (torch.rand_like(h) > 0.5),
    "bernoulli": lambda h: h * torch.bernoulli(torch.full_like(h, 0.5)),
    "chance": lambda h: h * torch.bernoulli(torch.sigmoid(h)),
    "dropout": lambda h: F.dropout(h, 0.5),
    "channels": lambda h: F.dropout1d(h[:, :, None])[:, :, 0],
    "normal": lambda h: h + torch.empty_like(h).normal_(),
    "choice": lambda h: h[:, torch.randperm(8)],
}
UNFIXED = {"rrelu": lambda h: F.rrelu(h - 1, training=True), "attention": attention}
OFF = {
    "dropout": lambda h: F.dropout(h, 0.5, training=False),
    "rrelu": lambda h: F.rrelu(h, training=False),
    "attention": lambda h: F.scaled_dot_product_attention(h[:, None], h[:, None], h[:, None])[:, 0],
    "unread": lambda h: (h, torch.rand_like(h))[0],
}


def case(draw):
    torch.manual_seed(0)
    return Noisy(Layer(draw)).eval().double(), torch.randn(5, 6, dtype=torch.float64)


@pytest.mark.parametrize("name", [*FIXED, *UNFIXED])
def test_what_is_random_in_evaluation_is_an_error_that_names_the_layer(name):
    model, x = case((FIXED | UNFIXED)[name])
    with pytest.raises(lrp.TraceError, match=r"draws at random while predicting: \w+ in draw.*seed=0"):
        lrp.explainer(model, x, lrp.composites.epsilon_plus())


@pytest.mark.parametrize("name", FIXED)
def test_a_seed_draws_once_for_all_samples_and_calls(name):
    model, x = case(FIXED[name])
    state = torch.get_rng_state()
    explain = lrp.explainer(model, x, lrp.composites.GRADIENT, seed=1)
    assert torch.equal(state, torch.get_rng_state())
    output, relevance = explain(x, 0)
    assert torch.equal(explain(x, 0).relevance, relevance)
    for n in (1, 2):
        torch.testing.assert_close(explain(x[:n], 0).relevance, relevance[:n], rtol=1e-12, atol=1e-12)
    again = lrp.explainer(model, x[:1], lrp.composites.GRADIENT, seed=1)
    assert torch.equal(again(x, 0).output, output)
    assert not torch.equal(lrp.explainer(model, x, lrp.composites.GRADIENT, seed=2)(x, 0).output, output)


def test_a_seed_keeps_what_the_operator_computes():
    model, x = case(FIXED["dropout"])
    graph = lrp.trace(model, x, seed=1)
    (mask,) = (value for name, value in graph.params.items() if name.startswith("drawn"))
    assert set(mask.unique().tolist()) == {0.0, 2.0}
    expected = model.b(torch.relu(model.a(x)) * mask)
    torch.testing.assert_close(graph(graph.params, x), expected)


@pytest.mark.parametrize("name", UNFIXED)
def test_what_a_seed_cannot_fix_says_so(name):
    model, x = case(UNFIXED[name])
    with pytest.raises(lrp.TraceError, match="a seed cannot fix what"):
        lrp.trace(model, x, seed=1)


@pytest.mark.parametrize("name", OFF)
def test_what_is_switched_off_or_not_read_is_no_draw(name):
    model, x = case(OFF[name])
    graph = lrp.trace(model, x)
    torch.testing.assert_close(graph(graph.params, x), model(x), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("draw", [random.random, np.random.rand])
def test_pythons_and_numpys_numbers_are_draws_too(draw):
    model, x = case(lambda h: h * float(draw()))
    states = random.getstate(), str(np.random.get_state())  # noqa: NPY002
    with pytest.raises(lrp.TraceError, match=r"draws numbers from (numpy\.)?random while predicting"):
        lrp.trace(model, x)
    one, two = lrp.trace(model, x, seed=3), lrp.trace(model, x, seed=3)
    assert torch.equal(one(one.params, x), two(two.params, x))
    assert states == (random.getstate(), str(np.random.get_state()))  # noqa: NPY002
