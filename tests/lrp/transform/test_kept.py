"""What is kept of a prediction: as little as a gradient keeps, nearly, and in proportion to the length."""

import pytest
import torch
from torch import nn

import lrp


def megabytes(tensors, without=()):
    own = {t.untyped_storage().data_ptr() for t in without}
    found = {
        t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in tensors if isinstance(t, torch.Tensor)
    }
    return sum(size for place, size in found.items() if place not in own) / 2**20


class Block(nn.Module):
    """A layer of an encoder that sees a window, by a mask made of the length."""

    def __init__(self):
        super().__init__()
        self.layer, self.head = nn.TransformerEncoderLayer(64, 4, 256, 0.0, "gelu", batch_first=True), nn.Linear(64, 3)

    def forward(self, x):
        at = torch.arange(x.shape[1])
        far = (at[:, None] - at).abs() > 8
        return self.head(self.layer(x, src_mask=far).mean(1))


@pytest.mark.slow
def test_what_is_kept_grows_with_the_length():
    torch.manual_seed(0)
    model = Block().eval().requires_grad_(False)
    explain = lrp.explainer(model, torch.randn(2, 16, 64), lrp.composites.attn_lrp(), free={1: "length"})
    sizes = {}
    for length in (128, 256, 512):
        x = torch.randn(1, length, 64)
        with torch.no_grad():
            output, pullback = explain.program(explain.weights, x)
        sizes[length] = megabytes(pullback.kept, [*model.parameters(), *pullback.given])
        saved = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t) or t, lambda t: t):  # noqa: B023
            model.layer(leaf := x.clone().requires_grad_())
        assert sizes[length] < 1.5 * megabytes(saved, [*model.parameters(), leaf])
        torch.testing.assert_close(output, model(x))
    assert sizes[512] < 2.2 * sizes[256] < 4.84 * sizes[128]


def test_what_is_computed_again_is_what_it_was():
    """Relevance of a pullback is the same every time, and as by plain loops that keep all."""
    torch.manual_seed(0)
    model, x = Block().eval().double(), torch.randn(2, 16, 64, dtype=torch.float64)
    explain = lrp.explainer(model, x, lrp.composites.attn_lrp())
    output, pullback = explain.program(explain.weights, x)
    first, second = pullback(output), pullback(output)
    assert torch.equal(first, second)
    account = lrp.audit(explain.program, explain.weights, x, output)
    torch.testing.assert_close(first.sum((1, 2)), torch.from_numpy(account.input.values))
    assert float(abs(account.residual).max()) < 1e-9
