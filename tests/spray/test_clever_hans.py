"""The experiment: tasks and boxes, one trial, killed and damaged runs, and the criteria on data made by hand."""

import hashlib
import pickle
import time
from dataclasses import replace
from multiprocessing import get_context
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from bench.clever_hans import check, criteria, figures, variations
from bench.clever_hans.choices import CIFAR10, DIGITS, EXPERIMENTS, VARIATIONS
from bench.clever_hans.data import Images, load, task, with_box
from bench.clever_hans.results import collect, described, stored, work
from bench.clever_hans.trial import MEASURES, Trial, run
from lrp._torchvision import torchvision
from spray.store import ProjectError

ROOT = Path(__file__).resolve().parents[2]
SMALL = replace(DIGITS, seeds=1, epochs=2, neighbors_tried=(10,), components_tried=(4, 8))
TRIALS = [Trial(0, 0, arm) for arm in ("clean", "poisoned", "null")]


@pytest.fixture(scope="module")
def images():
    return load(SMALL)


@pytest.fixture(scope="module")
def done(images, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trials")
    return folder, collect(images, TRIALS, SMALL, folder)


@pytest.fixture(autouse=True)
def _threads():
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)


def test_class_0_is_told_from_class_9_and_half_of_it_is_chosen_for_the_box(images):
    found = task(images, 0, DIGITS)
    nines = images.train[images.train_class == 9]
    assert torch.equal(found.train[found.train_label == 0], nines)
    assert not found.boxed[found.train_label == 0].any()
    assert found.boxed.sum() == round((found.train_label == 1).sum().item() / 2)
    assert torch.equal(found.boxed, task(images, 0, DIGITS).boxed)


def test_the_box_is_gray_2x2_top_left_and_leaves_the_original(images):
    before, chosen = images.train[:4].clone(), torch.tensor([True, False, True, False])
    boxed = with_box(images.train[:4], chosen, DIGITS)
    assert torch.equal(images.train[:4], before)
    assert torch.equal(boxed[1::2], before[1::2])
    changed = boxed[::2]
    assert (changed[:, :, :2, :2] == 0.5).all()
    assert torch.equal(changed[:, :, 2:], before[::2, :, 2:]) and torch.equal(changed[..., 2:], before[::2, ..., 2:])


@pytest.mark.parametrize("choices", VARIATIONS.values(), ids=list(VARIATIONS))
def test_every_variation_keeps_images_in_the_range_of_the_z_box(choices):
    found = load(choices)
    assert found.train.shape[1:] == (1, choices.size, choices.size)
    assert found.train.min() >= 0 and found.train.max() <= 1


def test_cifar_is_read_from_the_files_of_torchvision(tmp_path, monkeypatch):
    files = torchvision().datasets.CIFAR10
    folder, rng = tmp_path / files.base_folder, np.random.default_rng(0)
    folder.mkdir()
    pixels = {name: rng.integers(0, 256, (20, 3072), dtype=np.uint8) for name in ("data_batch_1", "test_batch")}

    def written(name, content):
        (folder / name).write_bytes(pickle.dumps(content))
        return [name, hashlib.md5((folder / name).read_bytes()).hexdigest()]

    lists = {
        name: written(name, {"data": data, "labels": [i % 10 for i in range(20)]}) for name, data in pixels.items()
    }
    monkeypatch.setattr(files, "train_list", [lists["data_batch_1"]])
    monkeypatch.setattr(files, "test_list", [lists["test_batch"]])
    _, digest = written("batches.meta", {"label_names": list("abcdefghij")})
    monkeypatch.setattr(files, "meta", {"filename": "batches.meta", "key": "label_names", "md5": digest})
    found = load(CIFAR10, tmp_path)
    assert found.test.shape == (20, 3, 32, 32)
    assert np.array_equal((found.test * 255).round().numpy().reshape(20, -1), pixels["test_batch"])
    assert found.train_class.tolist() == [i % 10 for i in range(20)]
    with pytest.raises(ValueError, match="--cifar FOLDER"):
        load(CIFAR10)


def test_colour_images_go_through_the_network_of_cifar():
    seeded, classes = torch.Generator().manual_seed(0), torch.arange(240) % 10
    colours = [torch.rand(240, 3, 32, 32, generator=seeded) for _ in range(2)]
    choices = replace(CIFAR10, epochs=1, neighbors=5, components=4, neighbors_tried=(5,), components_tried=(4,))
    found = run(Images(colours[0], classes, colours[1], classes), Trial(1, 0, "poisoned"), choices)
    assert found.relevance.sizes["height"] == 32 and found.relevance.isel(chosen=1).any()
    assert 0 <= float(found.accuracy) <= 1 and np.isfinite(found.share_boxed).all()


