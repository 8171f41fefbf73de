"""Side by side with Zennit in float64: all nine composites on three architectures with random batch norm statistics."""

import pytest
import torch
from torch import nn

import lrp
from lrp._torchvision import torchvision

torchvision()  # before Zennit imports it
pytest.importorskip("zennit", reason="the optional comparison with Zennit")

from zennit import composites as peers  # noqa: E402
from zennit.attribution import Gradient  # noqa: E402
from zennit.torchvision import ResNetCanonizer, VGGCanonizer  # noqa: E402

MODELS = {"vgg11_bn": VGGCanonizer, "resnet18": ResNetCanonizer, "resnet50": ResNetCanonizer}
SIZE = 32


def model_of(name):
    torch.manual_seed(1)
    model = getattr(torchvision().models, name)(num_classes=10)
    if name == "vgg11_bn":  # 120 million weights of two dense layers, which take most of the time and show no more
        model.classifier = nn.Sequential(nn.Linear(512 * 49, 64), nn.ReLU(), nn.Dropout(), nn.Linear(64, 10))
    model.eval().double()
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = 1e-30  # Zennit 0.5 leaves its eps in the merged batch norm
            module.running_mean.normal_()
            module.running_var.uniform_(0.1, 2)
            nn.init.uniform_(module.weight, 0.1, 2)
            nn.init.normal_(module.bias)
        if isinstance(module, nn.ReLU):
            module.inplace = False  # its beta smooth reads an in-place ReLU's input after it was overwritten
    return model


def peer(name, x, canonizers):
    bounds = {"low": torch.full_like(x, -4.0), "high": torch.full_like(x, 4.0)} if name == "epsilon_gamma_box" else {}
    return peers.COMPOSITES[name](**bounds, canonizers=canonizers)


def ours(name):
    return lrp.composites.COMPOSITES[name](**({"low": -4.0, "high": 4.0} if name == "epsilon_gamma_box" else {}))


# where Zennit is right: its guided backprop, deconvnet and beta smooth know only modules, and one use of each
GRADIENTS = {"guided_backprop", "deconvnet", "beta_smooth"}
SHARED = {("beta_smooth", "resnet18"), ("beta_smooth", "resnet50")}


@pytest.mark.parametrize(
    "architecture", [pytest.param(m, marks=[pytest.mark.slow] * (m in ("resnet50", "vgg11_bn"))) for m in MODELS]
)
def test_parity_with_zennit(architecture):
    model = model_of(architecture)
    x = torch.randn(2, 3, SIZE, SIZE, dtype=torch.float64)
    seed = torch.eye(10, dtype=torch.float64)[[3, 7]]
    graph = lrp.canonize(lrp.trace(model, x))
    for name in lrp.composites.COMPOSITES:
        if name not in peers.COMPOSITES or (name, architecture) in SHARED:
            continue
        # torchvision's residual sums are no modules: for the gradient's composites both keep the gradient there
        canonizers = [] if name in GRADIENTS else [MODELS[architecture]()]
        with Gradient(model=model, composite=peer(name, x, canonizers)) as attributor:
            _, expected = attributor(x, seed)  # pyright: ignore[reportGeneralTypeIssues]  # untyped
        program = lrp.relprop(graph, ours(name))
        _, pullback = program(program.prepare(graph.params), x)
        error = float((pullback(seed) - expected).abs().max() / expected.abs().max())
        print(f"{architecture:10} {name:28} {error:.1e}")
        assert error < 1e-10, f"{name} differs from Zennit by {error:.1e} of the largest value"
