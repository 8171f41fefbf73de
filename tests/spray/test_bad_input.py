"""Samples of every kind that are at the edge of what a kind is: analysed right, or refused with a message."""

import time

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn
from torch.utils.data import TensorDataset

import lrp
import spray
from spray import store
from spray.analysis import judge
from spray.cli.group import cli

N = 40
LABEL = np.arange(N) % 2
RANDOM = np.random.default_rng(0)
CUED = np.arange(N) // 2 % 2 == 1
"""Half of each class."""


def analysed(tmp_path, **given):
    """`spray analyse` and `spray rank`, as from the shell; the clusters of the category 0, by the fewest."""
    path = spray.write_arrays(tmp_path / "p", label=LABEL, **given)
    for command in (["analyse", str(path), "--embedding", "pca", "--no-memo"], ["rank", str(path)]):
        run = CliRunner().invoke(cli, command, catch_exceptions=False)
        assert run.exit_code == 0 and "failed" not in run.output, run.output
    (name,) = [name for name in store.analyses(path) if name != "verdict"]
    found = store.open_analysis(path, name)["0"]
    assert np.isfinite(found.spectral.values).all() and found.sizes["sample"] == N // 2
    labels = found.cluster.sel(clustering="spectral-2").values
    return labels, CUED[found.sample.values]


def same(labels, cued):
    return len(set(zip(labels.tolist(), cued.tolist(), strict=True))) == 2


def test_ragged_texts_some_without_a_token(tmp_path):
    lengths = [0 if at in (4, 5) else 3 + at % 5 for at in range(N)]
    token = [
        ["cue" if cued else "plain", *[f"w{at}" for at in range(n - 1)]][:n]
        for n, cued in zip(lengths, CUED, strict=True)
    ]
    relevance = [np.r_[5.0, np.full(9, 0.1)][:n] for n in lengths]
    labels, cued = analysed(tmp_path, relevance=relevance, token=token)
    having = np.array(lengths)[::2] > 0
    assert same(labels[having], cued[having])


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"relevance": [[1.0, 2.0]] * N, "token": [["a", "b", "c"]] * N}, r"sample 0 has the shape \(2,\), it has 3"),
        ({"relevance": np.ones((N, 3)), "token": [["a", "b", "c"]] * (N - 1) + [["a"]]}, "behind the last .* at 39"),
        ({"relevance": [[1.0]] * (N - 1), "token": [["a"]] * N}, "39 samples, token has 40"),
        ({"relevance": [[]] * N, "token": [[]] * N}, "no token in any sample"),
        (
            {"relevance": np.where(np.eye(N, 3), np.nan, 1), "kind": "table", "feature_name": ["age", "mass", "size"]},
            "samples at 0, 1, 2, columns age, mass, size",
        ),
    ],
)
def test_what_is_missing_is_named(tmp_path, given, message):
    with pytest.raises(store.ProjectError, match=message):
        spray.write_arrays(tmp_path / "p", label=LABEL, **given)


def test_a_missing_value_of_a_table_is_named_by_its_column(tmp_path):
    values = torch.rand(6, 3)
    values[4, 1] = float("nan")
    explain = lrp.explainer(nn.Sequential(nn.Linear(3, 2)).eval(), values[:1], lrp.composites.epsilon_plus())
    dataset = TensorDataset(values)
    dataset.beside = {"feature_name": ["age", "mass", "size"]}
    with pytest.raises(lrp.SampleError, match="sample 4: its output is not finite, nor is its input at mass: fill in"):
        lrp.attribute_dataset(explain, dataset, tmp_path / "p", progress=False)


def test_a_table_whose_inputs_miss_values_is_analysed(tmp_path):
    inputs = RANDOM.normal(size=(N, 4))
    inputs[3, 2] = np.nan
    relevance = 0.1 * np.ones((N, 4)) + 3 * CUED[:, None] * np.array([0, 0, 0, 1])
    assert same(*analysed(tmp_path, relevance=relevance, inputs=inputs, kind="table"))


@pytest.mark.parametrize("shape", [(3, 50), (3, 1), (1, 1), (1, 6, 6), (2, 1, 6, 6)])
def test_constant_channels_one_time_step_one_slice(tmp_path, shape):
    """The cue is the sign of the first place; all channels but the first are constant."""
    relevance = np.zeros((N, *shape))
    relevance[:, 0] = 1 + 0.01 * RANDOM.random((N, *shape[1:]))
    relevance[CUED] *= -1
    kind = "signal" if len(shape) == 2 else "volume"
    assert same(*analysed(tmp_path, relevance=relevance, inputs=relevance, kind=kind))


def test_relevance_of_nothing_but_zeros_makes_no_cluster_up(tmp_path):
    analysed(tmp_path, relevance=np.zeros((N, 2, 30)), kind="signal")
    assert set(store.read_analysis_index(tmp_path / "p", "verdict").judgement.values) == {"usual"}


def test_leads_are_never_added_up_by_the_verdict(tmp_path):
    """The same windows in time, in another lead."""
    relevance = 0.1 * RANDOM.random((120, 3, 64))
    relevance[:, 0, 20:30] += 5
    relevance[:20, :, 20:30] = relevance[:20, ::-1, 20:30]
    label = np.repeat([0, 1, 2], 40)
    path = spray.write_arrays(
        tmp_path / "p", relevance=relevance, inputs=relevance, kind="signal", label=label, channel_name=["I", "II", "V"]
    )
    found = judge(store.open_attributions(path), progress=False)
    assert max(found, key=lambda name: found[name].attrs["suspicion"]) == "0"
    assert "relevance in " in found["0"].attrs["reasons"] and "of the time" in found["0"].attrs["reasons"]
    assert set(found["0"].cluster.values[0][:20]) != set(found["0"].cluster.values[0][20:])


def test_the_verdict_names_words_and_columns(tmp_path):
    words = [[f"w{at}" for at in RANDOM.integers(0, 30, 8)] for _ in range(120)]
    relevance = [RANDOM.random(8) for _ in words]
    for at in range(20):
        words[at][at % 8], relevance[at][at % 8] = "draft", 30.0
    label = np.repeat([0, 1, 2], 40)
    path = spray.write_arrays(tmp_path / "texts", relevance=relevance, token=words, label=label)
    found = judge(store.open_attributions(path), progress=False)["0"]
    assert "relevance of the word draft" in found.attrs["reasons"]
    table = RANDOM.random((120, 5))
    table[:20, 3] += 9
    path = spray.write_arrays(
        tmp_path / "table", relevance=table, kind="table", feature_name=list("abcde"), label=label
    )
    assert "relevance of d" in judge(store.open_attributions(path), progress=False)["0"].attrs["reasons"]


@pytest.mark.slow
def test_a_million_tokens(tmp_path):
    started = time.perf_counter()
    token = RANDOM.integers(0, 20_000, (5000, 200)).astype(str)
    token[::4, 7] = "cue"
    relevance = RANDOM.random((5000, 200)).astype("f4") + 30 * (token == "cue")
    path = spray.write_arrays(tmp_path / "p", relevance=relevance, token=token.tolist(), label=np.arange(5000) % 2)
    found = spray.analyse(store.open_attributions(path), spray.recipes.text(embeddings=[]), progress=False)["0"]
    labels, cued = found.cluster.sel(clustering="spectral-2").values, found.sample.values % 4 == 0
    assert np.mean(labels == labels[cued][0]) == pytest.approx(0.5) and len(set(labels[cued])) == 1
    assert time.perf_counter() - started < 600
