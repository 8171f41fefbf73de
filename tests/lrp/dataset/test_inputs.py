"""attribute_dataset for models of several inputs: tuples, dicts, integers and masks among them."""

import numpy as np
import pytest
import torch
from torch import nn

import lrp
from lrp import SampleError
from lrp.dataset.reading.samples import Sample, read
from lrp.testing import randomize
from spray import store

SMALL = {"batch_size": 4, "shard_size": 10, "progress": False}
EPSILON = lrp.composites.epsilon_plus()
COUNT = 13
X = {
    "picture": torch.randn(COUNT, 3, 4, 4, generator=torch.Generator().manual_seed(0)),
    "numbers": torch.randn(COUNT, 5, generator=torch.Generator().manual_seed(1)),
    "tokens": torch.arange(COUNT * 6).reshape(COUNT, 6) % 7,
    "mask": torch.arange(COUNT * 6).reshape(COUNT, 6) % 5 > 0,
}


class Mixed(nn.Module):
    """A picture, numbers, integers that are looked up, and a mask of them."""

    def __init__(self):
        super().__init__()
        self.picture, self.numbers = nn.Linear(48, 4), nn.Linear(5, 4)
        self.tokens, self.head = nn.Embedding(7, 4), nn.Linear(4, 3)

    def forward(self, picture, numbers, tokens, mask):
        looked_up = (self.tokens(tokens) * mask[:, :, None]).sum(1)
        return self.head(torch.relu(self.picture(picture.flatten(1)) + self.numbers(numbers) + looked_up))


def items(x=X):
    """Samples as a dataset gives them."""
    if isinstance(x, dict):
        return [({name: values[n] for name, values in x.items()}, n % 3) for n in range(COUNT)]
    return [(tuple(values[n] for values in x), n % 3) for n in range(COUNT)]


@pytest.fixture(scope="module")
def model():
    return randomize(Mixed(), 0).float()


def project(explain, dataset, path, **options):
    lrp.attribute_dataset(explain, dataset, path / "p", **SMALL | options)
    return store.open_attributions(path / "p")


