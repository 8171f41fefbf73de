"""attribute_dataset: what is stored is what the explainer says, whatever happens in between."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.utils.data import IterableDataset, Subset

import lrp
from lrp.dataset import Kept
from spray import store
from tests.support.digits import SMALL, Digits, parts_of, small_explainer

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def explain():
    return small_explainer()


def test_stored_is_what_the_explainer_says(explain, tmp_path):
    dataset = Digits(25)
    path = lrp.attribute_dataset(explain, dataset, tmp_path / "p", target="label", **SMALL)
    found = store.open_attributions(path)
    images, labels = dataset.images, torch.arange(25) % 3
    output, relevance = explain(images, labels)
    np.testing.assert_allclose(found.relevance.values, relevance, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(found.output.values, output, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(found.image.values, images)
    assert found.relevance.dims == ("sample", "channel", "height", "width")
    assert (found.sample.values == np.arange(25)).all() and (found.label.values == labels.numpy()).all()
    assert (found.target.values == labels.numpy()).all()
    assert (found.prediction.values == output.argmax(1).numpy()).all()
    assert found.split.values[:2].tolist() == ["test", "train"] and found.confidence.values[7] == 0.07
    assert found.label_name.values.tolist() == ["zero", "one", "two"]
    assert [part.sizes["sample"] for part in parts_of(path).values()] == [10, 10, 5]


@pytest.mark.parametrize("target", [None, "prediction", 1, "half"])
def test_targets(explain, tmp_path, target):
    dataset = Digits(6)
    seed = torch.full((6, 3), 0.5)
    given = (lambda output: torch.full_like(output, 0.5)) if target == "half" else target
    path = lrp.attribute_dataset(explain, dataset, tmp_path / "p", target=given, **SMALL)
    found = store.open_attributions(path)
    wanted = {"half": seed, "prediction": None}.get(target, target)
    output, relevance = explain(dataset.images, wanted)
    np.testing.assert_allclose(found.relevance.values, relevance, rtol=1e-5, atol=1e-7)
    classes = {"half": [-1] * 6, 1: [1] * 6}.get(target, output.argmax(1).tolist())
    assert found.target.values.tolist() == classes


def test_project_facts(explain, tmp_path):
    path = lrp.attribute_dataset(explain, Digits(3), tmp_path / "p", name="digits", model="small", **SMALL)
    project = store.read_project(path)
    assert (project["name"], project["model"], project["dataset"]) == ("digits", "small", "Digits")
    assert project["label_names"] == ["zero", "one", "two"]
    assert "z_box" in project["composite"] and len(project["settings"]["weights"]) == 64


@pytest.mark.parametrize("stream", [False, True])
def test_the_number_of_samples_is_written(explain, tmp_path, stream):
    dataset = Stream() if stream else Digits(25)
    path = lrp.attribute_dataset(explain, dataset, tmp_path / "p", **SMALL)
    found = store.missing(path)
    assert (found.present, found.expected, found.complete) == (25, 25, True)
    store.parts(path)[0].unlink()
    assert str(store.missing(path)) == "incomplete: 15 of 25 samples (without part 0)"


@pytest.mark.slow
def test_memory_is_flat():
    """Peak memory from the 1 000th to the 10 000th image, in a process of its own."""
    command = [sys.executable, "-m", "bench.dataset", "10000"]
    found = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)
    assert found["images"] == 10000 and found["peak_growth_mb"] < 50


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": "logit"}, "target must be"),
        ({"errors": "ignore"}, "errors must be"),
        ({"batch_size": 0}, "must be positive"),
        ({"ids": [1, 1, 2]}, "3 distinct integers"),
        ({"ids": [0.5, 1, 2]}, "3 distinct integers"),
        ({"keep": Kept(dims=["height", "width"])}, "name 2 dimensions, the images have 3"),
    ],
)
def test_bad_options(explain, tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        lrp.attribute_dataset(explain, Digits(3), tmp_path / "p", **SMALL | options)


def test_empty_dataset_is_an_error_and_one_sample_is_enough(explain, tmp_path):
    with pytest.raises(ValueError, match="the dataset is empty"):
        lrp.attribute_dataset(explain, Digits(0), tmp_path / "none", **SMALL)
    assert not (tmp_path / "none").exists()
    lrp.attribute_dataset(explain, Digits(1), tmp_path / "one", **SMALL)
    assert store.open_attributions(tmp_path / "one").sizes["sample"] == 1


def test_subset_keeps_the_ids_of_the_whole(explain, tmp_path):
    nested = Subset(Subset(Digits(30), range(5, 25)), [3, 0, 7])
    lrp.attribute_dataset(explain, nested, tmp_path / "p", **SMALL)
    assert store.open_attributions(tmp_path / "p").sample.values.tolist() == [8, 5, 12]


class Stream(IterableDataset):
    """The same digits without a length; ids of their own."""

    def __iter__(self):
        whole = Digits(25)
        return ((image, label, {"sample": 1000 + n}) for n, (image, label, _) in enumerate(whole))


def test_iterable_dataset(explain, tmp_path):
    path = lrp.attribute_dataset(explain, Stream(), tmp_path / "p", **SMALL)
    store.parts(path)[1].unlink()
    lrp.attribute_dataset(explain, Stream(), path, **SMALL)
    found = store.open_attributions(path)
    assert found.sample.values.tolist() == list(range(1000, 1025))
    np.testing.assert_array_equal(found.image.values, Digits(25).images)


def test_images_may_be_stored_as_seen(explain, tmp_path):
    def as_bytes(batch):
        return (batch * 255).round().byte()

    path = lrp.attribute_dataset(explain, Digits(3), tmp_path / "p", keep=Kept(image=as_bytes), **SMALL)
    assert " at 0x" not in json.dumps(store.read_project(path)), "an address would differ in the next process"
    found = store.open_attributions(path).image
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found.values, as_bytes(Digits(3).images))


def test_any_function_is_a_method(tmp_path):
    def twice(x, target):
        assert target is None
        return x.flatten(1)[:, :3], 2 * x

    path = lrp.attribute_dataset(twice, Digits(3), tmp_path / "p", **SMALL)
    np.testing.assert_array_equal(store.open_attributions(path).relevance.values, 2 * Digits(3).images)
    assert store.read_project(path)["settings"]["method"].endswith("twice")


def test_model_is_untouched(tmp_path):
    from tests.support.digits import small_model

    model = small_model()
    before = {name: (id(p), p.clone()) for name, p in model.named_parameters()}
    explain = lrp.explainer(model, torch.zeros(1, 1, 8, 8), lrp.composites.epsilon_plus())
    lrp.attribute_dataset(explain, Digits(3), tmp_path / "p", **SMALL)
    assert all(id(p) == before[n][0] and torch.equal(p, before[n][1]) for n, p in model.named_parameters())
    assert not model.training
