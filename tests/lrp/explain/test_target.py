"""Targets through the explainer: one rule for outputs of every shape."""

import numpy as np
import pytest
import torch
from torch import nn

import lrp
from lrp.dataset.targets import targets
from lrp.explain import contrast, logit, seed_of
from lrp.testing import randomize

EPSILON = lrp.composites.epsilon_plus()


class Reshaped(nn.Module):
    """A dense network whose output has any axes behind the batch."""

    def __init__(self, *shape):
        super().__init__()
        self.shape = shape
        self.net = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, int(np.prod(shape))))

    def forward(self, x):
        return self.net(x).reshape(x.shape[0], *self.shape)


def made(*shape, count=5):
    x = torch.randn(count, 6, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return lrp.explainer(randomize(Reshaped(*shape), 1).double(), x, EPSILON), x


def same(explain, x, target, seed):
    torch.testing.assert_close(explain(x, target).relevance, explain(x, seed).relevance)


@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4), ()])
def test_an_index_tuple_is_a_place_of_any_output(shape):
    explain, x = made(*shape)
    place = tuple(size - 1 for size in shape)
    seed = torch.zeros(5, *shape, dtype=torch.float64)
    seed[(slice(None), *place)] = 1
    same(explain, x, place, seed)
    same(explain, x, lambda output: seed, seed)
    same(explain, x, lambda output: seed > 0, seed)  # what a function returns are weights, of any type


@pytest.mark.parametrize("as_given", [torch.as_tensor, np.asarray, list])
@pytest.mark.parametrize("shape", [(4,), (3, 4), (2, 3, 4)])
@pytest.mark.parametrize("at_once", [None, 2])
def test_index_tuples_of_each_sample(shape, as_given, at_once):
    explain, x = made(*shape)
    places = [tuple((n + axis) % size for axis, size in enumerate(shape)) for n in range(5)]
    seed = torch.zeros(5, *shape, dtype=torch.float64)
    for n, place in enumerate(places):
        seed[(n, *place)] = 1
    expected = explain(x, seed).relevance
    explain.__dict__["samples_at_once"] = at_once  # in pieces each sample keeps its own
    torch.testing.assert_close(explain(x, as_given(places)).relevance, expected)


@pytest.mark.parametrize("shape", [(), (1,)])
def test_one_logit_is_two_classes_by_its_sign(shape):
    explain, x = made(*shape)
    output, predicted = explain(x)
    signs = output.reshape(5).sign()
    assert len(set(signs.tolist())) == 2
    one = explain(x, torch.ones_like(output)).relevance
    torch.testing.assert_close(predicted, signs[:, None] * one)
    torch.testing.assert_close(explain(x, 1).relevance, one)
    torch.testing.assert_close(explain(x, 0).relevance, -one)
    torch.testing.assert_close(explain(x, (0,) * len(shape)).relevance, one)
    torch.testing.assert_close(explain(x, (signs > 0).long()).relevance, predicted)


