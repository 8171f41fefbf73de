"""What the commands explain: classes, indices, functions, one of several outputs; pictures or not."""

import sys

import numpy as np
import pytest
import torch
from click.testing import CliRunner

import lrp
from lrp.cli.group import main
from lrp.cli.load import load_model
from spray import store

MODELS = """
import torch
from torch import nn


class Segment(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.Conv2d(4, 2, 1))

    def forward(self, x):
        return self.net(x)


class Two(Segment):
    def forward(self, x):
        found = self.net(x)
        return {"map": found, "values": found.mean((2, 3))}


class Pair(Two):
    def forward(self, x):
        return tuple(super().forward(x).values())


def signal():
    return nn.Sequential(nn.Conv1d(2, 4, 5), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(4, 3))


def logit():
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 1))


def second(output):
    seed = torch.zeros_like(output)
    seed[:, 1] = 1
    return seed


number = 3
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    (tmp_path / "aims.py").write_text(MODELS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "aims", raising=False)
    rng = np.random.default_rng(0)
    np.savez("photos.npz", images=rng.random((5, 3, 8, 8), "float32"), labels=np.arange(5) % 2)
    np.savez("signals.npz", images=rng.standard_normal((6, 2, 30)).astype("float32"), labels=np.arange(6) % 3)
    return tmp_path


def run(*words, code=0):
    found = CliRunner().invoke(main, [str(word) for word in words])
    assert found.exit_code == code, (found.output, found.exception)
    return found


def attributed(model, data, *words):
    run("attribute", "--model", f"aims:{model}", "--data", data, "--out", "p", *words)
    return store.open_attributions("p")


def expected(name, x, target, output=None, composite=None):
    model = load_model(f"aims:{name}", None)
    return lrp.explainer(model, x, composite or lrp.composites.epsilon_gamma_box(low=0, high=1), output=output)(
        x, target
    )


def close(found, wanted):
    np.testing.assert_allclose(found.values, wanted.numpy(), rtol=1e-4, atol=1e-6)


def photos():
    return torch.from_numpy(np.load("photos.npz")["images"])


@pytest.mark.parametrize(
    ("model", "words", "target", "place"),
    [
        ("Segment", "1,5,7", (1, 5, 7), [[1, 5, 7]] * 5),
        ("Segment", "torch:ones_like", torch.ones_like, [[-1, -1, -1]] * 5),
        ("Segment", "aims:second", torch.stack([torch.zeros(8, 8), torch.ones(8, 8)]).expand(5, 2, 8, 8), None),
        ("logit", "0,", (0,), None),
        ("logit", "prediction", None, None),
        ("logit", "label", torch.arange(5) % 2, None),
        ("logit", "0", 0, None),
    ],
)
def test_targets_of_a_dataset(model, words, target, place):
    found = attributed(model, "photos.npz", "--target", words)
    output, relevance = expected(model, photos(), target)
    close(found.relevance, relevance)
    close(found.output, output if model == "Segment" else output[:, 0])
    if place is not None:
        assert found.place.values.tolist() == place and "prediction" not in found.variables


@pytest.mark.parametrize(("model", "key"), [("Two", "values"), ("Pair", "1"), ("Pair", "-1")])
def test_one_of_several_outputs(model, key):
    methods = ["--method", "lrp", "--method", "gradient"]
    found = attributed(model, "photos.npz", "--output", key, "--target", "1", *methods)
    output, relevance = expected(model, photos(), 1, "values" if model == "Two" else 1)
    close(found.output, output)
    close(found.relevance, relevance)
    x = photos().requires_grad_()
    made = load_model(f"aims:{model}", None)(x)
    (made["values"] if model == "Two" else made[1])[:, 1].sum().backward()
    close(found.relevance_gradient, x.grad)
    words = ["--model", f"aims:{model}", "--output", key]
    assert "z_box" in run("plan", *words, "--input", "3x8x8").stdout


def test_an_output_that_is_not_there_is_named():
    words = ["--model", "aims:Two", "--data", "photos.npz", "--out", "p", "--method", "gradient"]
    found = run("attribute", *words, "--output", "logits", code=1)
    assert "--output logits: the model returns map, values" in found.stderr


def test_signals_have_no_known_bounds_and_are_stored_as_they_are():
    found = attributed("signal", "signals.npz", "--target", "label")
    x = torch.from_numpy(np.load("signals.npz")["images"])
    assert found.relevance.dims == ("sample", "channel", "length")
    np.testing.assert_array_equal(found.image.values, x)
    close(found.relevance, expected("signal", x, torch.arange(6) % 3, composite=lrp.composites.epsilon_plus())[1])
    assert "z_plus" in run("plan", "--model", "aims:signal", "--input", "2x30").stdout


def test_named_bounds_have_the_axes_of_the_signal():
    words = ["--composite", "epsilon_gamma_box", "-O", "low=-4", "-O", "high=4"]
    found = attributed("signal", "signals.npz", *words)
    x = torch.from_numpy(np.load("signals.npz")["images"])
    composite = lrp.composites.epsilon_gamma_box(low=-4, high=4)
    close(found.relevance, expected("signal", x, None, composite=composite)[1])
    words = ["--normalize", "0,1:9,9", "--composite", "epsilon_gamma_box", "--input", "2x30"]
    assert "z_box" in run("plan", "--model", "aims:signal", *words).stdout


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model", "aims:Segment"], "give an index tuple such as (0, 0, 0)"),
        (["--model", "aims:Segment", "--target", "1,9,9"], "index (1, 9, 9) does not exist"),
        (["--model", "aims:Segment", "--target", "top2"], "not (batch, class)"),
        (["--model", "aims:Segment", "--target", "aims:number"], "is a int, not a function"),
        (["--model", "aims:Segment", "--target", "aims:absent"], "--target aims:absent"),
        (["--model", "aims:Segment", "--target", "nowhere:f"], "No module named 'nowhere'"),
        (["--model", "aims:logit", "--target", "2"], "classes 0 to 1"),
    ],
)
def test_wrong_targets_are_one_line(words, message):
    found = run("attribute", *words, "--data", "photos.npz", "--out", "p", code=1)
    assert message in found.stderr and "Traceback" not in found.output


def test_audits_and_heatmaps_of_an_index(here):
    from PIL import Image

    Image.fromarray((photos()[0].permute(1, 2, 0).numpy() * 255).astype("uint8")).save("one.png")
    image = lrp.open_images(here)[0][0][None]
    words = ["--model", "aims:Segment", "--size", 8, "one.png"]
    assert "the input receives" in run("audit", *words, "--target", "1,5,7").stdout
    shown = run("heatmap", *words, "--out", "maps", "--target", "1,5,7").stdout
    value = load_model("aims:Segment", None)(image)[0, 1, 5, 7].item()
    assert shown.split("  ")[1:] == ["index 1,5,7", f"{value:.4g}\n"]
    assert "seed ones_like" in run("heatmap", *words, "--out", "maps", "--target", "torch:ones_like").stdout
    for command in (["audit"], ["heatmap", "--out", "maps"]):
        assert "--target label: give prediction, a class" in run(*command, *words, "--target", "label", code=1).stderr
    logit = run("heatmap", "--model", "aims:logit", *words[2:], "--out", "maps").stdout
    value = load_model("aims:logit", None)(image).item()
    assert f"class {int(value > 0)}  {value:.4g}" in logit
