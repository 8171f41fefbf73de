"""Half precision: relevance is float32, and near that of float64 with the same weights."""

import copy

import pytest
import torch
from torch import nn

import lrp
from lrp import composites

HALF = [torch.bfloat16, torch.float16]


class Sum(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 1)

    def forward(self, left, right):
        return self.layer(left + right)


@pytest.mark.parametrize("dtype", HALF)
def test_branches_that_cancel_to_zero_have_their_shares(dtype):
    torch.manual_seed(0)
    model, left = Sum().eval().to(dtype), torch.randn(3, 6).to(dtype)
    right = -left
    right[0] = torch.randn(6).to(dtype)
    explain = lrp.explainer(model, {"left": left, "right": right}, composites.attn_lrp())
    relevance = explain({"left": left, "right": right}, torch.ones_like).relevance
    z = model(left, right).float().detach()
    weight = model.layer.weight.float().detach()
    for name, x in (("left", left), ("right", right)):
        assert relevance[name].dtype == torch.float32
        torch.testing.assert_close(relevance[name], x.float() * weight / z, rtol=2e-2, atol=1e-3)


def test_what_is_zero_of_itself_has_no_share():
    model, zero = Sum().eval().bfloat16(), torch.zeros(2, 6, dtype=torch.bfloat16)
    explain = lrp.explainer(model, {"left": zero, "right": zero}, composites.attn_lrp())
    relevance = explain({"left": zero, "right": zero}, torch.ones_like).relevance
    assert not relevance["left"].any() and not relevance["right"].any()


@pytest.mark.parametrize("dtype", [torch.bfloat16, pytest.param(torch.float16, marks=pytest.mark.slow)])
def test_a_deep_encoder_is_near_double_precision(dtype):
    class Classifier(nn.Module):
        def __init__(self):
            super().__init__()
            layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True, activation="gelu")
            self.body, self.head = nn.TransformerEncoder(layer, 3, enable_nested_tensor=False), nn.Linear(32, 3)

        def forward(self, x):
            return self.head(self.body(x)[:, 0])

    torch.manual_seed(0)
    low = Classifier().eval()
    with torch.no_grad():
        for name, value in low.named_parameters():
            value.normal_(std=value.shape[-1] ** -0.5 if value.ndim > 1 else 0.1)
            if "norm" in name and name.endswith("weight"):
                value.add_(1)
    low = low.to(dtype)
    high, x = copy.deepcopy(low).double(), torch.randn(8, 12, 32).to(dtype)
    wide = lrp.explainer(high, x.double(), composites.attn_lrp())(x.double())
    best = wide.output.argmax(1)
    found = lrp.explainer(low, x, composites.attn_lrp())(x, best)
    assert found.output.dtype == dtype and found.relevance.dtype == torch.float32
    near, of = found.relevance.double().sum(-1), wide.relevance.sum(-1)
    # R starts with 1 in both, and c = 1 / z: the output's own error is not that of the explanation
    near = near * (found.output.double() / wide.output).gather(1, best[:, None])
    error = ((near - of).abs().amax(1) / of.abs().amax(1)).median()
    assert error < {torch.bfloat16: 0.03, torch.float16: 0.005}[dtype], error
