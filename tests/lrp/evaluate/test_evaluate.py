"""Evaluation measures against closed forms, SciPy, and definitions written out."""

import copy

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn
from torch.testing import assert_close

import lrp
from lrp import evaluate
from lrp._torchvision import torchvision
from lrp.evaluate import flipping_curve, mprt
from lrp.evaluate.quantus import explain_func

DOUBLE = torch.float64


@pytest.fixture(scope="module")
def linear():
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(48, 3)).double().eval()


@pytest.fixture(scope="module")
def x():
    return torch.rand(4, 3, 4, 4, dtype=DOUBLE, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module")
def contributions(linear, x):
    """w_i (x_i - b_i) of class 1 for b = 0.2: what each place adds to the output."""
    return linear[1].weight.detach()[1].reshape(3, 4, 4) * (x - 0.2)


def test_curve_of_a_linear_model_in_closed_form(linear, x, contributions):
    """The k most relevant places take exactly their contributions along."""
    places = contributions.sum(1).flatten(1)
    for order, sign in (("morf", True), ("lerf", False)):
        taken = places.sort(1, descending=sign).values.cumsum(1)
        whole = linear(x)[:, 1:2].detach()
        wanted = torch.cat([whole, whole - taken], 1)
        found = flipping_curve(linear, x, contributions, 1, order=order, steps=16, baseline=0.2)
        assert_close(found, wanted)


def test_patches_are_flipped_whole(linear, x, contributions):
    patches = contributions.sum(1).reshape(4, 2, 2, 2, 2).sum((2, 4)).flatten(1)
    whole = linear(x)[:, 1:2].detach()
    wanted = torch.cat([whole, whole - patches.sort(1, descending=True).values.cumsum(1)], 1)
    assert_close(flipping_curve(linear, x, contributions, 1, steps=4, patch=2, baseline=0.2), wanted)


def test_ends_are_the_input_and_the_baseline(linear, x):
    attribution = torch.randn(4, 3, 4, 4)
    curves = [flipping_curve(linear, x, attribution, 2, order=o, steps=5, baseline=0.3) for o in ("morf", "lerf")]
    for curve in curves:
        assert_close(curve[:, 0], linear(x)[:, 2].detach())
        assert_close(curve[:, -1], linear(torch.full_like(x, 0.3))[:, 2].detach())


def test_measures_of_curves_written_out():
    morf = torch.tensor([[4.0, 1.0, 0.0], [4.0, 3.0, 0.0]])
    lerf = torch.tensor([[4.0, 3.0, 0.0], [4.0, 1.0, 0.0]])
    assert evaluate.aopc(morf).tolist() == [3.5, 2.5]
    assert evaluate.abpc(lerf, morf).tolist() == [2.0, -2.0]
    assert evaluate.srg(lerf, morf).tolist() == [1.0, -1.0]


def test_the_true_contributions_win_and_their_negative_loses(linear, x, contributions):
    def gain(attribution):
        curves = {
            o: flipping_curve(linear, x, attribution, 1, order=o, steps=16, baseline=0.2) for o in ("lerf", "morf")
        }
        return evaluate.srg(**curves)

    assert (gain(contributions) > 0).all()
    assert_close(gain(-contributions), -gain(contributions))
    assert (gain(contributions) >= gain(torch.randn_like(contributions))).all()


def test_constant_attribution_gains_nothing_on_average(linear, x):
    gains = []
    for seed in range(60):
        curves = [
            flipping_curve(linear, x, torch.ones_like(x), 1, order=o, steps=8, seed=seed) for o in ("lerf", "morf")
        ]
        gains.append(evaluate.srg(*curves))
    gains = torch.stack(gains)
    assert (gains.mean(0).abs() < 4 * gains.std(0) / len(gains) ** 0.5 + 1e-12).all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"attribution": torch.zeros(4, 3, 5, 4)}, "does not fit inputs"),
        ({"patch": 3}, "patches of 3 do not divide"),
        ({"order": "random"}, "got 'random'"),
        ({"steps": 0}, "and 0"),
    ],
)
def test_bad_flipping(linear, x, change, message):
    with pytest.raises(ValueError, match=message):
        flipping_curve(linear, x, **{"attribution": x} | change)


