"""A sample that cannot be read or explained is named, and the others are kept."""

import json

import pytest
import torch
from torch.utils.data import TensorDataset

import lrp
from spray import store
from tests.support.digits import SMALL, Digits, parts_of, small_explainer


@pytest.fixture(scope="module")
def explain():
    return small_explainer()


def test_samples_left_out_are_no_missing_part(explain, tmp_path):
    dataset = Digits(12)
    dataset.images[3] = float("nan")
    path = lrp.attribute_dataset(explain, dataset, tmp_path / "p", errors="skip", **SMALL)
    found = store.missing(path)
    assert list(found.failed) == [3] and not found.parts and not found.others and not found.complete


class Broken(Digits):
    """Sample 13 cannot be read."""

    def __getitem__(self, index):
        if index == 13:
            raise OSError("image file is truncated")
        return super().__getitem__(index)


@pytest.mark.parametrize("workers", [0, pytest.param(2, marks=pytest.mark.slow)])
def test_unreadable_image_names_the_sample_and_keeps_the_rest(explain, tmp_path, workers):
    options = SMALL | {"workers": workers}
    with pytest.raises(lrp.SampleError, match="sample 13 cannot be read: OSError: image file is truncated"):
        lrp.attribute_dataset(explain, Broken(25), tmp_path / "p", **options)
    assert list(store.parts(tmp_path / "p")) == [0]
    lrp.attribute_dataset(explain, Broken(25), tmp_path / "p", errors="skip", **options)
    found = store.open_attributions(tmp_path / "p")
    assert found.sample.values.tolist() == [n for n in range(25) if n != 13]
    failed = json.loads(parts_of(tmp_path / "p")[1].attrs["failed"])
    assert list(failed) == ["13"] and "truncated" in failed["13"]


def test_nan_names_the_sample(explain, tmp_path):
    dataset = Digits(12)
    dataset.images[7, 0, 2, 2] = torch.nan
    with pytest.raises(lrp.SampleError, match="sample 7: its output is not finite"):
        lrp.attribute_dataset(explain, dataset, tmp_path / "p", **SMALL)
    lrp.attribute_dataset(explain, dataset, tmp_path / "p", errors="skip", **SMALL)
    assert 7 not in store.open_attributions(tmp_path / "p").sample


def test_a_shard_without_a_good_sample_is_left_out_when_skipping(explain, tmp_path):
    dataset = Digits(13)
    dataset.images[:10] = torch.inf
    path = lrp.attribute_dataset(explain, dataset, tmp_path / "p", errors="skip", **SMALL)
    assert store.open_attributions(path).sample.values.tolist() == [10, 11, 12]
    assert list(store.missing(path).failed) == list(range(10))


class Ragged(Digits):
    """Sample 2 has another size."""

    def __getitem__(self, index):
        image, *rest = super().__getitem__(index)
        return (image[:, :7] if index == 2 else image, *rest)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (Ragged(4), r"sample 2 has shape \(1, 7, 8\), sample 0 has \(1, 8, 8\)"),
        ([(torch.rand(1, 8, 8), 0.5)], "sample 0 has the label 0.5"),
        ([("cat.png", 1)], "sample 0 has a str for an image"),
        ([(torch.rand(1, 8, 8), 1, {"box": [1, 2]})], r"sample 0 has 'box' of int64 \(2,\)"),
        ([(torch.rand(1, 8, 8), 1, {}, 3)], "sample 0 has 4 fields"),
    ],
)
def test_bad_samples_are_named(explain, tmp_path, dataset, message):
    with pytest.raises(lrp.SampleError, match=message):
        lrp.attribute_dataset(explain, dataset, tmp_path / "p", **SMALL)


def test_missing_label_is_named(explain, tmp_path):
    with pytest.raises(lrp.SampleError, match="sample 0 has no label"):
        lrp.attribute_dataset(explain, list(Digits(3).images), tmp_path / "p", target="label", **SMALL)


def test_error_while_explaining_names_the_samples(explain, tmp_path):
    dataset = TensorDataset(torch.rand(3, 2, 8, 8), torch.zeros(3, dtype=torch.long))
    with pytest.raises(ValueError, match="traced for") as error:
        lrp.attribute_dataset(explain, dataset, tmp_path / "p", **SMALL)
    assert error.value.__notes__ == ["while explaining sample 0 to sample 2"]
