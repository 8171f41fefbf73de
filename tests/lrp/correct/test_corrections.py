"""Directions, projections, losses and the other corrections, against what they must be."""

from functools import partial

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import lrp
from lrp import correct
from lrp.correct import Samples
from lrp.correct.losses import classification, paste, scaled
from spray.files import ProjectError


def network(seed=0):
    """Two convolutions and two dense layers on (1, 6, 6), in double."""
    torch.manual_seed(seed)
    layers = [nn.Conv2d(1, 3, 3), nn.ReLU(), nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 5), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(5, 3)).double().eval()


X = torch.rand(40, 1, 6, 6, dtype=torch.double, generator=torch.Generator().manual_seed(3))


@pytest.fixture(scope="module")
def graph():
    return lrp.trace(network(), X[:1])


def component(graph, layer, v, x=X):
    return correct.component(lrp.until(graph, layer)(graph.params, x), v)


LAYERS = {"1": (3,), "3": (4,), "6": (5,)}


@settings(max_examples=6, deadline=None)
@given(st.sampled_from(list(LAYERS)), st.booleans(), st.integers(0, 99), st.floats(-2, 2))
def test_projecting(graph, layer, whole, seed, to):
    """The component is `to` exactly, what is orthogonal stays, and projecting again changes nothing."""
    before = lrp.until(graph, layer)(graph.params, X)
    v = torch.randn(
        before.shape[1:] if whole else LAYERS[layer], generator=torch.Generator().manual_seed(seed)
    ).double()
    once = correct.project(graph, layer, v, to)
    after = lrp.until(once, layer)(once.params, X)
    assert torch.allclose(correct.component(after, v), torch.tensor(to).double(), atol=1e-12)
    rest = (after - before).movedim(1, -1) if not whole else (after - before).flatten(1)
    unit = (v / v.norm()).flatten()
    assert torch.allclose(rest, (rest @ unit)[..., None] * unit, atol=1e-12)
    twice = correct.project(once, layer, v, to)
    assert torch.allclose(twice(twice.params, X), once(once.params, X), atol=1e-12)


def test_a_clean_activation_keeps_its_component(graph):
    v = torch.randn(3, dtype=torch.double)
    clean = component(graph, "1", v, X[:1]).flatten()[0]
    after = correct.project(graph, "1", v, float(clean))
    hidden = lrp.until(after, "1")(after.params, X[:1])[:, :, 0, 0]
    assert torch.allclose(hidden, lrp.until(graph, "1")(graph.params, X[:1])[:, :, 0, 0], atol=1e-12)


@pytest.mark.parametrize("layer", ["1", *(pytest.param(layer, marks=pytest.mark.slow) for layer in ("3", "6"))])
def test_outputs_stay_to_the_last_bit_where_the_condition_does_not_hold(graph, layer):
    v = torch.randn(LAYERS[layer], dtype=torch.double, generator=torch.Generator().manual_seed(1))
    plain, told = graph(graph.params, X), graph(graph.params, X).argmax(1)
    always = correct.project(graph, layer, v, 2.0)
    classes = [int(told.mode().values)]
    along = component(graph, layer, v)
    largest = along if along.ndim == 1 else along.flatten(1).amax(1)
    threshold = float(largest.median())
    cases = {
        "class": (correct.predicted(*classes), torch.isin(told, torch.tensor(classes))),
        "two": (correct.predicted(0, 1), told < 2),
        "present": (correct.present(v, threshold), largest > threshold),
    }
    cases["both"] = ([cases["class"][0], cases["present"][0]], cases["class"][1] & cases["present"][1])
    for name, (when, expected) in cases.items():
        after = correct.project(graph, layer, v, 2.0, when)
        found = after(after.params, X)
        assert torch.equal(found[~expected], plain[~expected]), name
        assert torch.allclose(found[expected], always(always.params, X)[expected], atol=1e-12), name
        if (layer, name) == ("1", "both"):
            explained = lrp.explainer(after, lrp.composites.epsilon_plus())(X)
            assert torch.allclose(explained.output, found) and torch.isfinite(explained.relevance).all()


def test_a_direction_that_does_not_fit(graph):
    with pytest.raises(ValueError, match=r"has one number a channel, or shape \(3, 4, 4\); got \(4,\)"):
        correct.project(graph, "1", torch.ones(4), 0.0)
    with pytest.raises(ValueError, match="finite and not zero"):
        correct.project(graph, "1", torch.zeros(3), 0.0)


