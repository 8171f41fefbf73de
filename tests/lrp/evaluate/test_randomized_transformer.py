"""Model-parameter randomization of a transformer that reads ids: relevance of tokens, all lengths."""

import pytest
import torch
from torch import nn

import lrp
from lrp import composites
from lrp.evaluate import mprt


class Reader(nn.Module):
    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(50, 16)
        self.body = nn.TransformerEncoderLayer(16, 2, 32, batch_first=True, activation="gelu")
        self.head = nn.Linear(16, 3)

    def forward(self, ids):
        return self.head(self.body(self.embedding(ids)).mean(1))


@pytest.fixture(scope="module")
def explain():
    torch.manual_seed(0)
    ids = torch.randint(50, (2, 7))
    return lrp.explainer(Reader().eval(), ids, composites.attn_lrp(), free={1: "length"})


def test_relevance_of_tokens_depends_on_what_was_learned(explain):
    ids = torch.randint(50, (4, 60), generator=torch.Generator().manual_seed(0))
    found = mprt(explain, ids, 0)
    inside = ("self_attn", "self_attn.out_proj", "linear1", "linear2", "norm1", "norm2")
    assert set(found.layers) == {"embedding", "head", *(f"body.{name}" for name in inside)}
    assert found.similarity.shape == (len(found.layers), 4) and found.entropy.shape == (1 + len(found.layers), 4)
    assert found.similarity.isfinite().all()
    assert abs(found.similarity[-1].mean()) < 0.3, found.similarity
    again = mprt(explain, ids, 0)
    assert torch.equal(again.similarity, found.similarity)


def test_weights_that_stay_leave_it_as_it_is(explain):
    ids = torch.randint(50, (3, 20), generator=torch.Generator().manual_seed(1))
    found = mprt(explain, ids, 0, draw=lambda name, value, generator: value)
    torch.testing.assert_close(found.similarity, torch.ones_like(found.similarity))