@pytest.fixture(scope="module")
def maps():
    """Relevance and masks, and both written out per sample as NumPy arrays."""
    generator = torch.Generator().manual_seed(2)
    relevance = torch.randn(6, 3, 5, 5, generator=generator)
    mask = torch.rand(6, 5, 5, generator=generator) < 0.3
    return (
        relevance,
        mask,
        [(r.sum(0).numpy().ravel(), m.numpy().ravel()) for r, m in zip(relevance, mask, strict=True)],
    )


def test_localization_written_out(maps):
    relevance, mask, pairs = maps
    wanted = {
        evaluate.relevance_mass: [np.maximum(r, 0)[m].sum() / np.maximum(r, 0).sum() for r, m in pairs],
        evaluate.mask_share: [np.abs(r)[m].sum() / np.abs(r).sum() for r, m in pairs],
        evaluate.relevance_rank: [m[np.argsort(-r)[: m.sum()]].mean() for r, m in pairs],
        evaluate.pointing_game: [m[r.argmax()] for r, m in pairs],
    }
    for measure, values in wanted.items():
        np.testing.assert_allclose(measure(relevance, mask), np.array(values, float), rtol=1e-5)
        np.testing.assert_allclose(measure(relevance, mask[:, None]), measure(relevance, mask))


def test_localization_at_the_extremes():
    relevance, everything = torch.ones(2, 1, 3, 3), torch.ones(3, 3, dtype=torch.bool)
    for measure in (evaluate.relevance_mass, evaluate.mask_share, evaluate.relevance_rank):
        assert measure(relevance, everything).tolist() == [1.0, 1.0]
        assert measure(relevance, ~everything).tolist() == [0.0, 0.0]
    assert evaluate.relevance_mass(-relevance, everything).tolist() == [0.0, 0.0]
    with pytest.raises(ValueError, match="mask must be boolean"):
        evaluate.mask_share(relevance, torch.ones(3, 3))


def test_spearman_is_scipys():
    a, b = torch.randn(5, 1, 6, 6), torch.randn(5, 1, 6, 6)
    b[1] = a[1] ** 3
    a[2] = a[2].round()  # ties
    wanted = [stats.spearmanr(p.numpy().ravel(), q.numpy().ravel()).statistic for p, q in zip(a, b, strict=True)]
    np.testing.assert_allclose(evaluate.spearman(a, b), wanted, rtol=1e-6)
    assert evaluate.spearman(a, torch.ones_like(a)).tolist() == [0.0] * 5


def test_entropy_is_that_of_numpys_histogram():
    values = torch.randn(4, 300, dtype=DOUBLE)
    wanted = [stats.entropy(np.histogram(row, 25)[0]) for row in values.numpy()]
    np.testing.assert_allclose(evaluate.entropy(values, 25), wanted, rtol=1e-10)
    assert evaluate.entropy(torch.zeros(2, 5)).tolist() == [0.0, 0.0]


@pytest.fixture(scope="module")
def normed():
    """Convolution and batch norm, which canonization merges."""
    torch.manual_seed(3)
    model = nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.ReLU(), nn.Conv2d(6, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(),
        nn.Flatten(), nn.Linear(16, 3),
    )  # fmt: skip
    for module in model:
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
            nn.init.uniform_(module.weight, 0.5, 2)
    return model.double().eval()


def test_randomization_equals_explaining_the_randomized_model_anew(normed, x):
    """The oracle writes the drawn values into a copy of the module, and traces, merges and explains that."""
    composite, drawn = lrp.composites.epsilon_plus(), {}

    def draw(name, parameter, generator):
        drawn[name] = torch.randn(parameter.shape, generator=generator, dtype=DOUBLE)
        return drawn[name]

    explain = lrp.explainer(normed, x, composite)
    found = mprt(explain, x, 1, draw=draw)
    assert found.layers == ("7", "4", "3", "1", "0")
    original = explain(x, 1)[1]
    for step, layer in enumerate(found.layers):
        fresh = copy.deepcopy(normed)
        random = {name: v for name, v in drawn.items() if name.split(".")[0] in found.layers[: step + 1]}
        fresh.load_state_dict(normed.state_dict() | random)
        wanted = lrp.explainer(fresh.eval(), x, composite)(x, 1)[1]
        assert_close(found.similarity[step], evaluate.spearman(original, wanted), rtol=1e-6, atol=1e-6)
        assert_close(found.entropy[step + 1], evaluate.entropy(wanted), msg=layer)