def test_directions():
    rng = np.random.default_rng(0)
    members = np.arange(60) < 20
    features = torch.as_tensor(rng.normal(size=(60, 2, 3)))
    features[members, 1, 2] += 4
    features += torch.as_tensor(rng.normal(size=(60, 1, 1))) * torch.tensor([[3.0, 0, 0], [0, 0, 0]])  # a distractor
    for kind in ("pattern", "svm"):
        v = correct.cav(features, members, kind)
        assert v.shape == (2, 3) and float(v.norm()) == pytest.approx(1) and float(v[1, 2]) > 0.8
        assert correct.auroc(features, members, kind) > 0.95
    pattern = features[members].mean(0) - features[~members].mean(0)
    assert torch.allclose(correct.cav(features, members), pattern / pattern.norm())
    assert 0.2 < correct.auroc(features[~members], np.arange(40) < 20) < 0.8
    assert np.isnan(correct.auroc(features, np.arange(60) < 1))
    for wrong in (members & False, members | True):
        with pytest.raises(ValueError, match="of 60 samples are members"):
            correct.cav(features, wrong)


def planted(n=60, side=6):
    """Bright top left corners on half of class 1, whose images are otherwise a little brighter in the middle."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(n) % 2
    x = torch.rand(n, 1, side, side, generator=generator).double() * 0.3
    x[:, :, 3:5, 3:5] += 0.25 * y[:, None, None, None]
    artefact = (torch.arange(n) % 4) == 1
    mask = torch.zeros(n, 1, side, side, dtype=torch.double)
    mask[artefact, :, :2, :2] = 1
    return Samples(torch.where(mask > 0, 1.0, x), y, artefact, mask)


@pytest.fixture(scope="module")
def learned():
    torch.manual_seed(0)
    layers = [nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(96, 8), nn.ReLU(), nn.Linear(8, 2)]
    graph = lrp.trace(nn.Sequential(*layers).double().eval(), torch.zeros(1, 1, 6, 6).double())
    data = planted()
    tuned = correct.tune(graph, data, data, epochs=25, batch_size=16, progress=False)
    return graph.having(tuned.params)


BOX = lrp.composites.epsilon_gamma_box(0.0, 1.0)


def test_the_artefact_is_located(learned):
    data = planted()
    ones = data.rows(data.y == 1)
    best = correct.best_place(learned, ones.x, ones.artefact)[0]
    assert best.auroc > 0.95 and best.pool == "full"
    v = correct.cav(correct.activations(learned, best.layer, ones.x), ones.artefact)
    with_it = ones.rows(ones.artefact)
    found = correct.masks(correct.localize(learned, best.layer, v, with_it.x, BOX))
    overlap = (found * with_it.mask).flatten(1).sum(1) / (found + with_it.mask).clamp(max=1).flatten(1).sum(1)
    assert overlap.mean() > 0.45


@pytest.mark.slow
@pytest.mark.parametrize("term", ["pasted", "insensitive", "right_reasons", "augment"])
def test_each_term_lowers_what_it_measures(learned, term):
    data, place = planted(), "1"
    ones = data.rows(data.y == 1)
    hidden = correct.activations(learned, place, ones.x)
    v = correct.cav(hidden, ones.artefact)
    gradient = lrp.relprop(learned, lrp.composites.GRADIENT)
    to = float(correct.component(hidden, v)[ones.artefact].mean())
    loss = {
        "pasted": lambda: correct.pasted(learned, data),
        "insensitive": lambda: correct.insensitive(gradient, place, v),
        "right_reasons": lambda: correct.right_reasons(lrp.relprop(lrp.canonize(learned), BOX)),
        "augment": lambda: correct.augment(learned, place, v, to),
    }[term]()
    fast = partial(torch.optim.Adam, lr=5e-3)
    tuned = correct.tune(learned, data, data, [loss], epochs=15, batch_size=16, optimizer=fast, progress=False)
    draw = torch.Generator().manual_seed(1)
    start, end = (float(loss(p, data, draw)) for p in (learned.params, tuned.params))
    assert end < 0.7 * start
    one = scaled(loss, learned.params, [data], seed=1)
    assert float(one(learned.params, data, torch.Generator().manual_seed(1))) == pytest.approx(1)


def test_insensitive_is_the_squared_directional_derivative(learned):
    """Against finite differences of the rest of the model."""
    data = planted(8)
    hidden = lrp.until(learned, "1")(learned.params, data.x)
    v = torch.randn(hidden.shape[1:]).double()
    v /= v.norm()
    rest, step = lrp.since(learned, "1"), 1e-6
    slope = (rest(learned.params, hidden + step * v) - rest(learned.params, hidden - step * v)) / (2 * step)
    signs = torch.randint(0, 2, slope.shape, generator=torch.Generator().manual_seed(5)).double() * 2 - 1
    loss = correct.insensitive(lrp.relprop(learned, lrp.composites.GRADIENT), "1", v)
    found = loss(learned.params, data, torch.Generator().manual_seed(5))
    assert float(found) == pytest.approx(float((slope * signs).sum(1).square().mean()), rel=1e-4)


def test_pasting_puts_the_artefact_of_a_source_where_it_was():
    data = planted()
    pasted = paste(data.x, data.rows(data.artefact), torch.Generator().manual_seed(0))
    assert (pasted[:, :, :2, :2] == 1).all() and torch.equal(pasted[:, :, 2:], data.x[:, :, 2:])
    with pytest.raises(ValueError, match="masks are empty"):
        correct.pasted(None, data.rows(~data.artefact))
    with pytest.raises(ValueError, match="0 at the start"):
        scaled(lambda params, data, generator: torch.zeros(()), {}, [data])


def test_the_same_seed_gives_the_same_and_a_killed_run_goes_on(learned, tmp_path):
    data = planted()
    tune = lambda epochs, **options: correct.tune(  # noqa: E731
        learned, data, data, [correct.pasted(learned, data)], epochs=epochs, patience=9, progress=False, **options
    )
    whole, again = tune(4), tune(4)
    tune(2, path=tmp_path / "state.pt")
    resumed = tune(4, path=tmp_path / "state.pt")
    for other in (again, resumed):
        assert other.held_out == whole.held_out
        assert all(torch.equal(whole.params[name], other.params[name]) for name in whole.params)
    with pytest.raises(ProjectError, match="of another run"):
        tune(4, path=tmp_path / "state.pt", seed=1)
    (tmp_path / "state.pt").write_bytes(b"no")
    with pytest.raises(ProjectError, match="no state of a correction"):
        tune(4, path=tmp_path / "state.pt")


def test_only_some_parameters_are_tuned(learned):
    data = planted()
    tuned = correct.tune(learned, data, data, epochs=1, only=lambda name: name.startswith("5"), progress=False)
    changed = {name for name, value in tuned.params.items() if not torch.equal(value, learned.params[name])}
    assert changed <= {"5.weight", "5.bias"}
    with pytest.raises(ValueError, match="no parameter is to be tuned"):
        correct.tune(learned, data, data, only=lambda name: False)


def test_reweighting_finds_the_features_that_hold_in_all_groups():
    """Features are (truth, artefact): balanced groups make the artefact's weight vanish."""
    generator = torch.Generator().manual_seed(0)
    y = torch.arange(400) % 2
    artefact = torch.rand(400, generator=generator) < torch.where(y == 1, 0.9, 0.1)
    noise = 0.3 * torch.randn(400, 2, generator=generator).double()
    x = torch.stack([y.double(), 3 * artefact.double()], 1) + noise
    model = nn.Sequential(nn.Identity(), nn.Linear(2, 2)).double().eval()
    graph = lrp.trace(model, x[:1])
    found = correct.reweight(graph, Samples(x, y, artefact))
    weight = found["1.weight"][1] - found["1.weight"][0]
    assert abs(weight[1]) < 0.1 * weight[0]
    assert float((graph(found, x).argmax(1) == y).double().mean()) > 0.9
    with pytest.warns(UserWarning, match="no held-out sample of class 0 with it"):
        correct.reweight(graph, Samples(x, y, artefact & (y == 1)))


