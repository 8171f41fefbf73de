"""Experts in one operator: rows that are multiplied by the matrix of their group each are linear layers."""

import pytest
import torch
from torch import nn

import lrp
from lrp import rules

GROUPS, ENDS = 3, torch.tensor([2, 2, 6], dtype=torch.int32)


@torch.library.custom_op("lrp_tests::grouped_mm_fallback", mutates_args=())
def grouped(input: torch.Tensor, weight: torch.Tensor, offs: torch.Tensor) -> torch.Tensor:
    """As the operator of that name in Hugging Face's transformers, which has no decomposition either."""
    parts = torch.tensor_split(input, offs[:-1].tolist())
    return torch.cat([rows @ own for rows, own in zip(parts, weight, strict=True)])


@grouped.register_fake
def _(input, weight, offs):
    del offs
    return input.new_empty(input.shape[0], weight.shape[-1])


class Experts(nn.Module):
    """Rows in groups of 2, 0 and 4, each group with its own matrix; `loop` says it without the operator."""

    def __init__(self, loop=False):
        super().__init__()
        self.loop, self.weight = loop, nn.Parameter(torch.randn(GROUPS, 8, 16))

    def forward(self, x, ends):
        rows = x.reshape(-1, 8)
        if self.loop:
            first, last = rows[:2], rows[2:]
            return torch.cat([first @ self.weight[0], last @ self.weight[2]]).reshape(x.shape[0], -1, 16)
        return grouped(rows, self.weight, ends).reshape(x.shape[0], -1, 16)


@pytest.mark.parametrize("rule", [rules.epsilon(1e-9), rules.gamma(0.25)], ids=["epsilon", "gamma"])
def test_each_row_is_a_layer_of_its_own(rule):
    torch.manual_seed(0)
    one = Experts().eval()
    parts = Experts(loop=True).eval()
    parts.load_state_dict(one.state_dict())
    x = torch.randn(2, 3, 8)
    seed = torch.randn(2, 3, 16)
    found = lrp.explainer(one, (x, ENDS), [("linear", rule), *lrp.composites.attn_lrp()])((x, ENDS), seed).relevance[0]
    if rule.name == "epsilon":
        wanted = lrp.explainer(parts, (x, ENDS), lrp.composites.attn_lrp())((x, ENDS), seed).relevance[0]
    else:
        layers = [nn.Linear(8, 16, bias=False).eval() for _ in range(GROUPS)]
        for layer, weight in zip(layers, one.weight, strict=True):
            layer.weight.data = weight.T.contiguous()
        flat, seeds = x.reshape(-1, 8), seed.reshape(-1, 16)
        apart = [(layers[0], slice(0, 2)), (layers[2], slice(2, 6))]
        each = [lrp.explainer(f, flat[at], [("linear", rule)])(flat[at], seeds[at]).relevance for f, at in apart]
        wanted = torch.cat(each).reshape(2, 3, 8)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)
