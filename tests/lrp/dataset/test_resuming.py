"""attribute_dataset goes on where it was ended, shares its work, and refuses what another run wrote."""

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
import xarray as xr
from torch.utils.data import Subset

import lrp
from lrp.dataset.claims import claimed
from spray import store
from spray.store import ProjectError
from tests.support.digits import SMALL, Digits, parts_of, small_explainer

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def explain():
    return small_explainer()


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
    before = part.read_bytes(), part.stat().st_mtime_ns, part.stat().st_ino  # not when it was read: that may change
    with part.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(store.Unreadable, match="another program has it open"):
            lrp.attribute_dataset(explain, Digits(12), path, **SMALL)
    assert (part.read_bytes(), part.stat().st_mtime_ns, part.stat().st_ino) == before


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
