"""MTCNN, real weights on a real face: the one network of the zoo that is small enough for every day.

`nox -s tests` installs facenet-pytorch, which carries it, without the older PyTorch that it asks for.
"""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from bench.zoo.check import Found, check, strongest
from bench.zoo.networks import Case, mtcnn
from lrp._torchvision import torchvision

torchvision()  # before Zennit imports it
SIZES = {"PNet": 48, "RNet": 24, "ONet": 48}


class Logits(nn.Module):
    """A network of MTCNN without its softmax, as one that has a single output, for Zennit."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model
        for name, _ in list(model.named_children()):
            if name.startswith("softmax"):
                setattr(model, name, nn.Identity())

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)[-1]


def in_doubles(network: str) -> Case:
    case = mtcnn(network, SIZES[network])
    assert isinstance(case.x, Tensor)
    case.model.double()
    return Case(case.model, case.x.double(), case.composite, case.pictures, case.target, case.output)


@pytest.mark.parametrize("network", SIZES)
def test_mtcnn_is_explained(network: str) -> None:
    case = in_doubles(network)
    found, output, relevance = check(case.model, case.x, case.composite, case.target, case.output)
    assert found.finite and max(found.output, found.residual, found.row) < 1e-12
    assert abs(relevance).sum() > 0
    faces = output[:, 1] > output[:, 0] if output.ndim == 2 else None  # P-Net says so of every place
    assert faces is None or faces.tolist() == [True, True, False, False]  # the astronaut, twice; a cat, a cup


@pytest.mark.parametrize("network", SIZES)
def test_mtcnn_is_explained_as_by_zennit(network: str) -> None:
    composites = pytest.importorskip("zennit.composites", reason="the optional comparison with Zennit")
    attribution = pytest.importorskip("zennit.attribution")
    case = in_doubles(network)
    _, output, relevance = check(case.model, case.x, case.composite, case.target, case.output)
    x = case.x
    assert isinstance(x, Tensor) and callable(case.target)
    peer = composites.EpsilonGammaBox(low=torch.full_like(x, -1), high=torch.full_like(x, 1))
    with attribution.Gradient(model=Logits(case.model), composite=peer) as attributor:
        _, expected = attributor(x, case.target(output))
    assert float(abs(relevance - expected).max()) < 1e-10 * float(abs(expected).max())


def test_what_is_not_right_is_seen() -> None:
    assert Found(True, 1e-6, 1e-6, 1e-6).good
    assert not Found(False, 0.0, 0.0, 0.0).good
    assert not any(Found(True, *(0.1 if at == wrong else 0.0 for at in range(3))).good for wrong in range(3))


def test_a_wrong_audit_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)).eval()
    from lrp.explain.one_call import Explainer

    right = Explainer.__call__
    x = torch.rand(2, 4)
    composite = mtcnn("RNet", 24).composite
    assert check(model, x, composite).found.good
    monkeypatch.setattr(
        Explainer, "__call__", lambda self, x, target: right(self, x, target)._replace(relevance=torch.ones_like(x))
    )
    assert not check(model, x, composite, strongest).found.good
