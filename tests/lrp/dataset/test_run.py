"""attribute_dataset: what is stored is what the explainer says, whatever happens in between."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr
from torch.utils.data import IterableDataset, Subset, TensorDataset

import lrp
from lrp.dataset import Kept
from lrp.dataset.claims import claimed
from spray import store
from spray.store import ProjectError
from tests.support.digits import Digits, small_explainer

ROOT = Path(__file__).resolve().parents[3]
SMALL = {"batch_size": 4, "shard_size": 10, "progress": False}


@pytest.fixture(scope="module")
def explain():
    return small_explainer()


def parts_of(project):
    return {number: xr.load_dataset(file) for number, file in store.parts(project).items()}


def assert_same(project, other):
    here, there = parts_of(project), parts_of(other)
    assert here.keys() == there.keys()
    for number, part in here.items():
        xr.testing.assert_identical(part, there[number])


def run(project, log, size=40, pause=0.0):
    script = [sys.executable, ROOT / "tests/support/digits.py", project, log, str(size), str(pause)]
    with Path(f"{log}.errors").open("a") as errors:
        return subprocess.Popen(list(map(str, script)), stderr=errors)


def finish(process):
    assert process.wait(300) == 0


def wait_for_parts(project, count, process):
    deadline = time.monotonic() + 300
    while len(store.parts(project)) < count:
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    finish(run(folder / "p", folder / "log"))
    return folder / "p"


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


def test_killed_and_resumed_equals_uninterrupted(tmp_path, uninterrupted):
    project, log = tmp_path / "p", tmp_path / "log"
    process = run(project, log, pause=0.1)
    wait_for_parts(project, 2, process)
    time.sleep(0.05)  # into the third shard
    process.send_signal(signal.SIGKILL)
    process.wait()
    done = {number: file.stat().st_mtime_ns for number, file in store.parts(project).items()}
    assert 2 <= len(done) < 4
    finish(run(project, log))
    assert_same(project, uninterrupted)
    loads = np.bincount([int(line) for line in log.read_text().split()], minlength=40)
    loads[0] -= 2  # each run looks at the first sample, to see how inputs are read
    assert loads.min() == 1 and loads.max() <= 2
    assert (loads == 2).sum() <= 10, "more than one shard was computed twice"
    assert all(store.parts(project)[number].stat().st_mtime_ns == time for number, time in done.items())


@pytest.mark.slow
def test_interrupted_from_the_keyboard_is_resumable(tmp_path, uninterrupted):
    project, log = tmp_path / "p", tmp_path / "log"
    process = run(project, log, pause=0.1)
    wait_for_parts(project, 1, process)
    process.send_signal(signal.SIGINT)
    assert process.wait(300) == -signal.SIGINT
    assert not list(project.rglob("*.tmp"))
    finish(run(project, log))
    assert_same(project, uninterrupted)


def test_two_processes_share_the_work(tmp_path, uninterrupted):
    project, log = tmp_path / "p", tmp_path / "log"
    both = [run(project, log, pause=0.03) for _ in range(2)]
    for process in both:
        finish(process)
    assert_same(project, uninterrupted)
    # and each process looks at the first one, to see how inputs are read
    assert sorted(map(int, log.read_text().split())) == [0, 0, *range(40)], "each sample exactly once"


def test_finished_project_computes_nothing(explain, tmp_path):
    dataset = Digits(12, log=tmp_path / "log")
    for _ in range(2):
        lrp.attribute_dataset(explain, dataset, tmp_path / "p", **SMALL)
    assert len((tmp_path / "log").read_text().split()) == 12 + 2  # each looks at the first one


@pytest.mark.parametrize("size", [0, 1000])
def test_a_part_that_was_cut_is_computed_again(explain, tmp_path, size):
    path = lrp.attribute_dataset(explain, Digits(12), tmp_path / "p", **SMALL)
    whole = store.open_attributions(path).load()
    os.truncate(store.parts(path)[0], size)
    lrp.attribute_dataset(explain, Digits(12), path, **SMALL)
    xr.testing.assert_identical(store.open_attributions(path).load(), whole)


@pytest.mark.parametrize("at", [0, 700, -100])
def test_a_part_with_a_flipped_bit_is_computed_again(explain, tmp_path, at):
    path = lrp.attribute_dataset(explain, Digits(12), tmp_path / "p", **SMALL)
    whole, part = store.open_attributions(path).load(), store.parts(path)[1]
    raw = bytearray(part.read_bytes())
    raw[at] ^= 1
    part.write_bytes(raw)
    assert store.missing(path).parts == (1,)
    lrp.attribute_dataset(explain, Digits(12), path, **SMALL)
    xr.testing.assert_identical(store.open_attributions(path).load(), whole)
    assert store.missing(path).complete


def test_a_locked_part_is_left_as_it_is(explain, tmp_path):
    path = lrp.attribute_dataset(explain, Digits(12), tmp_path / "p", **SMALL)
    part = store.parts(path)[0]
    before = part.stat()
    with part.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(store.Unreadable, match="another program has it open"):
            lrp.attribute_dataset(explain, Digits(12), path, **SMALL)
    assert part.stat() == before


@pytest.mark.parametrize("stream", [False, True])
def test_the_number_of_samples_is_written(explain, tmp_path, stream):
    dataset = Stream() if stream else Digits(25)
    path = lrp.attribute_dataset(explain, dataset, tmp_path / "p", **SMALL)
    found = store.missing(path)
    assert (found.present, found.expected, found.complete) == (25, 25, True)
    store.parts(path)[0].unlink()
    assert str(store.missing(path)) == "incomplete: 15 of 25 samples (without part 0)"


def test_samples_left_out_are_no_missing_part(explain, tmp_path):
    dataset = Digits(12)
    dataset.images[3] = float("nan")
    path = lrp.attribute_dataset(explain, dataset, tmp_path / "p", errors="skip", **SMALL)
    found = store.missing(path)
    assert list(found.failed) == [3] and not found.parts and not found.others and not found.complete


def test_a_project_of_before_learns_its_number_when_resumed(explain, tmp_path):
    path = lrp.attribute_dataset(explain, Digits(12), tmp_path / "p", **SMALL)
    file = path / "project.json"
    facts = json.loads(file.read_text())
    del facts["samples"], facts["digest"]
    facts["settings"] = {k: v for k, v in facts["settings"].items() if not k.startswith("input ")}
    file.write_text(json.dumps(facts))
    assert store.missing(path).expected is None and store.missing(path).complete is None
    lrp.attribute_dataset(explain, Digits(12), path, **SMALL)
    assert store.missing(path).complete


@pytest.mark.parametrize("then", ["gone", "another"])
def test_nothing_is_written_into_a_folder_that_was_moved_away(explain, tmp_path, then):
    class Moving(Digits):
        def __getitem__(self, index):
            if index == 15 and (tmp_path / "p").exists():
                (tmp_path / "p").rename(tmp_path / "elsewhere")
                if then == "another":
                    (tmp_path / "p").mkdir()
            return super().__getitem__(index)

    with pytest.raises(ProjectError, match="was moved, deleted or replaced while this ran"):
        lrp.attribute_dataset(explain, Moving(30), tmp_path / "p", **SMALL)
    assert list((tmp_path / "p").rglob("*")) == [] and list(store.parts(tmp_path / "elsewhere")) == [0]
    lrp.attribute_dataset(explain, Digits(30), tmp_path / "elsewhere", **SMALL | {"name": "p"})
    assert store.missing(tmp_path / "elsewhere").complete


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda images: images * 255, "input range: .0, 1. there, beyond"),
        (lambda images: images.double(), "input type: float32 there, float64 now"),
    ],
)
def test_inputs_that_are_read_otherwise_are_refused(tmp_path, change, named):
    def explain(x, target=None):
        return x.float().mean((2, 3)).repeat(1, 3), x.float()

    lrp.attribute_dataset(explain, Digits(12), tmp_path / "p", **SMALL)
    other = Digits(12)
    other.images = change(other.images)
    with pytest.raises(ProjectError, match=named):
        lrp.attribute_dataset(explain, other, tmp_path / "p", **SMALL)


def test_the_transform_of_a_dataset_is_a_setting(explain, tmp_path):
    def crop(image):
        return image

    def whole(image):
        return image

    dataset = Digits(12)
    dataset.transform = crop
    for _ in range(2):
        lrp.attribute_dataset(explain, Subset(dataset, range(10)), tmp_path / "p", **SMALL)
    dataset.transform = whole
    with pytest.raises(ProjectError, match=r"input transform: .*crop there, .*whole now"):
        lrp.attribute_dataset(explain, Subset(dataset, range(10)), tmp_path / "p", **SMALL)


def test_claim_is_exclusive(tmp_path):
    with claimed(tmp_path, 3) as first, claimed(tmp_path, 3) as second, claimed(tmp_path, 4) as other:
        assert (first, second, other) == (True, False, True)
    with claimed(tmp_path, 3) as again:
        assert again


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"explain": small_explainer, "seed": 1}, "weights"),
        ({"explain": small_explainer, "high": 2.0}, "composite"),
        ({"target": "label"}, "target: prediction there, label now"),
        ({"shard_size": 5}, "shard_size: 10 there, 5 now"),
        ({"ids": range(5, 17)}, "ids"),
    ],
)
def test_another_run_is_refused(explain, tmp_path, change, named):
    lrp.attribute_dataset(explain, Digits(12), tmp_path / "p", **SMALL)
    before = {file: file.read_bytes() for file in (tmp_path / "p").rglob("*.*") if file.suffix != ".lock"}
    change = dict(change)
    make = change.pop("explain", None)
    other = make(**change) if make else explain
    with pytest.raises(ProjectError, match=named) as error:
        lrp.attribute_dataset(other, Digits(12), tmp_path / "p", **SMALL | ({} if make else change))
    assert "give another folder" in str(error.value)
    assert before == {file: file.read_bytes() for file in before}


def test_another_batch_size_may_resume(explain, tmp_path):
    for batch_size in (4, 3):
        lrp.attribute_dataset(explain, Digits(12), tmp_path / "p", **SMALL | {"batch_size": batch_size})


def test_foreign_folders_are_refused(explain, tmp_path):
    store.write_project(tmp_path / "hand", name="made by hand")
    with pytest.raises(ProjectError, match="did not write"):
        lrp.attribute_dataset(explain, Digits(3), tmp_path / "hand", **SMALL)
    path = lrp.attribute_dataset(explain, Digits(3), tmp_path / "p", **SMALL)
    (path / "project.json").unlink()
    with pytest.raises(ProjectError, match=r"no project\.json"):
        lrp.attribute_dataset(explain, Digits(3), path, **SMALL)


class Broken(Digits):
    """Sample 13 cannot be read."""

    def __getitem__(self, index):
        if index == 13:
            raise OSError("image file is truncated")
        return super().__getitem__(index)


@pytest.mark.parametrize("workers", [0, 2])
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


def test_shard_without_a_good_sample_is_an_error_even_when_skipping(explain, tmp_path):
    dataset = Digits(3)
    dataset.images[:] = torch.inf
    with pytest.raises(lrp.SampleError, match=r"no sample .* sample 0: its output"):
        lrp.attribute_dataset(explain, dataset, tmp_path / "p", errors="skip", **SMALL)


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("NetCDF: HDF error")])
def test_full_disk_loses_nothing(explain, tmp_path, monkeypatch, error):
    """Both are what a full disk raises, the latter from within the netCDF library."""
    write = store.write_part

    def full(path, number, dataset):
        if number == 1:
            raise error
        return write(path, number, dataset)

    with monkeypatch.context() as patch:
        patch.setattr(store, "write_part", full)
        with pytest.raises(
            OSError, match=r"part 1 \(samples 10 to 19\) could not be written .* MB are free: .*(No space|HDF)"
        ):
            lrp.attribute_dataset(explain, Digits(25), tmp_path / "p", **SMALL)
    assert list(store.parts(tmp_path / "p")) == [0]
    lrp.attribute_dataset(explain, Digits(25), tmp_path / "p", **SMALL)
    assert store.open_attributions(tmp_path / "p").sizes["sample"] == 25


@pytest.mark.slow
def test_memory_is_flat():
    """Peak memory from the 1 000th to the 10 000th image, in a process of its own."""
    command = [sys.executable, "-m", "bench.dataset", "10000"]
    found = json.loads(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)
    assert found["images"] == 10000 and found["peak_growth_mb"] < 50


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