def test_randomization_that_changes_nothing(normed, x):
    explain = lrp.explainer(normed, x, lrp.composites.epsilon_plus())
    found = mprt(explain, x, draw=lambda _, parameter, __: parameter)
    assert_close(found.similarity, torch.ones_like(found.similarity))
    assert_close(evaluate.emprt(found), torch.zeros(4, dtype=DOUBLE))


def test_randomization_leaves_explainer_and_model_as_they_were(normed, x):
    explain = lrp.explainer(normed, x, lrp.composites.epsilon_plus())
    before, state = explain(x, 0)[1], {name: value.clone() for name, value in normed.state_dict().items()}
    found = mprt(explain, x, 0, order="bottom_up")
    assert found.layers[0] == "0" and found.similarity[-1].max() < 0.999
    assert_close(explain(x, 0)[1], before)
    assert all(torch.equal(value, state[name]) for name, value in normed.state_dict().items())
    assert_close(mprt(explain, x, 0).similarity, mprt(explain, x, 0).similarity)
    wanted = (found.entropy[-1] - found.entropy[0]) / found.entropy[0]
    assert_close(evaluate.emprt(found), wanted)


def test_explain_func_reads_the_weights_at_every_call(normed, x):
    composite = lrp.composites.epsilon_plus()
    explain, targets = explain_func(composite), np.array([0, 1, 2, 0])
    np.testing.assert_allclose(
        explain(normed, x.numpy(), targets), lrp.explainer(normed, x, composite)(x, torch.from_numpy(targets))[1]
    )
    changed = copy.deepcopy(normed)
    first = explain(changed, x.numpy(), targets)
    with torch.no_grad():
        changed[0].weight.normal_()
    second = explain(changed, x.numpy(), targets)
    assert np.abs(first - second).max() > 1e-3
    wanted = lrp.explainer(changed, x, composite)(x, torch.from_numpy(targets))[1]
    np.testing.assert_allclose(second, wanted)
    smooth = explain_func(composite, method=lrp.attribution.smooth_grad, sum_channels=True)
    assert smooth(normed, x.numpy(), targets).shape == (4, 1, 4, 4)


@pytest.fixture
def quantus():
    torchvision()
    return pytest.importorskip("quantus")


@pytest.mark.filterwarnings("ignore")
def test_quantus_takes_it(quantus, normed, x):
    """Quantus explains with our function, and flips pixels of its own; then it draws the weights anew."""
    model = copy.deepcopy(normed).float().eval()
    batch = {"x_batch": x.float().numpy(), "y_batch": np.array([0, 1, 2, 0]), "device": "cpu"}
    explain = explain_func(lrp.composites.epsilon_plus(), sum_channels=True)
    flipping = quantus.PixelFlipping(features_in_step=4, perturb_baseline="black", disable_warnings=True)
    scores = flipping(model=model, explain_func=explain, **batch)
    assert np.shape(scores) == (4, 12)
    randomization = quantus.MPRT(disable_warnings=True, return_last_correlation=True)
    last = randomization(model=model, explain_func=explain, **batch)
    assert np.shape(last) == (4,) and np.max(last) < 0.999


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("RelevanceRankAccuracy", evaluate.relevance_rank),
        ("RelevanceMassAccuracy", evaluate.relevance_mass),
        ("PointingGame", evaluate.pointing_game),
    ],
)
def test_localization_is_that_of_quantus(quantus, normed, maps, theirs, ours):
    relevance, mask, _ = maps
    relevance = relevance.abs().sum(1, keepdim=True)
    metric = getattr(quantus, theirs)(abs=False, normalise=False, disable_warnings=True)
    scores = metric(
        model=copy.deepcopy(normed).float(),
        x_batch=torch.zeros(6, 3, 5, 5).numpy(),
        y_batch=np.zeros(6, int),
        a_batch=relevance.numpy(),
        s_batch=mask[:, None].numpy(),
        device="cpu",
    )
    np.testing.assert_allclose(np.asarray(scores, float), ours(relevance, mask).float().numpy(), rtol=1e-5)
