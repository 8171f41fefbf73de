"""`lrp attribute` on data of every kind, against what Python computes."""

import json
import sys

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import lrp
import spray
from lrp.cli.group import main

MODULE = """
import torch
from torch import nn

def table():
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(2, 4), nn.ReLU(), nn.Linear(4, 2))

class Words(nn.Module):
    def __init__(self):
        super().__init__()
        self.table, self.head = nn.Embedding(9, 4), nn.Linear(4, 2)

    def forward(self, ids):
        return self.head(torch.relu(self.table(ids).mean(1)))

class Two(nn.Module):
    def __init__(self):
        super().__init__()
        self.picture, self.age = nn.Linear(16, 3), nn.Linear(1, 3)

    def forward(self, picture, age):
        return self.picture(picture.flatten(1)) + self.age(age)

def split(text):
    return [len(word) for word in text.split()], text.split()

nothing = 5
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    (tmp_path / "own_models.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "own_models", raising=False)
    return tmp_path


def run(*words, code=0):
    found = CliRunner().invoke(main, ["attribute", "--out", "p", "-q", *map(str, words)])
    assert found.exit_code == code, (found.output, found.exception)
    return found.output


def explained(name, dataset):
    torch.manual_seed(0)
    made = getattr(sys.modules["own_models"], name)().eval()
    x = torch.utils.data.default_collate([dataset[at][0] for at in range(len(dataset))])
    return lrp.explainer(made, x, lrp.composites.epsilon_plus())(x)


def close(found, wanted):
    np.testing.assert_allclose(found.values, wanted.numpy(), rtol=1e-4, atol=1e-6)


def test_a_table(here):
    (here / "t.csv").write_text("age,mass,ill,ward\n0.4,0.7,yes,A\n0.3,0.6,no,B\n0.5,0.8,yes,A\n")
    words = ["--model", "own_models:table", "--data", "t.csv", "--label", "ill", "--beside", "ward"]
    run(*words, "--unit", "age=years")
    found = spray.open_attributions("p")
    close(found.relevance, explained("table", lrp.open_data("t.csv", label="ill", beside=["ward"])).relevance)
    assert found.ward.values.tolist() == ["A", "B", "A"] and found.unit.values.tolist() == ["years", ""]
    assert found.label_name.values.tolist() == ["no", "yes"] and found.relevance.attrs["kind"] == "table"
    assert "its options are label, features" in run(*words, "--inputs", "age", code=1)


def test_texts(here):
    rows = [{"review": "a bb ccc", "y": 1}, {"review": "dd e", "y": 0}]
    (here / "t.jsonl").write_text("\n".join(map(json.dumps, rows)))
    words = ["--model", "own_models:Words", "--data", "t.jsonl", "--text", "review", "--label", "y", "--length", 3]
    run(*words, "--pad", 0, "--tokenizer", "own_models:split", "--target", "label")
    found = spray.open_attributions("p")
    assert found.token_text.values.tolist() == [["a", "bb", "ccc"], ["dd", "e", ""]]
    assert found.relevance.attrs["kind"] == "text" and found.target.values.tolist() == [1, 0]
    assert "a int, not a function of a text" in run(*words, "--tokenizer", "own_models:nothing", code=1)
    words[-1] = 4  # longer than any text, and nothing is said to fill them up
    assert "none of the first 2 samples can be read; the first: it has 3 tokens" in run(
        *words, "--tokenizer", "own_models:split", code=1
    )


def test_a_model_of_several_inputs(here):
    rng = np.random.default_rng(0)
    np.savez("t.npz", picture=rng.normal(size=(5, 4, 4)), age=rng.normal(size=(5, 1)), labels=np.arange(5) % 3)
    words = ["--model", "own_models:Two", "--data", "t.npz", "--target", "label", "--kind", "none"]
    assert "the inputs picture, age receive relevance: say which is drawn" in run(*words, code=1)
    run(*words, "--draw", "picture", "--out", "q")
    found = spray.open_attributions("q")
    torch.manual_seed(0)
    model = sys.modules["own_models"].Two().eval()
    x = {name: torch.from_numpy(np.load("t.npz")[name]).float() for name in ("picture", "age")}
    wanted = lrp.explainer(model, x, lrp.composites.epsilon_plus())(x, torch.arange(5) % 3).relevance
    close(found.relevance, wanted["picture"])
    close(found.input_age_relevance, wanted["age"])