@pytest.mark.parametrize(
    ("shape", "target", "error", "message"),
    [
        ((2, 3), None, ValueError, r"shape \(5, 2, 3\), not \(batch, class\): give an index tuple such as \(0, 0\)"),
        ((2, 3), 1, ValueError, r"not \(batch, class\)"),
        ((2, 3), (1,), ValueError, r"a tuple of 2 and an array of them \(5, 2\); got \(1,\)"),
        ((2, 3), (1, 3), IndexError, r"index \(1, 3\) does not exist: behind the batch the output is \(2, 3\)"),
        ((2, 3), (-1, 0), IndexError, r"index \(-1, 0\) does not exist"),
        ((2, 3), (0.5, 0), TypeError, "must be integers"),
        ((2, 3), (True, False), TypeError, "must be integers"),
        ((2, 3), torch.zeros(5, 3, dtype=torch.long), ValueError, r"\(5, 2\); got an integer array \(5, 3\)"),
        ((2, 3), torch.tensor([[0, 0]] * 4 + [[0, 7]]), IndexError, r"index \(0, 7\) does not exist"),
        ((4,), (0, 1, 2, 3, 0), ValueError, "Classes per sample are a list"),
        ((4,), torch.ones(5, 4, dtype=torch.long), ValueError, "a seed is floating-point"),
        ((4,), "label", TypeError, "a target is None, a class, .* got 'label'"),
        ((4,), [[0], [1, 2]], TypeError, "a target is None"),
        ((1,), 2, IndexError, "class 2 does not exist: the model has classes 0 to 1"),
        ((1,), torch.zeros(5, 1, dtype=torch.long), ValueError, r"give them as \(5,\), not \(5, 1\)"),
        ((), torch.ones(5, 1), ValueError, r"output's shape \(5,\), got \(5, 1\)"),
    ],
)
@pytest.mark.parametrize("at_once", [None, 2])
def test_wrong_targets_say_what_would_be_right(shape, target, error, message, at_once):
    explain, x = made(*shape)
    explain.__dict__["samples_at_once"] = at_once
    with pytest.raises(error, match=message):
        explain(x, target)


def test_an_output_without_a_batch_is_an_error():
    with pytest.raises(ValueError, match="without a batch axis"):
        seed_of(torch.tensor(1.0), None)


def test_a_notebook_shows_the_class_of_one_logit_and_pictures_of_no_others():
    relevance = torch.randn(2, 1, 4, 4)
    html = lrp.Explanation(torch.tensor([-0.5, 2.0]), relevance)._repr_html_()
    assert "class 0: -0.5" in html and "class 1: 2<" in html
    assert "<pre>" in lrp.Explanation(torch.randn(2, 3, 4), relevance)._repr_html_()


def test_a_logit_starts_with_its_value_and_a_contrast_with_two():
    output = torch.randn(4, 3, 5, dtype=torch.float64)
    rows = torch.arange(4)
    for place in ((1, 2), torch.tensor([[0, 1], [1, 2], [2, 3], [0, 4]])):
        at = seed_of(output, place)
        assert torch.equal(seed_of(output, logit(place)), output * at)
        against = seed_of(output, contrast(place, (1, 0)))
        torch.testing.assert_close(against.sum((1, 2)), (output * at).sum((1, 2)) - output[:, 1, 0])
        mean = seed_of(output, contrast(place))
        position = torch.as_tensor(place).expand(4, 2)[:, 0]
        others = output[rows, position].sum(1) - (output * at).sum((1, 2))
        torch.testing.assert_close(mean.sum((1, 2)), (output * at).sum((1, 2)) - others / 4)
        assert not mean.sum(2)[rows, (position + 1) % 3].any()


def test_a_logit_of_two_classes_and_its_contrast():
    output = torch.tensor([-0.5, 2.0])
    assert seed_of(output, logit()).tolist() == [0.5, 2.0]
    with pytest.raises(ValueError, match="several outputs"):
        seed_of(output, contrast())


def test_a_project_tells_contrasts_apart():
    texts = {targets(made, 3).text for made in (contrast(1, 0), contrast(1, 2), contrast(1), logit(1), logit((1,)))}
    assert len(texts) == 5
    assert targets(contrast(torch.tensor([1, 2])), 3).text == targets(contrast(torch.tensor([1, 2])), 3).text


def test_a_contrast_is_the_relevance_of_the_difference():
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(4, 6), torch.nn.ReLU(), torch.nn.Linear(6, 3)).eval().double()
    x = torch.randn(5, 4, dtype=torch.float64)
    explain = lrp.explainer(model, x, lrp.composites.epsilon_plus(epsilon=1e-13))
    parts = [explain(x, logit(number)).relevance for number in (2, 0)]
    torch.testing.assert_close(explain(x, contrast(2, 0)).relevance, parts[0] - parts[1])
