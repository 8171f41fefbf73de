"""What a model computes for one sample is what it computes for that sample in a batch."""

import pytest
import torch
from torch import nn

import lrp


class Pooled(nn.Module):
    """A classifier on features of size (batch, 8, 1, 1) that are made (batch, 8) in some way."""

    def __init__(self, flat):
        super().__init__()
        self.body, self.head = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1)), nn.Linear(8, 5)
        self.flat = flat

    def forward(self, x):
        return self.head(self.flat(self.body(x)))


FLAT = {
    "squeeze": lambda h: h.squeeze(),
    "function": torch.squeeze,
    "axis": lambda h: h.squeeze(-1).squeeze(2),
    "axes": lambda h: h.squeeze((2, 3)),
    "all axes": lambda h: h.squeeze((0, 1, 2, 3)),
    "batch axis": lambda h: h.flatten(1).squeeze(0),
    "in place": lambda h: h.clone().squeeze_(),
    "twice": lambda h: h.squeeze().squeeze(),
    "mean": lambda h: h.mean((2, 3)).squeeze(),
    "view": lambda h: h.view(h.shape[0], -1),
    "reshape": lambda h: h.reshape(-1, 8),
    "index": lambda h: h[:, :, 0, 0],
}


@pytest.mark.parametrize("traced_with", [1, 4])
@pytest.mark.parametrize("name", FLAT)
def test_rows_are_the_same_alone_and_in_a_batch(name, traced_with):
    torch.manual_seed(0)
    model, x = Pooled(FLAT[name]).eval().double(), torch.rand(9, 3, 8, 8, dtype=torch.float64)
    explain = lrp.explainer(model, x[:traced_with], lrp.composites.epsilon_gamma_box(0, 1))
    output, relevance = explain(x, 2)
    torch.testing.assert_close(output, model(x))
    for n in (1, 2):
        torch.testing.assert_close(explain(x[:n], 2).relevance, relevance[:n], rtol=1e-10, atol=1e-12)
        torch.testing.assert_close(explain(x[:n], 2).output, output[:n], rtol=1e-10, atol=1e-12)


def test_a_dataset_whose_last_batch_has_one_sample(tmp_path):
    model, images = Pooled(FLAT["squeeze"]).eval(), torch.rand(9, 3, 8, 8)
    explain = lrp.explainer(model, images[:1], lrp.composites.epsilon_gamma_box(0, 1))
    data = torch.utils.data.TensorDataset(images, torch.arange(9) % 5)
    lrp.attribute_dataset(explain, data, tmp_path, batch_size=8, progress=False)
    assert any(tmp_path.iterdir())


class Two(nn.Module):
    """Ties the batch of one of its inputs."""

    def __init__(self, second):
        super().__init__()
        self.a, self.b, self.second = nn.Linear(4, 3), nn.Linear(2, 3), second

    def forward(self, left, right):
        one, other = self.a(left), self.b(right)
        n = int((other if self.second else one).shape[0])
        return one + other.view(n, 3).mean(0) if self.second else one.view(n, 3).mean(0) + other


@pytest.mark.parametrize("second", [False, True])
def test_a_batch_size_is_tied_by_whichever_input(second):
    model = Two(second).eval()
    x = {"left": torch.randn(2, 4), "right": torch.randn(2, 2)}
    graph = lrp.trace(model, x)
    assert graph.batch == 2
    output, relevance = lrp.explainer(model, x, lrp.composites.epsilon_plus())(x, 1)
    torch.testing.assert_close(output, model(**x))
    assert {name: part.shape for name, part in relevance.items()} == {name: part.shape for name, part in x.items()}
    with pytest.raises(ValueError, match=r"ties its batch size of input '\w+' to 2"):
        graph(graph.params, {"left": torch.randn(3, 4), "right": torch.randn(3, 2)})