def close(found, wanted):
    np.testing.assert_allclose(found.values, wanted.numpy(), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("kind", [dict, tuple])
@pytest.mark.parametrize("target", ["label", "every", "top2"])
def test_every_input_and_what_it_receives(kind, target, model, tmp_path):
    x = X if kind is dict else tuple(X.values())
    explain = lrp.explainer(model, x, EPSILON)
    keep = lrp.Kept(draw="picture" if kind is dict else 0)
    found = project(explain, items(x), tmp_path, target=target, keep=keep)
    output, relevance = explain(x, torch.arange(COUNT) % 3 if target == "label" else None)
    keys = list(X) if kind is dict else range(4)
    values = relevance if kind is dict else dict(enumerate(relevance))
    names = dict(zip(X, keys, strict=True))
    close(found.output, output)
    close(found.image, X["picture"])
    close(found.relevance, values[names["picture"]])
    assert found.relevance.dims == ("sample", "channel", "height", "width")
    close(found[f"input_{names['numbers']}_relevance"], values[names["numbers"]])
    for name in ("numbers", "tokens", "mask"):
        np.testing.assert_array_equal(found[f"input_{names[name]}"].values, X[name].numpy())
        receives = values[names[name]] is not None
        assert (f"input_{names[name]}_relevance" in found) == receives
    if target != "label":
        one = explain(x, 2 if target == "every" else torch.as_tensor(found.explained.values[:, 1]))[1]
        at = found.sizes["class"] - 1 if target == "every" else 1
        close(found.relevance_each[:, at], one[names["picture"]])
        close(found[f"input_{names['numbers']}_relevance_each"][:, at], one[names["numbers"]])


def test_several_methods_of_several_inputs(model, tmp_path):
    explain = lrp.explainer(model, X, EPSILON)
    zero = lrp.explainer(model, X, lrp.composites.epsilon_plus(epsilon=0.25))
    found = project(
        {"lrp": explain, "other": zero}, items(), tmp_path, keep=lrp.Kept(sum_channels=True, draw="picture")
    )
    close(found.relevance_other, zero(X)[1]["picture"].sum(1))
    close(found.input_numbers_relevance_other, zero(X)[1]["numbers"])


@pytest.mark.parametrize("draw", ["tokens", "numbers"])
def test_the_one_that_is_drawn_is_said(draw, model, tmp_path):
    class Words(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = model

        def forward(self, mask, tokens, numbers):
            return self.inner(torch.zeros(numbers.shape[0], 3, 4, 4), numbers, tokens, mask)

    x = {name: X[name] for name in ("mask", "tokens", "numbers")}
    explain = lrp.explainer(Words().eval(), x, EPSILON)
    found = project(explain, items(x), tmp_path, keep=lrp.Kept(draw=draw))
    close(found.relevance, explain(x)[1][draw])
    np.testing.assert_array_equal(found.image.values, x[draw])
    with pytest.raises(ValueError, match="the inputs tokens, numbers receive relevance: say which is drawn"):
        project(explain, items(x), tmp_path / "unsaid")
    with pytest.raises(ValueError, match="draw is 'mask': the inputs that receive relevance are tokens, numbers"):
        project(explain, items(x), tmp_path / "mask", keep=lrp.Kept(draw="mask"))


def test_what_is_not_finite_is_found_in_every_input(model, tmp_path):
    broken = dict(X, numbers=X["numbers"].clone())
    broken["numbers"][3, 0] = float("nan")
    with pytest.raises(SampleError, match="sample 3: its output is not finite"):
        project(lrp.explainer(model, X, EPSILON), items(broken), tmp_path, keep=lrp.Kept(draw="picture"))


@pytest.mark.parametrize(
    ("item", "message"),
    [
        (
            (X["picture"][0], X["numbers"][0]),
            r"label of shape \(5,\): .* one tuple or dict: \(\(left, right\), label\)",
        ),
        (tuple(v[0] for v in X.values()), r"4 fields.*\(\(left, right\), label\)"),
        (
            ({"picture": X["picture"][0]}, 0),
            "sample 1 has the inputs picture, sample 0 has picture, numbers, tokens, mask",
        ),
        (({n: v[0].tolist() for n, v in X.items()}, 0), "has a float for an image, not a tensor"),
    ],
)
def test_items_that_are_no_inputs_are_told(item, message, model, tmp_path):
    explain = lrp.explainer(model, X, EPSILON)
    with pytest.raises(SampleError, match=message):
        project(explain, [items()[0], item], tmp_path)


def test_a_batch_as_an_item_is_told(model, tmp_path):
    with pytest.raises(ValueError, match=r"items are single samples, without a batch axis"):
        project(lrp.explainer(model, X, EPSILON), [X], tmp_path)


def test_normalization_is_of_one_image(model, tmp_path):
    with pytest.raises(ValueError, match="normalize several inputs in the dataset"):
        scale = lrp.Normalization((0.5,), (0.5,))
        project(lrp.explainer(model, X, EPSILON), items(), tmp_path, normalize=scale)


def test_pixels_outside_of_their_range_are_told(tmp_path):
    images = torch.randn(4, 1, 4, 4)
    explain = lrp.explainer(nn.Sequential(nn.Flatten(), nn.Linear(16, 2)).eval(), images, EPSILON)
    with pytest.raises(ValueError, match=r"normalize is for images in \[0, 1\]"):
        project(explain, images, tmp_path, normalize=lrp.Normalization((0.5,), (0.5,)))


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"prediction": 1}, "the project itself has 'prediction'"),
        ({"part": 1}, "the project itself has 'part'"),
        ({"relevance_lrp": 1}, "the project itself has"),
        ({"a/b": 1}, "cannot hold the name"),
        ({"who": "a\0b"}, "the character NUL"),
        ({"who": "\ud800"}, "half a surrogate pair"),
        ({"who": 1j}, "complex128"),
    ],
)
def test_what_a_project_cannot_hold_is_refused(extra, words):
    with pytest.raises(ValueError if "project" in words or "name" in words else SampleError, match=words):
        read(Sample(3, (torch.zeros(1, 2, 2), 0, extra), "photos/a.png"))


@pytest.mark.parametrize("label", [1.5, 1j, 2**70, "a"])
def test_a_label_is_a_whole_number(label):
    with pytest.raises(SampleError, match="sample 3 has the label"):
        read(Sample(3, (torch.zeros(1, 2, 2), label)))
