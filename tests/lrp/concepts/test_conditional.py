"""Conditions on channels and bases of layers, against masks by hand and the part of a model below a layer."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import lrp
from lrp.testing import lrp_composites, networks, randomize
from tests.support.networks import BOX, cnn, image, prepared

CLOSE = {"rtol": 1e-9, "atol": 1e-11}


class Block(nn.Module):
    """A residual block, so that there is a path beside `inner`."""

    def __init__(self):
        super().__init__()
        self.stem, self.inner, self.outer = (nn.Conv2d(a, 4, 3, padding=1) for a in (3, 4, 4))
        self.act, self.head = nn.ReLU(), nn.Linear(4 * 36, 3)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        return self.head(torch.relu(x + self.outer(self.act(self.inner(x)))).flatten(1))


@pytest.fixture(scope="module")
def block():
    x = image(2)
    program, weights = prepared(randomize(Block(), 0), x, BOX)
    output, pullback = program(weights, x)
    return program, x, pullback, torch.randn(output.shape, dtype=torch.double)


@pytest.mark.slow
@settings(max_examples=10)
@given(networks(), lrp_composites(), st.integers(1, 5))
def test_all_channels_add_up_to_the_relevance(network, composite, chunk):
    model, x = network
    program, weights = prepared(model, x, composite)
    output, pullback = program(weights, x)
    layer = next(
        n for n in reversed(program.graph.fx.nodes) if n is not program.graph.output and n.op == "call_function"
    )
    seed = torch.ones_like(output)
    axes = {layer.name: 1}
    parts = lrp.conditions(pullback, seed, {layer.name: None}, axes=axes, chunk=chunk)
    whole = pullback(seed)
    torch.testing.assert_close(parts.sum(0), whole, rtol=1e-9, atol=1e-9 * float(whole.abs().max()))


def test_channels_of_one_entry_are_or_and_layers_are_and(block):
    _, x, pullback, seed = block
    found = lrp.conditions(pullback, seed, {"act": [0, [1, 3], torch.tensor([2])], "stem": [[0, 1]]})
    assert found.shape == (3, *x.shape)
    one = torch.eye(4, dtype=torch.double)[:, :, None, None]
    for got, act in zip(found, (one[0], one[1] + one[3], one[2]), strict=True):
        torch.testing.assert_close(got, pullback(seed, mask={"act": act, "stem": one[0] + one[1]}), **CLOSE)


def test_only_through_the_layer_is_the_part_below_it_seeded_with_the_masked_relevance(block):
    program, x, pullback, seed = block
    part = lrp.until(program.graph, "inner")
    below = lrp.relprop(part, program.composite)
    from_layer = below(below.prepare(part.params), x)[1]
    relevance = pullback(seed, at=["inner"])[1]["inner"].relevance
    only = lrp.conditions(pullback, seed, {"inner": range(4)}, beside=False)
    for channel in range(4):
        masked = torch.zeros_like(relevance)
        masked[:, channel] = relevance[:, channel]
        torch.testing.assert_close(only[channel], from_layer(masked), **CLOSE)
    beside = lrp.conditions(pullback, seed, {"inner": [[0]]}) - only[0]
    none = pullback(seed, mask={"inner": torch.zeros(4, 1, 1, dtype=torch.double)})
    torch.testing.assert_close(beside[0], none, **CLOSE)
    assert none.abs().max() > 0


def test_where_a_layer_cuts_the_model_both_meanings_are_one():
    x = image()
    program, weights = prepared(cnn(), x, BOX)
    output, pullback = program(weights, x)
    both = [lrp.conditions(pullback, output, {"3": None}, beside=beside) for beside in (True, False)]
    torch.testing.assert_close(*both, **CLOSE)
    torch.testing.assert_close(both[0].sum(0), pullback(output), **CLOSE)


def test_what_fits_no_layer_is_said(block):
    _, _, pullback, seed = block
    for channels, message in (
        ({"inner": [4]}, "has 4 channels, 0 to 3; got 4"),
        ({"inner": [[]]}, "of no channel"),
        ({}, "at least one layer"),
        ({"inner": [0, 1], "stem": [0, 1, 2]}, "3 conditions, but {'inner': 2}"),
    ):
        with pytest.raises(ValueError, match=message):
            lrp.conditions(pullback, seed, channels)
    with pytest.raises(KeyError, match="no layer or node 'outerr'"):
        lrp.conditions(pullback, seed, {"outerr": [0]})


def test_layers_that_no_path_passes_one_after_the_other_are_an_error():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.left, self.right, self.head = nn.Linear(3, 4), nn.Linear(3, 4), nn.Linear(4, 2)

        def forward(self, x):
            return self.head(torch.relu(self.left(x)) * 2 + torch.relu(self.right(x)))

    x = torch.rand(2, 3, dtype=torch.double)
    program, weights = prepared(randomize(Two(), 0), x, lrp.composites.epsilon_plus())
    output, pullback = program(weights, x)
    with pytest.raises(ValueError, match="no path leads through all of left, right"):
        lrp.conditions(pullback, output, {"left": [0], "right": [0]}, beside=False)
    assert lrp.conditions(pullback, output, {"left": [0], "right": [0]}).shape == (1, 2, 3)


@pytest.mark.parametrize("layer, count", [("act", 4), ("act", 3), ("stem", 1)])
def test_a_basis_leaves_output_and_relevance_and_its_concepts_are_channels(block, layer, count):
    channels = 4
    program, x, pullback, seed = block
    u = torch.randn(channels, count, dtype=torch.double)
    turned = lrp.basis(program.graph, layer, u)
    again = lrp.relprop(turned, program.composite)
    output, pull = again(again.prepare(turned.params), x)
    torch.testing.assert_close(output, program.graph(program.graph.params, x), **CLOSE)
    relevance, hidden = pull(seed, at=[layer, f"{layer}.basis"])
    whole = pullback(seed, at=[layer])
    torch.testing.assert_close(relevance, whole[0], rtol=1e-10, atol=1e-10)
    torch.testing.assert_close(hidden[layer].activation, whole[1][layer].activation, **CLOSE)
    a, r = whole[1][layer]
    context = torch.where(a == 0, 0, r / torch.where(a == 0, 1, a))
    h, c = (torch.einsum("bchw,ck->bkhw", part, weight) for part, weight in ((a, torch.linalg.pinv(u).T), (context, u)))
    torch.testing.assert_close(hidden[f"{layer}.basis"].activation, h, **CLOSE)
    torch.testing.assert_close(hidden[f"{layer}.basis"].relevance, h * c, rtol=1e-8, atol=1e-9)
    if count == channels:
        parts = lrp.conditions(pull, seed, {f"{layer}.basis": None}, beside=False)
        through = lrp.conditions(pullback, seed, {layer: [range(channels)]}, beside=False)[0]
        torch.testing.assert_close(parts.sum(0), through, rtol=1e-8, atol=1e-9)


def test_a_basis_is_of_dense_layers_too_and_does_not_count_among_a_composites_rows():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(3, 6), nn.ReLU(), nn.Linear(6, 4), nn.ReLU(), nn.Linear(4, 2)).double().eval()
    x = torch.rand(5, 3, dtype=torch.double)
    composite = [*(lrp.composites.last(("linear", lrp.rules.z_plus())),), ("linear", lrp.rules.epsilon())]
    graph = lrp.trace(model, x)
    plain = lrp.explainer(graph, composite)(x, 0).relevance
    turned = lrp.basis(graph, "3", torch.linalg.qr(torch.randn(4, 4, dtype=torch.double)).Q)
    torch.testing.assert_close(lrp.explainer(turned, composite)(x, 0).relevance, plain, rtol=1e-10, atol=1e-12)
    with pytest.raises(ValueError, match=r"a basis of 3 is \(4, concepts\)"):
        lrp.basis(graph, "3", torch.eye(5))
    with pytest.raises(ValueError, match="depend on one another"):
        lrp.basis(graph, "3", torch.ones(4, 2))


class Encoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(20, 8)
        self.layer, self.head = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True), nn.Linear(8, 3)

    def forward(self, ids):
        return self.head(self.layer(self.table(ids)).mean(1))


@pytest.mark.parametrize("free", [None, {1: "length"}])
def test_channels_of_a_transformer_add_up_whatever_the_batch(free):
    ids = torch.randint(0, 20, (5, 7 if free else 6))
    explain = lrp.explainer(
        randomize(Encoder(), 0), ids[:2, :6], lrp.composites.attn_lrp(softmax="constant"), free=free
    )
    output, pullback = explain.program(explain.weights, ids)  # the first call of the masked program is inside of vmap
    each = lrp.conditions(pullback, output, {"layer.norm1": None})
    torch.testing.assert_close(each.sum(0), pullback(output), **CLOSE)


class Beside(nn.Module):
    """A path with a winner of its own beside `inner`."""

    def __init__(self):
        super().__init__()
        self.stem, self.inner, self.head = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 4, 3, 2, 1), nn.Linear(36, 3)

    def forward(self, x):
        x = torch.relu(self.stem(x))
        return self.head((self.inner(x) + nn.functional.max_pool2d(x, 2)).flatten(1))


def test_what_only_a_path_beside_the_layer_reads_may_be_left_out():
    program, weights = prepared(randomize(Beside(), 0), image(2), BOX)
    output, pullback = program(weights, image(2))
    each = lrp.conditions(pullback, output, {"inner": None}, beside=False)
    whole = pullback(output, mask={"inner": torch.ones(1, dtype=torch.double)}, beside=False)
    torch.testing.assert_close(each.sum(0), whole, **CLOSE)
    assert (pullback(output) - whole).abs().max() > 0.01
