"""Constant tensors whose values the model's code reads, as networks converted from ONNX do."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import lrp


class Constants(nn.Module):
    """Where a converter keeps what it read: a module of buffers only."""

    def __init__(self, **values: Tensor) -> None:
        super().__init__()
        for name, value in values.items():
            self.register_buffer(name, value)


class Converted(nn.Module):
    """A convolution, something done with constants, a dense layer."""

    def __init__(self, **values: Tensor) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.constants = Constants(**values)
        self.conv, self.dense = nn.Conv2d(1, 2, 3), nn.LazyLinear(3)
        self.double().eval()(self.example())

    def example(self, batch: int = 2) -> Tensor:
        return torch.rand(batch, 1, 6, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(batch))

    def forward(self, x: Tensor) -> Tensor:
        return self.dense(self.between(torch.relu(self.conv(x))).flatten(1))

    def between(self, x: Tensor) -> Tensor:
        raise NotImplementedError


class Resized(Converted):
    def between(self, x: Tensor) -> Tensor:
        scales = self.constants.scales.tolist()
        assert scales[:2] == [1, 1]
        return nn.functional.interpolate(x, scale_factor=scales[2:])


class Reshaped(Converted):
    """Shapes as tensors: only for the batch size of the example."""

    def between(self, x: Tensor) -> Tensor:
        shape = torch.tensor(x.shape)
        shape = torch.cat([shape[:1], shape[self.constants.kept] * self.constants.factor, self.constants.rest])
        if torch.any(shape == 0):
            raise ValueError("an empty axis")
        return x.reshape(shape.tolist())


class Counted(Converted):
    """One more at every call: no two predictions are alike."""

    def between(self, x: Tensor) -> Tensor:
        self.constants.count[0].add_(1)
        return x * self.constants.count.tolist()[0]


class Written(Converted):
    def between(self, x: Tensor) -> Tensor:
        self.constants.kept[0] = x.max()
        return x * (self.constants.kept * 2).tolist()[0]


class Drawn(Converted):
    def between(self, x: Tensor) -> Tensor:
        return x if torch.bernoulli(self.constants.chance).tolist()[0] > 0 else -x


class Branching(Converted):
    def between(self, x: Tensor) -> Tensor:
        return x if x.sum() > 0 else -x


LONG = {"kept": torch.tensor([1]), "factor": torch.tensor([2]), "rest": torch.tensor([-1])}


@pytest.mark.parametrize(
    ("model", "tied"), [(Resized(scales=torch.tensor([1.0, 1, 2, 2])), False), (Reshaped(**LONG), True)]
)
def test_values_of_buffers_are_known(model: Converted, tied: bool) -> None:
    before = {name: (id(value), value._version) for name, value in model.state_dict(keep_vars=True).items()}
    explain = lrp.explainer(model, model.example(), lrp.composites.GRADIENT)
    x = model.example(2 if tied else 5)
    output, relevance = explain(x, lambda output: torch.ones_like(output))
    (gradient,) = torch.autograd.grad(model(x.requires_grad_()).sum(), x)
    torch.testing.assert_close(output, model(x))
    torch.testing.assert_close(relevance, gradient)
    assert explain.program.graph.batch == (2 if tied else None)
    assert {name: (id(value), value._version) for name, value in model.state_dict(keep_vars=True).items()} == before


@pytest.mark.parametrize(
    "model",
    [
        Counted(count=torch.zeros(1)),
        Written(kept=torch.ones(1).double()),
        Drawn(chance=torch.tensor([0.5])),
        Branching(kept=torch.ones(1)),
    ],
)
def test_what_is_not_known_stays_an_error(model: Converted) -> None:
    state, buffers = torch.get_rng_state(), [buffer.clone() for buffer in model.buffers()]
    with pytest.raises(lrp.TraceError):
        lrp.trace(model, model.example())
    assert torch.equal(state, torch.get_rng_state())
    assert all(map(torch.equal, model.buffers(), buffers))
