"""Explainers that the commands keep: the same numbers, and nothing of what is damaged, of something else or old."""

import os
import warnings

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from torch import nn

import lrp
from lrp.cli import cache, load
from lrp.cli.group import main
from spray import store

WORDS = ["--model", "torchvision:tiny", "--normalize", "half", "--composite", "epsilon_plus"]


def tiny(name, classes):
    """Stands for torchvision's models, which are large."""
    built.append(name)
    layers = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes or 3)
    return nn.Sequential(*layers)


built = []


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.setenv("LRP_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(load.MADE, "torchvision", tiny)
    monkeypatch.chdir(tmp_path)
    for number in range(4):
        file = tmp_path / "photos" / f"{number}.png"
        file.parent.mkdir(exist_ok=True)
        values = np.random.default_rng(number).integers(0, 256, (8, 8, 3), dtype=np.uint8)
        Image.fromarray(values).save(file)
    built.clear()
    return tmp_path


def run(*words, code=0):
    found = CliRunner().invoke(main, [str(word) for word in words])
    assert found.exit_code == code, (found.output, found.exception)
    return found


def heatmap(here, out, *words):
    """What a run says, whether it made the model, and the picture's bytes."""
    before = len(built)
    found = run("heatmap", *WORDS, "--size", 8, "--out", here / out, here / "photos" / "0.png", *words)
    return found.stderr, len(built) > before, (here / out / "0.png").read_bytes()


def entries(here):
    return sorted((here / "cache").glob("*.safetensors"))


def test_the_second_run_neither_makes_the_model_nor_traces_it_and_draws_the_same(here):
    said, made, first = heatmap(here, "a")
    assert made and f"kept in {entries(here)[0]}" in said
    said, made, second = heatmap(here, "b")
    assert not made and f"explainer from {entries(here)[0]}" in said and "weights are random" in said
    said, made, third = heatmap(here, "c", "--no-cache")
    assert made and "explainer" not in said
    assert first == second == third


@pytest.mark.parametrize(
    "words",
    [["--seed", 1], ["--classes", 4], ["--size", 7], ["-O", "epsilon=0.5"]],
    ids=str,
)
def test_another_setting_is_another_entry(words, here):
    (here / "cache").mkdir()
    (here / "cache" / "0.safetensors").touch()  # of somebody else
    first = heatmap(here, "a")[2]
    _, made, kept = heatmap(here, "b", *words)
    assert made and len(entries(here)) == 3
    assert heatmap(here, "c", *words)[1:] == (False, kept) and heatmap(here, "d")[1:] == (False, first)


def test_other_weights_in_the_same_file_are_another_entry(here):
    def written(seed):
        torch.manual_seed(seed)
        torch.save(tiny("", None).state_dict(), here / "w.pt")
        return heatmap(here, str(seed), "--weights", "w.pt")[1:]

    (first, one), (second, other) = written(1), written(2)
    assert first and second and one != other and written(1) == (False, one)


def test_other_code_is_another_entry(here, monkeypatch):
    heatmap(here, "a")
    monkeypatch.setattr(cache, "_code", lambda: "changed")
    assert heatmap(here, "b")[1]


@pytest.mark.parametrize("damage", ["cut", "changed", "foreign", "link", "folder"])
def test_what_is_no_entry_is_made_anew_with_a_word(damage, here):
    _, _, first = heatmap(here, "a")
    (file,) = entries(here)
    content = file.read_bytes()
    if damage == "cut":
        file.write_bytes(content[:-10])
    elif damage == "changed":
        file.write_bytes(content[:-4] + b"\x00\x00\x80\x3f")
    elif damage == "foreign":
        heatmap(here, "b", "--seed", 3)
        (other,) = set(entries(here)) - {file}
        other.replace(file)
    else:
        file.unlink()
        file.symlink_to(here / "photos" / "0.png") if damage == "link" else file.mkdir()
    said, made, second = heatmap(here, "c")
    assert made and "made anew" in said and first == second
    if damage in ("cut", "changed", "foreign"):
        assert not heatmap(here, "d")[1]
    assert (here / "photos" / "0.png").exists()


def test_the_folder_keeps_to_its_size_and_the_least_recently_used_goes_first(here, monkeypatch):
    heatmap(here, "a")
    (first,) = entries(here)
    os.utime(first, (1, 1))
    heatmap(here, "b", "--seed", 1)
    heatmap(here, "c")  # uses the first again
    assert first.stat().st_mtime > 1
    os.utime(first, (2, 2))
    monkeypatch.setenv("LRP_CACHE_GB", str(2.5 * first.stat().st_size / 1e9))
    heatmap(here, "d", "--seed", 2)
    assert len(entries(here)) == 2 and first not in entries(here)
    monkeypatch.setenv("LRP_CACHE_GB", "0")
    said, _, _ = heatmap(here, "e", "--seed", 3)
    assert not entries(here) and "larger than LRP_CACHE_GB" in said
    monkeypatch.setenv("LRP_CACHE_GB", "much")
    assert "LRP_CACHE_GB" in heatmap(here, "f", "--seed", 4)[0]


def test_a_place_that_cannot_be_written_to_is_said_and_all_goes_on(here, monkeypatch):
    (here / "file").touch()
    monkeypatch.setenv("LRP_CACHE", str(here / "file" / "cache"))
    said, made, _ = heatmap(here, "a")
    assert made and "is not kept" in said


def test_models_of_ones_own_are_made_each_time(here, monkeypatch):
    (here / "own.py").write_text("from torch import nn\nmodel = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))\n")
    heatmap(here, "a", "--model", "own:model")
    assert not entries(here)


def test_what_warns_is_not_kept(here, monkeypatch):
    monkeypatch.setitem(load.MADE, "torchvision", lambda *_: nn.Sequential(tiny("", 3), nn.Softmax(1)))
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        assert all("softmax" in heatmap(here, out)[0] for out in "ab")
    assert not entries(here)


def test_a_project_goes_on_with_a_kept_explainer_or_with_a_new_one(here):
    words = ["--data", here / "photos", "--no-statistics", "--shard-size", 2, "--quiet"]

    def attribute(out, *more):
        return run("attribute", *WORDS, *words, "--out", here / out, *more).stderr

    assert "kept in" in attribute("p")
    relevance = store.open_attributions(here / "p").relevance.values
    store.parts(here / "p")[0].unlink()
    assert "explainer from" in attribute("p")
    assert np.array_equal(store.open_attributions(here / "p").relevance.values, relevance)
    assert "explainer from" in attribute("q")
    store.parts(here / "q")[0].unlink()
    attribute("q", "--no-cache")
    assert np.array_equal(store.open_attributions(here / "q").relevance.values, relevance)
    statistics = run("attribute", *WORDS, *words, "--out", here / "r", "--statistics").stderr
    assert "explainer from" not in statistics and "statistics" in str(store.read_project(here / "r")["settings"])


def test_notes_go_with_a_saved_explainer(here):
    explain = lrp.explainer(tiny("", 3).eval(), torch.zeros(1, 3, 8, 8), lrp.composites.epsilon_plus())
    loaded = lrp.load(lrp.save(explain, here / "one.safetensors", notes={"of": ["Monday", 3]}))
    again = lrp.load(lrp.save(loaded, here / "two.safetensors"))
    assert loaded.facts["notes"] == again.facts["notes"] == {"of": ["Monday", 3]}