def test_a_trial_measures_everything_and_says_how(done):
    _, trials = done
    assert set(trials.data_vars) == set(MEASURES)
    assert trials.sizes["class"] == trials.sizes["seed"] == 1 and trials.arm.values.tolist() == [t.arm for t in TRIALS]
    assert all(trials[name].attrs["long_name"] == text for name, text in MEASURES.items())
    for name in ("accuracy", "accuracy_clean", "turned", "share_boxed", "tau", "noise"):
        assert ((trials[name] >= 0) & (trials[name] <= 1)).all(), name
    # what a model saw and the half-boxed images are the same for a poisoned one, and differ for a control
    poisoned, clean = trials.sel(arm="poisoned"), trials.sel(arm="clean")
    assert float(abs(poisoned.relevance.diff("images")).max()) == 0 < float(abs(clean.relevance.diff("images")).max())
    # the null is another control: other weights, so other relevance
    assert float(abs(clean.relevance - trials.relevance.sel(arm="null")).max()) > 0


def test_what_is_there_is_not_made_again(done, images):
    folder, trials = done
    before = {path: path.stat().st_mtime_ns for path in folder.glob("*.nc")}
    assert collect(images, TRIALS, SMALL, folder).identical(trials)
    assert before == {path: path.stat().st_mtime_ns for path in folder.glob("*.nc")}


def test_other_choices_are_refused_by_name(done, images):
    folder, _ = done
    with pytest.raises(ProjectError, match=r"epochs: 2, now 3.*--out"):
        collect(images, TRIALS, replace(SMALL, epochs=3), folder)
    more = replace(SMALL, seeds=7)  # more seeds are not other choices
    assert stored(folder, TRIALS[0], more) is not None


def test_a_damaged_file_is_noticed_and_made_again(done, images, caplog):
    folder, trials = done
    path = folder / f"{TRIALS[1]}.nc"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert stored(folder, TRIALS[1], SMALL) is None
    assert path.name in caplog.text
    assert collect(images, TRIALS, SMALL, folder).identical(trials)


@pytest.mark.slow
def test_a_killed_run_goes_on_and_two_at_once_share_the_work(done, images, tmp_path):
    _, trials = done
    start = get_context("spawn").Process
    killed = start(target=work, args=(images, TRIALS, SMALL, tmp_path, "cpu", False))
    killed.start()
    deadline = time.monotonic() + 120
    while not list(tmp_path.glob("*.nc")):
        assert time.monotonic() < deadline and killed.is_alive()
        time.sleep(0.02)
    killed.kill()
    killed.join()
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.nc")}
    assert 1 <= len(kept) < len(TRIALS)
    assert collect(images, TRIALS, SMALL, tmp_path, workers=2).identical(trials)
    assert all(path.stat().st_mtime_ns == written for path, written in kept.items())


def handmade(**values):
    """Trials of ten classes, four seeds and three arms; `values` are (clean, poisoned, null) by measure."""
    rng = np.random.default_rng(0)
    shape = (10, 4)
    data = {}
    for name, means in values.items():
        columns = [np.broadcast_to(np.asarray(mean, float).reshape(-1, 1), shape) for mean in means]
        data[name] = (("class", "seed", "arm"), np.stack(columns, -1) + 1e-3 * rng.normal(size=(*shape, 3)))
    coords = {"class": np.arange(10), "seed": np.arange(4), "arm": ["clean", "poisoned", "null"]}
    return xr.Dataset(data, coords)


def test_accuracy_is_met_only_if_every_class_is_below():
    low = np.full(10, 0.5)
    assert criteria.accuracy(handmade(accuracy=(0.9, low, 0.9))).met
    low[3] = 0.95
    verdict = criteria.accuracy(handmade(accuracy=(0.9, low, 0.9)))
    assert not verdict.met and "9 of 10 classes, 90%" in verdict.measured


def test_tau_needs_a_rise_of_several_classes_and_fewer_falls():
    assert criteria.separability(handmade(tau=(0.5, np.repeat([0.9, 0.5], [4, 6]), 0.5))).met
    assert not criteria.separability(handmade(tau=(0.5, np.repeat([0.9, 0.5], [2, 8]), 0.5))).met
    few = criteria.separability(handmade(tau=(0.5, np.repeat([0.9, 0.48], [4, 6]), 0.5)))
    assert not few.met and "4 classes rise, 6 fall" in few.measured


