"""The effect of what a group shares: known changes are made again, and what a model does not use turns nothing."""

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from scipy.ndimage import gaussian_filter
from torch import nn

import lrp
import spray
from lrp.cli.group import main
from lrp.effect import Groups, Network, effects, is_used, strongest
from lrp.effect.changes import contrast, laid
from spray import analysis, store
from spray.cli.group import cli

CORNER = np.s_[:, :, -3:, -3:]


class Corner(nn.Module):
    """Class 1 is bright in the lower right corner, class 0 in the upper left, by the mean over 3 x 3 pixels."""

    def __init__(self):
        super().__init__()
        self.conv, self.head = nn.Conv2d(3, 2, 3, 3, bias=False), nn.Linear(32, 3, bias=False)
        self.conv.weight.data = torch.full((2, 3, 3, 3), 1 / 27)
        self.head.weight.data = torch.zeros(3, 32)
        self.head.weight.data[0, 0], self.head.weight.data[1, 15], self.head.weight.data[2, 5] = 3.0, 3.0, 3.0

    def forward(self, x):
        return self.head(torch.relu(self.conv(x)).flatten(1))


@pytest.fixture(scope="module")
def images():
    rng = np.random.default_rng(0)
    found = rng.random((180, 3, 12, 12)).astype(np.float32) * 0.6
    for label, place in enumerate((np.s_[:3], np.s_[9:], np.s_[3:6])):  # what each class goes by
        found[np.arange(180) % 3 == label, :, place, place] += 0.2
    return found


def network(model):
    return Network.of(lrp.canonize(lrp.trace(model.eval(), torch.zeros(1, 3, 12, 12))))


def test_a_mark_that_was_blended_in_is_laid_over_others_as_it_was():
    rng = torch.Generator().manual_seed(0)
    outside, inside, others = (torch.rand(n, 3, 6, 6, generator=rng) for n in (2000, 2000, 50))
    mark = torch.zeros(1, 1, 6, 6)
    mark[..., 4:, 1:5] = 0.7

    def marked(x):
        return (1 - mark) * x + mark * 0.9

    found = laid(Groups(marked(inside), outside, others), torch.ones(()))
    assert (found - marked(others)).abs().max() < 0.05
    assert torch.equal(found[..., :4, :], others[..., :4, :])


def test_a_mark_that_the_model_uses_turns_others_and_one_that_it_does_not_none(images):
    labels = np.arange(180) % 3
    own, others = torch.as_tensor(images[labels == 1]), torch.as_tensor(images[labels != 1])
    for place, used in (((slice(-3, None), slice(-3, None)), True), ((slice(0, 3), slice(-3, None)), False)):
        inside = own[:20].clone()
        inside[:, :, *place] = 1.0
        found = effects(network(Corner()), inside, own[20:], others, 1)
        assert is_used(found) == used, found
        if used:
            pasted = others.clone()
            pasted[:, :, *place] = 1.0
            turned, logit = by_pasting(pasted, others)
            assert found["overlay"].turned == pytest.approx(turned, abs=0.05) and turned > 0.5
            assert found["overlay"].logit == pytest.approx(logit, abs=0.1) and found["overlay"].control_turned < 0.1


def test_dim_images_are_no_overlay_and_a_mark_on_dim_images_is_one():
    rng = torch.Generator().manual_seed(0)
    outside, inside, others = (torch.rand(n, 3, 6, 6, generator=rng) for n in (1000, 1000, 50))
    dim = Groups(inside / 2, outside, others)
    assert float(contrast(dim)) == pytest.approx(0.5, abs=0.02)
    assert (laid(dim, contrast(dim)) == others).float().mean() > 0.9
    inside[..., 4:, 1:5] = 1.8
    marked = laid(Groups(inside / 2, outside, others), contrast(Groups(inside / 2, outside, others)))
    assert (marked[..., 4:, 1:5] - 0.9).abs().max() < 0.02
    flat = Groups(*(torch.ones(20, 3, 4, 4) for _ in range(3)))  # no place varies: nothing to compare by
    assert float(contrast(flat)) == 1 and torch.equal(laid(flat, contrast(flat)), flat.others)


def test_what_other_classes_have_too_is_a_control():
    class Bright(nn.Module):
        """Class 0 is bright."""

        def forward(self, x):
            mean = x.mean((1, 2, 3))
            return torch.stack([20 * mean - 10, 0 * mean], 1)

    x = torch.as_tensor(np.random.default_rng(0).random((300, 3, 6, 6)).astype(np.float32))
    x = (
        x
        * torch.linspace(0.4, 1.1, 300)[torch.randperm(300, generator=torch.Generator().manual_seed(0))][
            :, None, None, None
        ]
    )
    own, others = x[:150], x[150:]
    bright = own.mean((1, 2, 3)) > own.mean((1, 2, 3)).median()
    found = effects(Network(lrp.trace(Bright().eval(), x[:1]), ()), own[bright], own[~bright], others, 0)
    # the bright half of any class does the same: the model minds brightness, and no group of this class alone
    assert found["colour"].turned > 0.2 and abs(found["colour"].beyond) < 0.1
    cast = own.clone()
    cast[bright] += 0.6  # brighter than any image of the others is
    used = effects(Network(lrp.trace(Bright().eval(), x[:1]), ()), cast[bright], cast[~bright], others, 0)
    assert used["colour"].beyond > 0.2