def test_pruning_is_the_ridge_solution():
    """Each weight shrinks by the formula, and what is never used is gone."""
    generator = torch.Generator().manual_seed(0)
    x = torch.rand(50, 4, generator=generator).double()
    x[:, 3] = 0
    model = nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2)).double().eval()
    graph, y = lrp.trace(model, x[:1]), torch.arange(50) % 2
    found = correct.prune(graph, Samples(x, y), 0.5)
    hidden = model[0](x).relu()
    rho = (hidden > 0) * model[2].weight[y]
    both, alone = rho.square().T @ x.square() / 50, rho.square().mean(0)[:, None]
    factor = both / (both + 0.5 * x.square().mean() * alone)
    assert torch.allclose(found["0.weight"], model[0].weight * factor.nan_to_num(0))
    assert not found["0.weight"][:, 3].any() and torch.equal(found["0.bias"], model[0].bias)


def test_classification_is_cross_entropy(learned):
    data = planted()
    found = classification(learned)(learned.params, data, torch.Generator())
    assert torch.allclose(found, nn.functional.cross_entropy(learned(learned.params, data.x), data.y))


def test_samples_that_do_not_fit():
    with pytest.raises(ValueError, match="2 inputs but 3 of y"):
        Samples(torch.zeros(2, 1, 2, 2), torch.zeros(3, dtype=torch.long))
    with pytest.raises(ValueError, match="class number a sample"):
        Samples(torch.zeros(2, 3), torch.zeros(2))
    with pytest.raises(ValueError, match=r"mask must be \(sample, 1, 2, 2\)"):
        Samples(torch.zeros(2, 3, 2, 2), torch.zeros(2, dtype=torch.long), mask=torch.zeros(2, 1, 4, 4))


