"""Every method of the table can be had from the command line, with its options; what cannot is said."""

import pytest
import torch
from torch import nn

from lrp.attribution import METHODS
from lrp.cli.load import Unusable
from lrp.cli.method import load_method
from lrp.composites import epsilon_plus

OPTIONS = {"grad_cam": ":layer=1", "guided_grad_cam": ":layer=1", "occlusion": ":window=2", "smooth_grad": ":samples=2"}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 2)).eval()


@pytest.mark.parametrize("name", METHODS)
def test_every_method_explains(name, model):
    x = torch.rand(2, 1, 6, 6)
    output, attribution = load_method(name + OPTIONS.get(name, ""), model, x[:1], epsilon_plus())(x)
    torch.testing.assert_close(output, model(x))
    assert attribution.shape == x.shape and attribution.isfinite().all()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sooth_grad", "no method 'sooth_grad'; there are lrp, gradient"),
        ("smooth_grad:sample=3", "smooth_grad has samples="),
        ("grad_cam", "grad_cam has layer"),
        ("deep_lift:lrp", "of the network alone"),
        ("smooth_grad:samples", "give NAME=VALUE"),
    ],
)
def test_what_cannot_be_had_is_said(text, message, model):
    with pytest.raises(Unusable, match=message):
        load_method(text, model, torch.rand(1, 1, 6, 6), epsilon_plus())
