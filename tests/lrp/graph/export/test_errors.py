import inspect

import pytest
import torch
from torch import nn

import lrp
from lrp._torchvision import torchvision


class Branching(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3)

    def forward(self, x):
        h = self.layer(x)
        if h.sum() > 0:  # here
            h = 2 * h
        return h


class Foreign(nn.Module):
    def forward(self, x):
        return x * len(x.numpy().tolist())  # here


def test_the_message_names_the_users_line_and_nothing_is_dumped(capfd):
    model = nn.Sequential(Branching()).eval()
    lines, first = inspect.getsourcelines(Branching)
    at = first + next(i for i, line in enumerate(lines) if "# here" in line)
    with pytest.raises(lrp.TraceError) as error:
        lrp.trace(model, torch.randn(2, 4))
    assert f"{__file__}:{at}" in str(error.value)
    assert "if h.sum() > 0:" in str(error.value)
    assert "must not branch in Python on the values of tensors" in str(error.value)
    assert capfd.readouterr() == ("", "")


def test_advice_is_what_applies():
    with pytest.raises(lrp.TraceError, match="could not trace Branching on an input of shape") as error:
        lrp.trace(Branching().eval(), torch.randn(2, 5))
    assert "The model itself fails on this input (RuntimeError)" in str(error.value)
    assert "branch" not in str(error.value).splitlines()[-1]
    with pytest.raises(lrp.TraceError, match="cannot follow that code, though the model runs") as error:
        lrp.trace(Foreign().eval(), torch.randn(2, 5))
    assert "branch" not in str(error.value).splitlines()[-1]


def test_an_example_of_other_arguments_is_told_so():
    with pytest.raises(lrp.TraceError, match="missing a required argument: 'x'"):
        lrp.trace(Branching().eval(), {"y": torch.randn(2, 4)})


def test_torchvisions_normalize_is_part_of_the_model():
    normalize = torchvision().transforms.Normalize((0.4, 0.5, 0.6), (0.2, 0.25, 0.3))
    model = nn.Sequential(normalize, nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 3)).eval()
    x = torch.rand(3, 3, 8, 8)
    graph = lrp.trace(model, x[:1])
    assert graph.batch is None
    torch.testing.assert_close(graph(graph.params, x), model(x))


class Reading(nn.Module):
    """Asks the input's values, within torchvision's code."""

    def forward(self, x):
        mean, std = x.mean((0, 2, 3)), x.std((0, 2, 3))
        return torchvision().transforms.functional.normalize(x, mean, std).flatten(1)


def test_a_normalization_that_cannot_be_traced_names_ours():
    with pytest.raises(lrp.TraceError, match=r"`lrp.Normalization\(mean, std\)\(images\)`"):
        lrp.trace(Reading().eval(), torch.rand(2, 3, 4, 4))