@pytest.fixture(scope="module")
def backgrounds():
    """Class 1 has a bright spot somewhere, and most of it a bright background, which the model reads the class off."""
    torch.manual_seed(0)
    y, bright = torch.arange(240) % 2, torch.arange(240) % 2 == 1
    bright[::40] = True
    bright[1::40] = False
    x = 0.2 + 0.6 * bright[:, None, None, None] + 0.02 * torch.randn(240, 1, 8, 8)
    where = torch.randint(0, 7, (240, 2))
    for one, (row, column), number in zip(x, where.tolist(), y.tolist(), strict=True):
        one[0, row : row + 2, column : column + 2] = 0.4 + 0.2 * number
    return x, y, bright, where


def test_what_is_the_samples_own_is_not_fitted(backgrounds):
    x, _, bright, where = backgrounds
    artefact, mask = correct.fitted(x, bright)
    own = torch.zeros(240, 1, 8, 8)
    for one, (row, column) in zip(own, where.tolist(), strict=True):
        one[0, row : row + 2, column : column + 2] = 1
    assert float(mask[own > 0].mean()) < 0.02 and float(mask[own == 0].mean()) > 0.97
    level = 0.2 + 0.6 * bright.double()
    assert ((artefact - level[:, None, None, None]).abs() < 0.15).all()  # of the spot, nothing is left
    again, swapped = correct.fitted(x, ~bright)
    assert torch.equal(again, artefact) and torch.equal(swapped, mask)


def test_nothing_to_exchange_is_said(backgrounds):
    x, y, bright, _ = backgrounds
    with pytest.raises(ValueError, match="all training samples carry the artefact, or none does"):
        correct.fitted(x, torch.ones(240, dtype=torch.bool))
    with pytest.raises(ValueError, match="differ at no place"):
        correct.fitted(torch.rand(240, 1, 8, 8), bright)
    with pytest.raises(ValueError, match="which sources carry the artefact"):
        correct.exchanged(None, Samples(x, y))  # type: ignore[arg-type]


@pytest.mark.slow
def test_exchanged_backgrounds_tell_nothing(backgrounds):
    """Also from the few exceptions, which is said."""
    x, y, bright, _ = backgrounds
    torch.manual_seed(2)
    model = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(128, 2))
    optimizer = torch.optim.Adam(model.parameters(), 2e-3)
    for _ in range(6):
        for rows in torch.randperm(240).split(32):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(x[rows]), y[rows]).backward()
            optimizer.step()
    graph, data = lrp.trace(model.eval(), x[:1]), Samples(x, y)
    with pytest.warns(UserWarning, match="speaks against it by .* the exceptions to a cue of another class"):
        found = correct.locate(graph, data, bright & (y == 0), lrp.composites.epsilon_plus())
    assert (correct.carrying(found, data) == bright).all()
    adam = partial(torch.optim.Adam, lr=5e-3)
    after = correct.correct(
        found, data, "exchange", epochs=60, patience=60, batch_size=16, optimizer=adam, progress=False
    )
    against = bright == (y == 0)

    def right(one):
        return float((one(one.params, x[against]).argmax(1) == y[against]).double().mean())

    assert right(graph) < 0.2 and right(after) > 0.7
