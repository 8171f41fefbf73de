"""attribute_dataset for outputs of any shape and models of several inputs: stored is what the explainer says."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import IterableDataset, Subset, TensorDataset

import lrp
from lrp import attribution
from lrp.testing import randomize
from spray import store
from spray.store import ProjectError

SMALL = {"batch_size": 4, "shard_size": 10, "progress": False}
EPSILON = lrp.composites.epsilon_plus()
COUNT = 13


class Logit(nn.Module):
    """One number a sample, `(batch,)` or `(batch, 1)`."""

    def __init__(self, flat):
        super().__init__()
        self.net, self.flat = nn.Sequential(nn.Flatten(), nn.Linear(48, 8), nn.ReLU(), nn.Linear(8, 1)), flat

    def forward(self, x):
        return self.net(x)[:, 0] if self.flat else self.net(x)


class Times(nn.Module):
    """`(batch, time, class)`"""

    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 4))

    def forward(self, x):
        return self.net(x.flatten(2))


MODELS = {
    "flat": Logit(True),
    "logit": Logit(False),
    "segment": nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1)),
    "times": Times(),
}


@pytest.fixture(scope="module")
def images():
    return torch.randn(COUNT, 3, 4, 4, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def explainers(images):
    return {name: lrp.explainer(randomize(model, 2).float(), images, EPSILON) for name, model in MODELS.items()}


def project(explain, dataset, path, **options):
    lrp.attribute_dataset(explain, dataset, path / "p", **SMALL | options)
    return store.open_attributions(path / "p")


def labelled(images):
    return TensorDataset(images, torch.arange(len(images)) % 2)


def close(found, wanted):
    np.testing.assert_allclose(found.values, wanted.numpy(), rtol=1e-5, atol=1e-6)


def ramp(output):
    """A seed that differs from place to place."""
    return torch.linspace(-1, 1, output[0].numel()).reshape(output.shape[1:]).expand_as(output)


PLACES = {
    "segment": np.array([[n % 2, n % 4, (n + 1) % 4] for n in range(COUNT)]),
    "times": np.array([[n % 3, n % 4] for n in range(COUNT)]),
}


@pytest.mark.parametrize("name", PLACES)
@pytest.mark.parametrize("kind", ["index", "places", "list", "function", "seeds"])
def test_other_outputs_than_classes(name, kind, explainers, images, tmp_path):
    explain, places = explainers[name], PLACES[name]
    seeds = torch.randn(explain(images, ramp)[0].shape)
    last = tuple(places[-1].tolist())
    target = {"index": last, "places": places, "list": places.tolist(), "function": ramp, "seeds": seeds}[kind]
    found = project(explain, labelled(images), tmp_path, target=target)
    output, relevance = explain(images, target)
    close(found.relevance, relevance)
    close(found.output, output)
    assert found.output.dims == ("sample", *[f"output_{n}" for n in range(1, output.ndim)])
    expected = {"index": np.tile(last, (COUNT, 1))}.get(kind, places if kind in ("places", "list") else -1)
    assert (found.place.values == expected).all()
    assert not {"prediction", "target"} & set(map(str, found.variables)) and found.label.values[1] == 1


@pytest.mark.parametrize("name", ["flat", "logit"])
@pytest.mark.parametrize("target", [None, "label", 0, 1, "classes", "function"])
def test_one_logit_is_recorded_by_its_sign(name, target, explainers, images, tmp_path):
    explain, labels = explainers[name], torch.arange(COUNT) % 2
    given = {"classes": 1 - labels, "function": torch.ones_like}.get(target, target)
    found = project(explain, labelled(images), tmp_path, target=given, label_names=["no", "yes"])
    output, relevance = explain(images, labels if target == "label" else given)
    logits = output.reshape(-1)
    close(found.relevance, relevance)
    close(found.output, logits)
    predicted = (logits > 0).long().tolist()
    assert found.prediction.values.tolist() == predicted and set(predicted) == {0, 1}
    chosen = {None: predicted, "label": labels.tolist(), 0: [0] * COUNT, "classes": (1 - labels).tolist()}
    assert found.target.values.tolist() == chosen.get(target, [1] * COUNT)
    assert found.label_name.values.tolist() == ["no", "yes"]


@pytest.mark.parametrize("method", ["lrp", "gradient"])
def test_both_classes_of_one_logit(method, explainers, images, tmp_path):
    explain = explainers["logit"] if method == "lrp" else attribution.gradient(MODELS["logit"])
    found = project(explain, labelled(images), tmp_path / "every", target="every")
    for number in (0, 1):
        close(found.relevance_each[:, number], explain(images, number)[1])
    assert found.relevance_each.dims[:2] == ("sample", "class")
    found = project(explain, labelled(images), tmp_path / "top", target="top1")
    assert (found.explained.values[:, 0] == found.prediction.values).all()


def test_arrays_go_by_the_positions_of_the_dataset(explainers, images, tmp_path):
    explain, places = explainers["times"], PLACES["times"]
    chosen = [7, 2, 11, 0, 5, 4]
    found = project(explain, Subset(labelled(images), chosen), tmp_path, target=places[chosen], shard_size=4)
    assert found.sample.values.tolist() == chosen
    close(found.relevance, explain(images, places)[1][chosen])
    mapping = {10 * n: image for n, image in enumerate(images)}
    found = project(explain, mapping, tmp_path / "mapping", target=places)
    close(found.relevance, explain(images, places)[1])


class Broken(list):
    """One sample cannot be read."""

    def __getitem__(self, index):
        if index == 2:
            raise OSError("broken")
        return super().__getitem__(index)


def test_a_sample_that_is_left_out_shifts_no_targets(explainers, images, tmp_path):
    explain, places = explainers["times"], PLACES["times"]
    found = project(explain, Broken(images), tmp_path, target=places, errors="skip")
    rows = [n for n in range(COUNT) if n != 2]
    assert found.sample.values.tolist() == rows
    close(found.relevance, explain(images, places)[1][rows])


def test_a_run_with_another_array_is_refused(explainers, images, tmp_path):
    places = PLACES["times"]
    project(explainers["times"], labelled(images), tmp_path, target=places)
    other = places.copy()
    other[5, 1] = 3 - other[5, 1]
    with pytest.raises(ProjectError, match="target: array"):
        project(explainers["times"], labelled(images), tmp_path, target=other)
    with pytest.raises(ProjectError, match="target: array"):
        project(explainers["times"], labelled(images), tmp_path, target=(0, 0))


class Stream(IterableDataset):
    def __iter__(self):
        return iter(torch.zeros(4, 3, 4, 4))


@pytest.mark.parametrize(
    ("name", "target", "error", "message"),
    [
        ("segment", None, ValueError, r"not \(batch, class\): give an index tuple such as \(0, 0, 0\)"),
        ("segment", "label", ValueError, r"not \(batch, class\)"),
        ("segment", 1, ValueError, r"not \(batch, class\)"),
        ("segment", "every", ValueError, r"not \(batch, class\)"),
        ("segment", (0, 0, 9), IndexError, r"index \(0, 0, 9\) does not exist"),
        ("segment", PLACES["segment"][:5], ValueError, "an array of 5, the dataset has 13 samples"),
        ("segment", PLACES["times"], ValueError, r"an index is a tuple of 3"),
        ("segment", np.zeros((COUNT, 2, 4, 4)), TypeError, "a seed is a floating-point tensor"),
        ("segment", "first", ValueError, "an array of one for each sample"),
        ("logit", "top3", ValueError, "the 3 highest of 2 classes"),
        ("logit", 2, IndexError, "classes 0 to 1"),
    ],
)
def test_wrong_targets_are_told(name, target, error, message, explainers, images, tmp_path):
    with pytest.raises(error, match=message):
        project(explainers[name], labelled(images), tmp_path, target=target)


def test_a_stream_has_no_positions(explainers, tmp_path):
    with pytest.raises(ValueError, match="the dataset has no length"):
        project(explainers["times"], Stream(), tmp_path, target=[[0, 0]] * 4)


def test_two_functions_of_one_name_are_two_targets(explainers, images, tmp_path):
    explain, dataset = explainers["times"], labelled(images)
    for _ in range(2):
        project(explain, dataset, tmp_path, target=lambda output: 2 * output)
    for other in (lambda output: 3 * output, lambda output: output.abs()):
        with pytest.raises(ProjectError, match="target: function"):
            project(explain, dataset, tmp_path, target=other)
