"""The proof, against numbers counted by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

import lrp
from lrp import correct
from lrp.correct import Samples

PLUS = lrp.composites.epsilon_plus()


def made():
    """Class 1 where the first pixel or the last is high; after: where the last is. The first is the artefact."""
    x = torch.zeros(40, 1, 2, 2)
    y = torch.arange(40) % 2
    artefact = torch.arange(40) < 20
    x[:, 0, 1, 1] = y.float()
    x[artefact, 0, 0, 0] = 1
    mask = torch.zeros_like(x)
    mask[artefact, :, 0, 0] = 1
    model = nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).eval()
    graph = lrp.trace(model, x[:1])
    weight = torch.tensor([[-1.0, 0, 0, -1.0], [1.0, 0, 0, 1.0]])
    before = graph.having({"1.weight": weight, "1.bias": torch.tensor([0.5, -0.5])})
    weight = torch.tensor([[0.0, 0, 0, -1.0], [0.0, 0, 0, 1.0]])
    return (
        before,
        graph.having({"1.weight": weight, "1.bias": torch.tensor([0.5, -0.5])}),
        Samples(x, y, artefact, mask),
    )


def test_every_measure():
    before, after, data = made()
    v = torch.tensor([1.0, 0, 0, 0])
    found = correct.report(before, after, data, PLUS, layer="0", v=v, label_names=["low", "high"])
    value = found.value.sel
    assert list(found.group.values) == [
        "low clean", "low artefact", "high clean", "high artefact", "clean", "mean", "worst",
    ]  # fmt: skip
    assert float(value(model="before", group="low artefact", measure="accuracy")) == 0
    assert float(value(model="before", group="worst", measure="accuracy")) == 0
    assert float(value(model="before", group="mean", measure="accuracy")) == 0.75
    assert (value(model="after", measure="accuracy") == 1).all()
    assert float(value(model="before", group="high artefact", measure="relevance")) == pytest.approx(0.5, abs=1e-3)
    assert float(value(model="after", group="high artefact", measure="relevance")) == 0
    assert np.isnan(value(group="high clean", measure="relevance")).all()
    assert float(value(model="before", group="high clean", measure="tcav")) == 1
    assert float(value(model="after", group="high clean", measure="tcav")) == 0.5
    assert float(value(model="before", group="low clean", measure="sensitivity")) == 1
    assert float(value(model="after", group="mean", measure="sensitivity")) == 0
    assert float(value(model="after", group="low artefact", measure="changed")) == 1
    assert float(value(model="after", group="clean", measure="changed")) == 0
    assert (found.n.values == [10, 10, 10, 10, 20, 40, 40]).all()
    assert correct.is_worse(found) == []
    text = correct.as_text(found)
    assert "low artefact" in text and "0.000 [0.00 0.00] -> 1.000 [1.00 1.00]" in text
    assert len(correct.draw(found).axes) == 5


def test_a_correction_that_is_none():
    before, after, data = made()
    found = correct.report(after, before, data, PLUS)
    assert correct.is_worse(found) == ["the worst group's accuracy fell from 1.000 to 0.000"]


def test_intervals_are_those_of_a_binomial():
    before, _, data = made()
    rng = np.random.default_rng(0)
    wrong = torch.as_tensor(rng.random(40) < 0.3)
    flipped = replace(data, y=torch.where(wrong, 1 - data.y, data.y))
    found = correct.report(before, before, flipped, PLUS).sel(measure="accuracy", model="after")
    for group in found.group.values[:4]:
        one = found.sel(group=group)
        error = np.sqrt(one.value * (1 - one.value) / one.n)
        assert float(one.lower) <= float(one.value) <= float(one.upper)
        assert float(one.upper - one.lower) == pytest.approx(2 * 1.96 * float(error), abs=0.12)


def test_without_groups_there_is_no_proof():
    before, after, data = made()
    with pytest.raises(ValueError, match="which test samples carry the artefact"):
        correct.report(before, after, replace(data, artefact=None), PLUS)


def test_a_direction_is_asked_before_the_projection():
    """The derivative along a direction that was projected out is zero at the layer itself."""
    before, _, data = made()
    v = torch.tensor([1.0, 0, 0, 0])
    after = correct.project(before, "0", v, 0.0)
    found = correct.report(before, after, data, PLUS, layer="0", v=v)
    assert float(found.value.sel(model="before", group="mean", measure="sensitivity")) == 1
    assert float(found.value.sel(model="after", group="mean", measure="sensitivity")) == 0
