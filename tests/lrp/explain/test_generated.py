"""Every generated token by one prediction: the same as each prefix alone."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

import lrp
from lrp.explain import logit


class Writer(nn.Module):
    """One layer of attention that sees what is before; `sees` more, if asked."""

    def __init__(self, causal=True):
        super().__init__()
        self.causal = causal
        self.embedding, self.qkv, self.head = nn.Embedding(9, 8), nn.Linear(8, 24), nn.Linear(8, 9)

    def forward(self, ids, mask=None):
        x = self.embedding(ids)
        x = x if mask is None else x * mask[..., None]
        q, k, v = self.qkv(x)[:, None].chunk(3, -1)
        return self.head(x + F.scaled_dot_product_attention(q, k, v, is_causal=self.causal)[:, 0])


@pytest.fixture
def ids():
    return torch.tensor([[3, 1, 4, 1, 5, 2, 6]])


def made(ids, **options):
    torch.manual_seed(0)
    return lrp.explainer(Writer(**options).eval().double(), ids, lrp.composites.attn_lrp(), free={1: "length"})


def test_each_generated_token_is_explained_as_its_prefix_alone(ids):
    explain = made(ids)
    output, relevance = lrp.generated(explain, ids, 3)
    assert output.shape == (4, 9) and relevance.shape == (4, 6)
    for step, end in enumerate(range(3, 7)):
        alone = explain(ids[:, :end], logit((end - 1, int(ids[0, end]))))
        torch.testing.assert_close(output[step], alone.output[0, -1], rtol=1e-12, atol=1e-14)
        torch.testing.assert_close(relevance[step, :end], alone.relevance[0], rtol=1e-12, atol=1e-14)
        assert not relevance[step, end:].any()


def test_further_inputs_are_named_and_carry_none(ids):
    torch.manual_seed(0)
    x = {"ids": ids, "mask": torch.ones_like(ids)}
    model = Writer().eval().double()
    explain = lrp.explainer(model, x, lrp.composites.attn_lrp(), free={1: "length"})
    found = lrp.generated(explain, ids[0], 3, mask=x["mask"])
    assert found.relevance["mask"] is None
    torch.testing.assert_close(found.relevance["ids"], lrp.generated(made(ids), ids, 3).relevance)


def test_what_cannot_be_explained_so_is_refused(ids):
    with pytest.raises(ValueError, match="some tokens before start"):
        lrp.generated(made(ids), ids, 7)
    with pytest.raises(ValueError, match="sees tokens behind the place"):
        lrp.generated(made(ids, causal=False), ids, 3)
    with pytest.raises(ValueError, match="was made for inputs without names"):
        lrp.generated(made(ids), ids, 3, mask=ids)
