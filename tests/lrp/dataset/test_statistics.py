"""Statistics of hidden layers: which layers by rule, what is kept against hooks and a plain pass, and what it costs."""

import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from torch import nn

import lrp
import spray
from lrp.cli.group import main
from lrp.dataset.layers.hidden import asked_layers, hidden_layers
from lrp.dataset.run import left_out
from spray import store


class Gated(nn.Module):
    """A residual block and a gate beside the way: neither the inside of the block nor the gate is a layer."""

    def __init__(self):
        super().__init__()
        self.one, self.two, self.three = (nn.Conv2d(a, 4, 3, padding=1) for a in (1, 4, 4))
        self.gate, self.last, self.head = nn.Conv2d(4, 4, 1), nn.Conv2d(4, 6, 3), nn.Linear(6 * 16, 3)

    def forward(self, x):
        x = torch.relu(self.one(x))
        x = torch.relu(x + self.three(torch.relu(self.two(x))))
        x = x * torch.sigmoid(self.gate(x.mean((2, 3), keepdim=True)))
        return self.head(torch.relu(self.last(x)).flatten(1))


@pytest.fixture(scope="module")
def small():
    torch.manual_seed(0)
    conv = [nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(4, 5, 3), nn.ReLU()]
    return nn.Sequential(*conv, nn.Flatten(), nn.Linear(5 * 2 * 2, 6), nn.ReLU(), nn.Linear(6, 3)).eval()


def explainer(model, x):
    return lrp.explainer(model, x[:1], lrp.composites.epsilon_plus())


def test_layers_are_early_middle_and_late_and_not_inside_of_blocks(small):
    graph = lrp.canonize(lrp.trace(small, torch.zeros(1, 1, 10, 10)))
    assert [layer.name for layer in hidden_layers(graph)] == ["2", "5", "8"]
    gated = lrp.canonize(lrp.trace(Gated().eval(), torch.zeros(1, 1, 6, 6)))
    names = [layer.name for layer in hidden_layers(gated)]
    values = gated.values(gated.params, torch.randn(2, 1, 6, 6))
    assert len(names) == 3 and [values[gated.find(name)].shape[2] for name in names] == [6, 6, 4]
    assert all((values[gated.find(name)] >= 0).all() for name in names)
    linear = lrp.trace(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)).eval(), torch.zeros(1, 1, 2, 2))
    assert hidden_layers(linear) == ()


def test_what_is_kept_is_what_hooks_see(small, tmp_path):
    x = torch.rand(7, 1, 10, 10)
    path = lrp.attribute_dataset(
        explainer(small, x), list(x), tmp_path / "p", progress=False, batch_size=3, keep=lrp.Kept(kind="image")
    )
    found = spray.open_attributions(path).compute()
    seen = {}
    for name in ("2", "5", "8"):
        small[int(name)].register_forward_hook(lambda *given, name=name: seen.__setitem__(name, given[2]))
    small(x)
    for module in small:
        module._forward_hooks.clear()
    for name in ("2", "5"):
        np.testing.assert_allclose(found[f"hidden_max_{name}"], seen[name].detach().amax((2, 3)), atol=1e-6)
        np.testing.assert_allclose(found[f"hidden_mean_{name}"], seen[name].detach().mean((2, 3)), atol=1e-6)
    np.testing.assert_allclose(found.hidden_mean_8, seen["8"].detach(), atol=1e-6)
    assert "hidden_max_8" not in found and found.hidden_magnitude_5.attrs["statistic"] == "magnitude"
    assert found.hidden_magnitude_5.attrs["layer"] == "5" and 0 < found.hidden_magnitude_5.attrs["depth"] < 1
    output = small(x)  # the head is linear: epsilon shares 1 as a_i w_ij / z_j
    by_hand = seen["8"].detach() * small[9].weight[output.argmax(1)] / output.amax(1, keepdim=True)
    np.testing.assert_allclose(found.hidden_magnitude_8, by_hand.detach().abs(), rtol=1e-4, atol=1e-6)


def test_they_can_be_left_out_and_a_run_cannot_be_resumed_without(small, tmp_path):
    x = torch.rand(4, 1, 10, 10)
    options = {"progress": False, "keep": lrp.Kept(kind="image")}
    plain = lrp.attribute_dataset(explainer(small, x), list(x), tmp_path / "p", statistics=False, **options)
    assert not [name for name in spray.open_attributions(plain).data_vars if str(name).startswith("hidden")]
    assert "statistics" not in store.read_project(plain)["settings"]
    with pytest.raises(spray.ProjectError, match="statistics"):
        lrp.attribute_dataset(explainer(small, x), list(x), tmp_path / "p", **options)


def test_relevance_and_output_are_the_same_with_them(small, tmp_path):
    x = torch.rand(5, 1, 10, 10)
    options = {"progress": False, "keep": lrp.Kept(kind="image"), "target": "top2"}
    first, second = (
        spray.open_attributions(
            lrp.attribute_dataset(explainer(small, x), list(x), tmp_path / str(s), statistics=s, **options)
        ).compute()
        for s in (True, False)
    )
    for name in second.data_vars:
        np.testing.assert_allclose(first[name], second[name], atol=1e-6)


