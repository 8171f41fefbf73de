"""Checkpoints: the same relevance, with less kept of the prediction."""

import pickle

import pytest
import torch
from torch import Tensor, nn

import lrp
from lrp import composites
from tests.support.same import same


class Reader(nn.Module):
    def __init__(self, layers=2, shared=False):
        super().__init__()
        self.layers = layers
        made = [nn.TransformerEncoderLayer(16, 2, 64, batch_first=True) for _ in range(1 if shared else layers)]
        self.body, self.head = nn.ModuleList(made), nn.Linear(16, 3)

    def forward(self, x):
        for number in range(self.layers):
            x = self.body[number % len(self.body)](x)
        return self.head(x.mean(1))


def kept(explain, x):
    _, pullback = explain.program(explain.weights, x)
    found = {
        v.untyped_storage().data_ptr(): v.untyped_storage().nbytes() for v in pullback.kept if isinstance(v, Tensor)
    }
    return sum(found.values())


@pytest.mark.parametrize("shared", [pytest.param(False, marks=pytest.mark.slow), True])
def test_relevance_is_the_same_and_less_is_kept(shared):
    torch.manual_seed(0)
    model, x = Reader(shared=shared).eval(), torch.randn(2, 20, 16)
    graph = lrp.trace(model, x[:, :5], free={1: "length"})
    plain = lrp.explainer(graph, composites.attn_lrp())
    thrifty = lrp.explainer(graph, composites.attn_lrp(), checkpoint="body.*")
    assert len(thrifty.program.kept) == 2 and thrifty.program.checkpoint == ("body.*",)
    assert kept(thrifty, x) == 2 * x.nbytes < kept(plain, x) / 5
    for found, wanted in zip(thrifty(x, 1), plain(x, 1), strict=True):
        assert same(found, wanted)
    again = pickle.loads(pickle.dumps(thrifty))
    assert again.program.kept == thrifty.program.kept and same(again(x, 1).relevance, plain(x, 1).relevance)
    _, pullback = thrifty.program(thrifty.weights, x)
    _, other = plain.program(plain.weights, x)
    seed = torch.eye(3)[:2]
    name = "body.0.linear1"
    hidden, wanted = pullback(seed, at=[name])[1][name], other(seed, at=[name])[1][name]
    assert same(hidden.relevance, wanted.relevance) and same(hidden.activation, wanted.activation)


def test_a_pattern_that_fits_no_layer():
    with pytest.raises(ValueError, match=r"no layer fits 'encoder.\*'; there are .*body.0"):
        lrp.explainer(Reader(1).eval(), torch.randn(2, 4, 16), composites.attn_lrp(), checkpoint="encoder.*")