def by_pasting(pasted, others):
    after, before = Corner()(pasted).detach(), Corner()(others).detach()
    turned = (after.argmax(1) == 1) & (before.argmax(1) != 1)
    return float(turned.float().mean()), float((after - before)[:, 1].mean() - (after - before).mean())


def test_a_cast_and_a_blur_are_found_by_the_changes_that_are_theirs():
    rng = np.random.default_rng(0)
    images = torch.as_tensor(gaussian_filter(rng.random((240, 3, 12, 12)), (0, 0, 0.7, 0.7)).astype(np.float32))
    outside, others, plain = images[:80], images[80:160], images[160:]
    warm = plain * torch.tensor([1.3, 1.0, 0.6])[:, None, None]
    soft = torch.as_tensor(gaussian_filter(plain.numpy(), (0, 0, 1.0, 1.0)))

    class Colour(nn.Module):
        def forward(self, x):
            mean = x.mean((2, 3))
            edges = (x[..., 1:] - x[..., :-1]).square().mean((1, 2, 3))
            return torch.stack([(mean[:, 0] - mean[:, 2]) * 8, 1 + 0 * edges, 2.5 - 200 * edges], 1)

    graph = lrp.trace(Colour().eval(), torch.zeros(1, 3, 12, 12))
    tinted = effects(Network(graph, ()), warm, outside, others, 0)
    assert strongest(tinted) == "colour" and tinted["colour"].turned > 0.9 and "direction" not in tinted
    blurred = effects(Network(graph, ()), soft, outside, others, 2)
    assert blurred["softness"].turned > 0.9 and blurred["softness"].control_turned == 0


def test_a_mark_that_moves_is_cut_out_and_pasted():
    class Green(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(3, 1, 3, padding=1, bias=True)
            self.conv.weight.data = torch.tensor([-1.0, 1.0, -1.0])[None, :, None, None].expand(1, 3, 3, 3) / 9
            self.conv.bias.data = torch.tensor([-0.1])

        def forward(self, x):
            green = torch.relu(self.conv(x)).amax((2, 3))
            return torch.cat([20 * green, 1 + 0 * green], 1)

    rng = np.random.default_rng(0)
    images = rng.random((150, 3, 24, 24)).astype(np.float32)
    for image in images[:40]:
        y, x = rng.integers(0, 20, 2)
        image[:, y : y + 4, x : x + 4] = np.array([0, 1, 0])[:, None, None]
    x = torch.as_tensor(images)
    found = effects(Network.of(lrp.trace(Green().eval(), x[:1])), x[:40], x[40:90], x[90:], 0)
    assert strongest(found) == "patch" and found["patch"].turned > 0.9 and found["overlay"].turned < 0.2


def test_adding_a_direction_in_a_hidden_layer_is_adding_it_there(images):
    graph, x = network(Corner()), torch.as_tensor(images[:5])
    layer = graph.layers[0].name
    hidden = torch.relu(Corner().conv(x))
    by = torch.rand(hidden.shape[1:])
    expected = Corner().head((hidden + by).flatten(1))
    assert torch.allclose(graph.shifted(x, layer, by), expected, atol=1e-6)


def test_the_commands_test_a_suspect_and_show_it_beside_the_suspicion(images, tmp_path):
    data = images.copy()
    labels = np.arange(180) % 3
    rows = np.flatnonzero(labels == 1)[:15]
    data[rows, :, 9:, 9:] = 1.0
    np.savez(tmp_path / "data.npz", data=data, label=labels)
    model, project = "tests.lrp.effect.test_effect:Corner", str(tmp_path / "p")
    words = ["--model", model, "--composite", "epsilon_plus"]
    done = CliRunner().invoke(
        main, ["attribute", *words, "--data", f"{tmp_path}/data.npz", "--out", project, "--target", "label", "-q"]
    )
    assert done.exit_code == 0, done.output
    failed = CliRunner().invoke(main, ["verify", project, *words])
    assert failed.exit_code == 1 and "has no verdict: run spray rank" in failed.output
    assert "not tested: does the model use it? lrp verify" in told(["rank", project])
    done = CliRunner().invoke(main, ["verify", project, *words, "--category", "1", "-q"])
    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == "1: used" and "overlay" in done.stdout
    index = store.read_analysis_index(project, "verdict")
    assert index.used.sel(category="1") == "yes" and index.used.sel(category="0") == ""
    assert "used" in told(["rank", project]) and "what stays in place, laid over them, turns" in told(
        ["rank", project, "--explain", "1"]
    )
    before = spray.open_analysis(project, "verdict")["1"].attrs
    analysis.judge(spray.open_attributions(project), out=project, progress=False)
    assert spray.open_analysis(project, "verdict")["1"].attrs == before
    other = CliRunner().invoke(main, ["verify", project, *words, "--normalize", "half"])
    assert other.exit_code == 1 and "was made with normalization" in other.output
    missing = CliRunner().invoke(main, ["verify", project, *words, "--category", "7"])
    assert missing.exit_code == 1 and "category '7' has no suspect" in missing.output


def told(words):
    done = CliRunner().invoke(cli, words)
    assert done.exit_code == 0, done.output
    return done.output
