"""The bench that plants artefacts: what is planted where, statistics of layers, ranks, and a run that goes on."""

import json

import numpy as np
import pytest
import torch

from bench.find import __main__ as main
from bench.find.data import ARTEFACTS, DEVELOPMENT, LETTERS, REPORT, letters, planted
from bench.find.ranking import rank_of
from bench.find.trial import Trial, made, statistics


@pytest.fixture(scope="module")
def images():
    return letters(4, 32, 0)


@pytest.mark.parametrize("artefact", ARTEFACTS)
def test_a_share_of_one_class_carries_the_artefact(images, artefact):
    values, label = images
    before = values.copy()
    data = planted(values, label, artefact, 0.5, 3, 0)
    assert np.array_equal(values, before) and data.marked.sum() == 2 and (label[data.marked] == 3).all()
    changed = np.abs(data.image - values).max((1, 2, 3)) > 0
    assert np.array_equal(changed, data.marked)
    assert data.image.min() >= 0 and data.image.max() <= 1 and data.image.dtype == np.float32


def test_the_splits_share_nothing_and_letters_are_the_same_every_time(images):
    assert not DEVELOPMENT.keys() & REPORT.keys()
    assert images[0].shape == (4 * len(LETTERS), 3, 32, 32)
    assert np.array_equal(images[0], letters(4, 32, 0)[0])


def test_statistics_of_channels_are_over_places():
    activation, relevance = torch.rand(2, 3, 4, 4), torch.randn(2, 3, 4, 4)
    found = statistics(activation, relevance)
    assert torch.equal(found["max"], activation.amax((2, 3)))
    assert torch.allclose(found["relevance"], relevance.abs().sum((2, 3)))


def test_ranks_count_from_one_and_ties_half():
    assert rank_of({"0": 3.0, "1": 1.0}, "1") == 2 and rank_of({"0": 1.0, "1": 1.0}, "1") == 1.5


@pytest.mark.slow
def test_a_trial_has_what_the_verdict_needs_and_is_kept(tmp_path, monkeypatch):
    trial = Trial("corner", 0.5, 3, 0, 24, 1)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    attributions, facts = made(trial)
    assert {"relevance", "image", "hidden_max_2", "hidden_mean_6", "hidden_relevance_10"} <= set(attributions)
    assert 0 <= facts["reliance"] <= 1 and attributions.marked.sum() == 12
    monkeypatch.setattr(main, "CHANCE", 0.0)
    found = main.result(trial, tmp_path)
    torch.set_num_threads(threads)
    monkeypatch.setattr(main, "made", None)
    assert json.dumps(main.result(trial, tmp_path)) == json.dumps(found)
    assert "1 of" not in main.report([found]) and "development split" in main.report([found])
