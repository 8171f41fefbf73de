"""Which axis is what is said by operators or by the caller, never guessed."""

import pytest
import torch
from torch import nn

import lrp
from lrp.dataset.batches import attribute
from lrp.explain.channels import channel_axis
from lrp.graph import trace


class Last(nn.Module):
    """Images with channels last, as Swin has them, between a convolution and a reshape."""

    def __init__(self):
        super().__init__()
        self.conv, self.dense, self.norm = nn.Conv2d(1, 3, 3, padding=1), nn.Linear(3, 5), nn.LayerNorm(5)
        self.moved, self.folded, self.head = nn.Identity(), nn.Flatten(), nn.Linear(5 * 36, 2)

    def forward(self, x):
        h = self.norm(torch.relu(self.dense(self.conv(x).permute(0, 2, 3, 1))))
        return self.head(self.folded(h + h.roll(1, 2)))


@pytest.mark.parametrize(("layer", "axis"), [("conv", 1), ("dense", 3), ("norm", 3), ("add", 3), ("permute", 3)])
def test_the_axis_comes_from_the_operator(layer, axis):
    graph = trace(Last().eval(), torch.zeros(1, 1, 6, 6))
    assert channel_axis(graph, layer) == axis


def test_an_axis_that_no_operator_says_is_asked_for():
    model = nn.Sequential(nn.Conv1d(1, 4, 3), nn.Flatten(), nn.Unflatten(1, (4, 2, 4)), nn.Flatten(), nn.Linear(32, 2))
    with pytest.raises(ValueError, match=r"which axis of layer '2', \(batch, 4, 2, 4\), holds channels cannot be told"):
        channel_axis(trace(model.eval(), torch.zeros(1, 1, 10)), "2")


def test_concepts_of_signals_are_channels_and_add_up():
    model = nn.Sequential(nn.Conv1d(1, 5, 3, padding=1, bias=False), nn.ReLU(), nn.Flatten(), nn.Linear(150, 2)).eval()
    x = torch.rand(4, 1, 30)
    explain = lrp.explainer(model, x, lrp.composites.epsilon_plus(stabilizer=1e-9, epsilon=1e-9))
    for concepts in (["1"], {"1": 1}):
        found = attribute({"lrp": explain}, x, None, None, concepts)
        assert found.concepts["1"].shape == (4, 5)
        torch.testing.assert_close(found.concepts["1"].sum(1), found.relevance["lrp"].sum((1, 2)), atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize(("axes", "layer"), [(1, nn.Conv1d), (2, nn.Conv2d), (3, nn.Conv3d)])
def test_grad_cam_enlarges_maps_of_any_number_of_axes(axes, layer):
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv, self.head = layer(2, 3, 2, stride=2), nn.Linear(3, 2)

        def forward(self, x):
            return self.head(torch.relu(self.conv(x)).flatten(2).mean(2))

    x = torch.randn(3, 2, *[4] * axes)
    _, cam = lrp.attribution.grad_cam(trace(Net().eval(), x), "conv")(x)
    assert cam.shape == (3, 1, *[4] * axes) and cam.isfinite().all()


@pytest.mark.parametrize("shape", [(6, 2, 100), (2, 8, 8), (5, 4, 4)])
def test_what_may_be_a_batch_is_not_added_up(shape):
    with pytest.raises(ValueError, match="is no picture"):
        lrp.heatmap.heatmap(torch.randn(shape))
    assert len(lrp.heatmap.places(torch.randn(shape)[:, None])) == shape[0]


def test_normalization_inside_the_model_passes_relevance_to_the_pixels():
    torch.manual_seed(0)
    mean, std = torch.tensor([0.5, 0.4, 0.3]).view(1, 3, 1, 1), torch.tensor([0.2, 0.3, 0.4]).view(1, 3, 1, 1)
    numbers = list(zip(mean.flatten().tolist(), std.flatten().tolist(), strict=True))
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 3)).eval()

    class Inside(nn.Module):
        def __init__(self):
            super().__init__()
            self.net = net
            self.register_buffer("mean", mean)
            self.register_buffer("std", std)

        def forward(self, x):
            return self.net((x - self.mean) / self.std)

    class ByChannel(nn.Module):
        """As torchvision's GoogLeNet writes it with `transform_input`."""

        def __init__(self):
            super().__init__()
            self.net = net

        def forward(self, x):
            parts = [torch.unsqueeze(x[:, i], 1) / s - m / s for i, (m, s) in enumerate(numbers)]
            return self.net(torch.cat(parts, 1))

    x = torch.rand(4, 3, 8, 8)
    composite = lrp.composites.epsilon_gamma_box(low=(0 - mean) / std, high=(1 - mean) / std)
    expected = lrp.explainer(net, x, composite)((x - mean) / std, 1).relevance
    for model in (Inside(), ByChannel()):
        found = lrp.explainer(model.eval(), x, composite)(x, 1).relevance
        torch.testing.assert_close(found, expected, rtol=1e-3, atol=1e-5)


def test_learned_positions_take_their_share():
    class Positions(nn.Module):
        def __init__(self):
            super().__init__()
            self.positions, self.head = nn.Parameter(torch.randn(1, 5, 4)), nn.Linear(4, 2, bias=False)

        def forward(self, x):
            return self.head((x + self.positions).mean(1))

    model, x = Positions().eval().double(), torch.randn(2, 5, 4, dtype=torch.float64)
    composite = lrp.composites.epsilon_plus(epsilon=1e-12, stabilizer=1e-12)
    relevance = lrp.explainer(model, x, composite)(x, lambda z: z).relevance
    expected = x / 5 * model.head.weight.detach().sum(0)
    torch.testing.assert_close(relevance, expected)


def test_the_audit_books_a_norms_bias_as_bias():
    torch.manual_seed(0)
    norm = nn.LayerNorm(8).eval().double()
    norm.bias.data = torch.randn(8, dtype=torch.float64)
    x = torch.randn(1, 8, dtype=torch.float64)
    program = lrp.relprop(trace(norm, x), lrp.composites.epsilon_plus(stabilizer=1e-12))
    account = lrp.audit(program, program.prepare(program.graph.params), x, norm(x).detach())
    assert abs(float(account.bias.sum()) - norm.bias.detach().sum().item()) < 1e-6
    assert abs(account.dropped).max() < 1e-6