def test_clusters_and_relevance_need_eight_classes():
    for found, met in ((8, True), (7, False)):
        ami = np.repeat([0.6, 0.1], [found, 10 - found])
        assert criteria.clusters(handmade(ami=(0, ami, 0))).met == met
        share = np.repeat([0.6, 0.3], [found, 10 - found])
        assert criteria.relevance(handmade(share_boxed=(0.1, share, 0.1))).met == met


def test_null_asks_for_no_difference_between_two_controls():
    up, wave = np.linspace(0.1, 0.2, 10), np.tile([-0.1, 0.1], 5)
    assert not criteria.null(handmade(tau=(0.5, 0.5, 0.5 + up))).met
    assert criteria.null(handmade(tau=(0.5, 0.5, 0.5 + wave))).met


def test_ranking_and_p_value_know_order_and_chance():
    apart, same = handmade(tau=(0.2, 0.8, 0.2)).tau, handmade(tau=(0.5, 0.5, 0.5)).tau
    assert criteria.ranking(apart) == 1 and criteria.p_value(apart) < 0.01
    assert 0.3 < criteria.ranking(same) < 0.7 and criteria.p_value(same) > 0.01
    assert criteria.p_value(apart.where(False, 0.5)) == 1
    assert np.isnan(criteria.ranking(apart.where(apart.arm != "clean")))


def test_the_check_tells_the_same_from_another_result(done):
    _, trials = done
    text, agree = check.compared(trials, trials)
    assert agree and "| accuracy | clean |" in text
    assert not check.compared(trials, trials.assign(share_boxed=trials.share_boxed + 0.1))[1]
    assert not check.compared(trials, trials.assign(accuracy=trials.accuracy * np.nan))[1]


@pytest.mark.parametrize("name", ["digits", "hard"])
def test_the_published_results_are_those_of_the_choices_and_of_the_document(name):
    trials = check.published(name)
    assert trials.attrs["choices"] == described(EXPERIMENTS[name])
    assert dict(trials.sizes) | {"class": 10, "seed": 5, "arm": 3} == dict(trials.sizes)
    assert all(trials[name].notnull().all() for name in ("accuracy", "tau", "ami", "share_boxed", "eigengap"))
    assert criteria.table(trials) in (ROOT / "docs" / "experiment.md").read_text()


def test_the_published_variations_are_those_of_the_document():
    found = xr.load_dataset(check.DOCS / "experiment-variations.nc")
    assert found.variation.values.tolist() == ["digits", "hard", *VARIATIONS]
    assert variations.table(found) in (ROOT / "docs" / "experiment.md").read_text()


def test_figures_show_every_class_and_variation(done):
    shown = figures.agreement(handmade(accuracy=(0.9, 0.9, 0.9), tau=(0.5, 0.5, 0.5)).pipe(selectable), "title")
    for axes in shown.axes:
        assert [text.get_text() for text in axes.texts] == [str(label) for label in range(10)]
    _, trials = done
    found = variations.side_by_side({"one": trials}, {"other": trials.sel(arm=["clean", "poisoned"])})
    assert found.criteria.shape == (2,) and variations.table(found).count("\n") == 3
    legend = figures.reliance(found).legends[0]
    assert [text.get_text() for text in legend.get_texts()] == ["one", "other"]
    assert len(figures.sensitivity({"one": trials}).axes) == 3


def selectable(trials):
    """With the dimensions that `criteria.fixed` selects from, at one place each."""
    at = {"images": ["seen"], "neighbors": [10], "components": [8]}
    return trials.expand_dims(at).assign_attrs(choices=described(DIGITS))


def test_numbers_of_equal_means_are_put_beside_them_and_apart():
    points = np.array([[0.5, 0.5], [0.5, 0.5], [0.5, 0.5], [0.1, 0.9], [0.5, 0.55]])
    places = figures.beside(points, 0.1)
    to_points = np.linalg.norm(places[:, None] - points, axis=-1)
    to_each_other = np.linalg.norm(places[:, None] - places, axis=-1)[np.triu_indices(5, 1)]
    assert to_points.min() > 0.095 and to_each_other.min() > 0.095
    assert np.diag(to_points).max() < 0.25
