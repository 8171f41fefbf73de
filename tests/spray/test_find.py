"""The bench that plants artefacts: what is planted where, splits that share nothing, tables, and a run that goes on."""

import json

import numpy as np
import pytest
import torch
import xarray as xr

from bench.data.alphabet import LETTERS
from bench.demo.projects import DEMOS
from bench.find import __main__ as main
from bench.find import trial
from bench.find.ablation import ALL, ONE, SAME, ablation, variants
from bench.find.artefacts import ARTEFACTS, DEVELOPMENT, REPORT
from bench.find.data import NATURAL, OTHERS, letters, planted
from bench.find.few import cases, data_of
from bench.find.kinds import fewer
from bench.find.many import timed
from bench.find.networks import NETWORKS
from bench.find.plan import PLANS
from bench.find.ranking import f1, rank_of
from bench.find.tables import area, counted, report
from bench.find.trial import Trial


@pytest.fixture(scope="module")
def images():
    return letters(4, 32, 0)


@pytest.mark.parametrize("artefact", [*ARTEFACTS, NATURAL])
def test_a_share_of_one_class_carries_the_artefact(images, artefact):
    values, label = images
    before = values.copy()
    data = planted(values, label, artefact, 0.5, 3, 0)
    assert np.array_equal(values, before) and data.marked.sum() == 2 and (label[data.marked] == 3).all()
    changed = np.abs(data.image - values).max((1, 2, 3)) > 0
    assert np.array_equal(changed, data.marked)
    assert data.image.min() >= 0 and data.image.max() <= 1 and data.image.dtype == np.float32


def test_letters_are_the_same_every_time_and_natural_groups_are_letters_of_no_class(images):
    assert images[0].shape == (4 * len(LETTERS), 3, 32, 32)
    assert np.array_equal(images[0], letters(4, 32, 0)[0])
    assert not set(LETTERS) & set(OTHERS) and len(LETTERS) == len(OTHERS)


def test_the_splits_share_no_artefact_and_no_seed():
    assert not DEVELOPMENT.keys() & REPORT.keys()
    plans = {name: list(plan()) for name, plan in PLANS.items()}
    for name, known in (("development", DEVELOPMENT), ("quick", DEVELOPMENT), ("report", REPORT)):
        assert {t.artefact for t in plans[name] if t.share} <= known.keys() | {NATURAL}
        assert len({str(trial) for trial in plans[name]}) == len(plans[name])
        assert all(trial.of < trial.classes for trial in plans[name])
    assert not {trial.seed for trial in plans["report"]} & {trial.seed for trial in plans["development"]}


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("size", [32, 64])
def test_networks_take_both_sizes(network, size):
    assert NETWORKS[network](3, size).eval()(torch.rand(2, 3, size, size)).shape == (2, 3)


def test_ranks_count_from_one_and_ties_half_and_intervals_are_wilsons():
    assert rank_of({"0": 3.0, "1": 1.0}, "1") == 2 and rank_of({"0": 1.0, "1": 1.0}, "1") == 1.5
    assert f1(np.array([True, True, False]), np.array([True, False, False])) == pytest.approx(2 / 3)
    assert counted([True] * 11) == "11 of 11 (0.74 to 1.00)" and counted([]) == "none tried"
    assert area([2.0, 1.0], [0.0, 1.0]) == 0.875 and np.isnan(area([], [1.0]))


def test_digits_in_few_classes_carry_the_cue_in_one():
    every = list(cases())
    assert len({case.seed for case in every}) == len(every) == 36
    for case in every[::7]:
        data = data_of(case)
        assert data.poisoned == case.of < len(data.classes) and set(data.label[data.marked]) <= {case.of}
        assert data.marked.sum() == round(case.share * (data.label == case.of).sum())
        again = case.cue(data.inputs[data.marked])
        assert np.array_equal(again, data.inputs[data.marked])  # it is there


def test_fewer_samples_carry_the_cue_and_all_others_stay():
    data = DEMOS["table"].data(0)
    some = fewer(data, 0.2)
    own = some.label == data.poisoned
    assert some.marked[own].mean() == pytest.approx(0.2, abs=0.01) and len(some.inputs) == len(some.label)
    assert np.array_equal(some.inputs[~some.marked], data.inputs[~data.marked])


def test_views_and_steps_are_left_out_one_by_one():
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1, 2], 40)
    heat = 1 + 0.1 * rng.random((120, 1, 8, 8))
    heat[40:52, :, 6:, 6:] += 9
    seen = {"hidden_max_1": (("sample", "unit"), rng.random((120, 4)))}
    dims = ["sample", "channel", "height", "width"]
    data = xr.Dataset({"relevance": (dims, heat), **seen}).assign_coords(
        label=("sample", label), marked=("sample", np.isin(np.arange(120), np.arange(40, 52)))
    )
    found = variants(data, "1")
    views = ("cells", "hidden_max_1")
    assert set(found) >= {f"{kind} {view}" for kind in ("without", "only") for view in views} | {ALL, ONE, SAME}
    assert found[ALL]["f1"] == 1 and found["only cells"]["f1"] == 1
    assert found["without cells"]["suspicion"] == found["only hidden_max_1"]["suspicion"]
    assert found["without cells"]["suspicion"]["1"] < found[ALL]["suspicion"]["1"]
    trials = [{"trial": {"share": 0.3, "artefact": "corner", "of": 1}, "reliance": 0.3, "refused": False}]
    told = ablation([one | {"variants": found} for one in trials], "development")
    assert "without cells" in told and "1 of 1" in told and "none tried" in told


@pytest.mark.slow
def test_many_classes_need_the_memory_of_one():
    found = timed(3)
    assert "largest memory" in found and "65 planted" in found


@pytest.mark.slow
def test_a_trial_is_kept_and_told(tmp_path, monkeypatch):
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    monkeypatch.setattr(main, "COMPARED", 3)
    monkeypatch.setattr(trial, "LEARNT", 0.0)  # after so few images
    trials = [Trial("corner", 0.5, 1, 0, classes=3, each=60), Trial("corner", 0, 1, 0, classes=2, each=60)]
    found = [main.result(one, tmp_path) for one in trials]
    torch.set_num_threads(threads)
    assert 0 <= found[0]["reliance"] <= 1 and set(found[0]["ranks"]) >= {
        "verdict",
        "CoRelAy, tau",
        "clever_hans",
        "PCX, gain of BIC",
    }
    assert set(found[0]["effects"]["1"]["each"]) <= {"overlay", "colour", "softness", "patch", "direction"}
    monkeypatch.setattr(main, "made", None)
    assert json.dumps(main.result(trials[0], tmp_path)) == json.dumps(found[0])
    told = report(found, "development")
    assert "2 trials, 0 refused" in told and "unpoisoned" in told and "first of ten, by" in told