def test_what_is_too_large_for_half_precision_is_an_error_and_not_infinity(small, tmp_path):
    x = 1e6 * torch.rand(3, 1, 10, 10)
    options = {"progress": False, "keep": lrp.Kept(kind="image", dtype="float16"), "errors": "skip"}
    with pytest.warns(RuntimeWarning, match="overflow"):
        lrp.attribute_dataset(explainer(small, x), list(x), tmp_path / "p", **options)
    assert (
        all("is not finite" in why for why in left_out(tmp_path / "p").values()) and len(left_out(tmp_path / "p")) == 3
    )


def test_the_command_keeps_them_says_what_they_cost_and_leaves_them_out(tmp_path):
    np.save(tmp_path / "data.npy", np.random.default_rng(0).random((6, 3, 16, 16), np.float32))
    words = ["attribute", "--model", "tests.lrp.dataset.test_statistics:Tiny", "--data", str(tmp_path / "data.npy")]
    done = CliRunner().invoke(main, [*words, "--out", str(tmp_path / "p")])
    assert done.exit_code == 0, done.output
    assert "statistics of 1: 0.0 of " in done.stderr and "more time; --no-statistics leaves them out" in done.stderr
    assert "hidden_max_1" in spray.open_attributions(tmp_path / "p")
    settings = json.loads((tmp_path / "p" / "project.json").read_text())["settings"]
    assert settings["statistics"] == ["1"]
    done = CliRunner().invoke(main, [*words, "--out", str(tmp_path / "q"), "--no-statistics"])
    assert done.exit_code == 0 and "statistics" not in done.stderr


class Tiny(nn.Sequential):
    """For the command."""

    def __init__(self):
        super().__init__(nn.Conv2d(3, 2, 5, 4), nn.ReLU(), nn.Flatten(), nn.Linear(2 * 9, 2))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_of_layers_that_are_asked_for_there_is_more_and_where_it_is(small, tmp_path, dtype):
    x = torch.rand(7, 1, 10, 10)
    explain, close = explainer(small, x), {"rtol": 1e-5, "atol": 1e-6} if dtype == "float32" else {"atol": 2e-3}
    path = lrp.attribute_dataset(
        explain, list(x), tmp_path / "p", progress=False, batch_size=3, statistics=False, concepts=["5", "8"],
        keep=lrp.Kept(kind="image", dtype=dtype),
    )  # fmt: skip
    found = spray.open_attributions(path).compute()
    output, pullback = explain.program(explain.weights, x)
    _, hidden = pullback(nn.functional.one_hot(output.argmax(1), 3).float(), at=["5", "8"])
    a, r = (part.flatten(2).numpy() for part in hidden["5"])
    for name, wanted in (
        ("concept_5", r.sum(2)), ("hidden_magnitude_5", np.abs(r).sum(2)), ("hidden_peak_5", r.max(2)),
        ("hidden_max_5", a.max(2)), ("hidden_mean_5", a.mean(2)),
    ):  # fmt: skip
        assert found[name].attrs["layer"] == "5"
        np.testing.assert_allclose(found[name], wanted, **close)
    for name, values in (("where_peak_5", r), ("where_max_5", a)):
        assert found[name].dtype == np.int32
        at_place = np.take_along_axis(values, found[name].values[:, :, None].astype(np.int64), 2)[:, :, 0]
        np.testing.assert_allclose(at_place, values.max(2), rtol=1e-5, atol=1e-6)
    assert json.loads(found.where_peak_5.attrs["field"]) == [None, *([at, [0, 2], [8, 10]] for at in (0, 1))]
    assert not {"hidden_max_8", "hidden_peak_8", "where_peak_8", "hidden_magnitude_2"} & set(found.data_vars)
    np.testing.assert_allclose(found.concept_8, hidden["8"].relevance, **close)
    with pytest.raises(spray.ProjectError, match="concepts"):
        lrp.attribute_dataset(explain, list(x), tmp_path / "p", progress=False, statistics=False, concepts=["5"],
                              keep=lrp.Kept(kind="image", dtype=dtype))  # fmt: skip


def test_layers_in_which_tokens_come_first_are_left_out(tmp_path):
    class Reader(nn.Module):
        def __init__(self):
            super().__init__()
            self.body, self.head = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), nn.Linear(8, 3)

        def forward(self, embeds):
            return self.head(self.body(embeds).mean(1))

    torch.manual_seed(0)
    model, x = Reader().eval(), torch.randn(4, 7, 8)
    explain = lrp.explainer(model, {"embeds": x}, lrp.composites.attn_lrp())
    kept = lrp.Kept(dims=("token", "feature"))
    path = lrp.attribute_dataset(explain, [{"embeds": row} for row in x], tmp_path / "p", progress=False, keep=kept)
    found = spray.open_attributions(path).compute()
    layers = hidden_layers(explain.program.graph)
    values = explain.program.graph.values(explain.program.graph.params, {"embeds": x})
    for layer in layers:
        wanted = values[explain.program.graph.find(layer.name)].movedim(layer.axis, 1)
        np.testing.assert_allclose(found[f"hidden_max_{layer.name}"], wanted.flatten(2).amax(2), atol=1e-6)
    assert layers
    inside = next(n for n in values if n.op == "call_function" and getattr(values[n], "shape", ())[:1] == (7,))
    with pytest.raises(ValueError, match="not the batch"):
        asked_layers(explain.program.graph, [inside.name])
