"""Receptive fields against the places that the output's gradient reaches in double precision."""

import pytest
import torch
from torch import nn

import lrp
from lrp.concepts import receptive_fields


class Branches(nn.Module):
    """Paths of several reaches: a residual sum, a concatenation, a gate beside the way."""

    def __init__(self, gated):
        super().__init__()
        self.one, self.two, self.three = (
            nn.Conv2d(2, 3, 3, 2, 1),
            nn.Conv2d(3, 3, 5, padding=4, dilation=2),
            nn.Conv2d(3, 4, 1),
        )
        self.gated = gated

    def forward(self, x):
        x = torch.tanh(self.one(x))
        x = x + self.two(x)
        if self.gated:
            x = x * torch.sigmoid(x.mean((2, 3), keepdim=True))
        return torch.cat([self.three(x), nn.functional.avg_pool2d(x, 3, 1, 1)], 1).permute(0, 2, 3, 1) + 0.5


CASES = {
    "pools": (
        nn.Sequential(
            nn.Conv2d(2, 3, (3, 2), (2, 1), (1, 0)),
            nn.Tanh(),
            nn.AvgPool2d(3, 2, 1),
            nn.Conv2d(3, 2, 3, padding="same"),
        ),
        (2, 13, 11),
    ),
    "norms": (nn.Sequential(nn.Conv2d(2, 3, 3), nn.BatchNorm2d(3), nn.Tanh(), nn.AdaptiveAvgPool2d((4, 3))), (2, 9, 9)),
    "padding": (nn.Sequential(nn.ConstantPad2d((2, 0, 1, 3), 0.0), nn.Conv2d(2, 2, 3, 3)), (2, 7, 8)),
    "signal": (nn.Sequential(nn.Conv1d(1, 2, 4, 2), nn.Tanh(), nn.Conv1d(2, 2, 3, dilation=2)), (1, 30)),
    "branches": (Branches(False), (2, 12, 10)),
    "gate": (Branches(True), (2, 8, 8)),
    "dense": (nn.Sequential(nn.Conv2d(2, 3, 3), nn.Flatten(), nn.Linear(108, 4)), (2, 8, 8)),
}


@pytest.mark.parametrize("name", CASES)
def test_fields_are_where_the_gradient_is(name):
    torch.manual_seed(0)
    model, shape = CASES[name]
    model = model.double().eval()
    x = torch.rand(1, *shape, dtype=torch.double, requires_grad=True)
    graph = lrp.canonize(lrp.trace(model, x.detach()))
    fields = receptive_fields(graph, graph.output.name, axis=-1 if name in ("branches", "gate") else 1)
    output = model(x)
    summed = (output.movedim(-1, 1) if name in ("branches", "gate") else output).abs().sum(1).flatten()
    for place in range(summed.numel()):
        (gradient,) = torch.autograd.grad(summed[place], x, retain_graph=True)
        reached = gradient[0].abs().sum(0).nonzero()
        box = fields.box(place)[1:]
        for axis, part in enumerate(box):
            begin, end, _ = part.indices(shape[axis + 1])
            assert (begin, end) == (int(reached[:, axis].min()), int(reached[:, axis].max()) + 1)


def test_what_cannot_be_told_is_an_error():
    graph = lrp.trace(nn.Conv1d(1, 2, 3).eval(), torch.zeros(1, 1, 9), free={2: "length"})
    with pytest.raises(ValueError, match="free length"):
        receptive_fields(graph, graph.output.name)
