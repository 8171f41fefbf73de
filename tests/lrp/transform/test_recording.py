"""Recorded programs against the plain loops they are recorded from, and compiled ones."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from torch import nn

import lrp
from lrp import rules
from lrp.testing import networks, randomize
from lrp.transform.passes import backward, forward
from tests.support.networks import BOX, cnn, image, prepared


@settings(max_examples=3)
@given(networks())
def test_the_recorded_program_equals_the_plain_loops(network):
    model, x = network
    program, weights = prepared(model, x, lrp.composites.epsilon_gamma_box(-10.0, 10.0))
    output, pullback = program(weights, x)
    with torch.no_grad():
        env, bound = forward(program.graph, program.plan, weights, [x])
        (relevance,) = backward(program.graph, program.plan, weights, env, bound, output)
    torch.testing.assert_close(pullback(output), relevance, rtol=1e-9, atol=1e-12)


def test_compile_in_one_graph_equals_eager():
    x = image()
    program, weights = prepared(cnn(), x, BOX)
    seed = torch.randn(2, 3, dtype=torch.float64)

    def relevance(weights, x, seed):
        return program(weights, x)[1](seed)

    compiled = torch.compile(relevance, fullgraph=True, backend="aot_eager")
    torch.testing.assert_close(compiled(weights, x, seed), relevance(weights, x, seed))
    torch._dynamo.reset()


def test_compile_with_the_default_backend_equals_eager():
    x = torch.randn(3, 5, dtype=torch.float64)
    model = randomize(nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3)), 2)
    program, weights = prepared(model, x, lrp.composites.epsilon_plus())
    seed = torch.randn(3, 3, dtype=torch.float64)

    def relevance(weights, x, seed):
        return program(weights, x)[1](seed)

    torch.testing.assert_close(torch.compile(relevance, fullgraph=True)(weights, x, seed), relevance(weights, x, seed))
    torch._dynamo.reset()


def test_a_compiled_explainer_equals_the_plain_one():
    x = torch.randn(3, 5, dtype=torch.float64)
    model = randomize(nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3)), 2)
    plain, compiled = (lrp.explainer(model, x, lrp.composites.epsilon_plus(), compile=c) for c in (False, True))
    for one, other in zip(plain(x), compiled(x), strict=True):
        torch.testing.assert_close(one, other)
    torch._dynamo.reset()


def test_code_is_readable_and_free_of_the_model():
    program, _ = prepared(cnn(), image(), BOX)
    assert program.code.count("def forward") == 2
    assert "aten.convolution" in program.code
    assert not any(n.op == "get_attr" for n in program.backward.graph.nodes)


class Tokens(nn.Module):
    """Dense layers and self-attention on `(batch, token, feature)`."""

    def __init__(self):
        super().__init__()
        self.attend, self.dense = nn.MultiheadAttention(8, 2, batch_first=True), nn.Linear(8, 3)

    def forward(self, x):
        return self.dense(x + self.attend(x, x, x, need_weights=False)[0]).mean(1)


class Windows(nn.Module):
    """Self-attention within windows: the batch moves through the axes, as in Swin and MaxViT."""

    def __init__(self):
        super().__init__()
        self.mix, self.classify = nn.Linear(8, 24), nn.Linear(8, 3)

    def forward(self, x):
        tokens = x.reshape(-1, 2, 4, 8).transpose(1, 2).reshape(-1, 2, 8)
        q, k, v = self.mix(tokens).reshape(-1, 2, 3, 2, 4).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(-1, 4, 2, 8).permute(0, 3, 1, 2)
        return self.classify(F.adaptive_avg_pool2d(mixed, 1).flatten(1))


class Normalized(nn.Module):
    """RMS norm: its backward formula writes into a tensor of its own."""

    def __init__(self):
        super().__init__()
        self.norm, self.dense = nn.RMSNorm(8), nn.Linear(8, 3)

    def forward(self, x):
        return self.dense(self.norm(x).mean(1))


@pytest.mark.parametrize("make", [Tokens, Windows, Normalized])
def test_recorded_programs_do_what_the_loops_do_for_any_batch_size(make):
    model = randomize(make(), 0)
    graph = lrp.canonize(lrp.trace(model, torch.zeros(1, 8, 8, dtype=torch.float64)))
    program = lrp.relprop(graph, lrp.composites.epsilon_plus())
    weights = program.prepare(graph.params)
    for batch in (1, 2, 5):
        x = torch.randn(batch, 8, 8, dtype=torch.float64)
        output, pullback = program(weights, x)
        seed = torch.randn_like(output)
        with torch.no_grad():
            env, bound = forward(graph, program.plan, weights, [x])
            (expected,) = backward(graph, program.plan, weights, env, bound, seed)
        torch.testing.assert_close(output, model(x).detach())
        torch.testing.assert_close(pullback(seed), expected)
        assert expected.abs().sum() > 0.01
        account = lrp.audit(program, weights, x, seed)
        assert float(abs(account.residual / account.scale).max()) < 1e-12
        torch.testing.assert_close(torch.from_numpy(account.input.values), pullback(seed).sum((1, 2)))


def test_operators_that_write_into_tensors_are_recorded_as_copies():
    """A program is cut in two by its data flow, where a write into a tensor would be lost."""
    model = randomize(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU()), 0)
    x = torch.randn(2, 3, 6, 6, dtype=torch.float64)

    def propagate(op, weights, inputs, output, relevance):
        ours = torch.zeros_like(inputs[0])
        ours[:, :, 1:, 1:] += inputs[0][:, :, 1:, 1:] * relevance.sum((1, 2, 3), keepdim=True)
        return (ours,)

    writing = rules.Rule(propagate, name="writing")
    _, relevance = lrp.explainer(model, x, [("linear", writing)])(x, torch.ones(2, 4, 4, 4, dtype=torch.float64))
    expected = x * 16 * 4
    expected[:, :, 0], expected[:, :, :, 0] = 0, 0
    torch.testing.assert_close(relevance, expected)


def test_dense_layers_on_tokens_take_any_batch_size():
    model = randomize(nn.Sequential(nn.Linear(8, 6), nn.ReLU(), nn.Linear(6, 3)), 0)
    explain = lrp.explainer(model, torch.zeros(1, 4, 8, dtype=torch.float64), lrp.composites.epsilon_plus())
    x = torch.randn(5, 4, 8, dtype=torch.float64)
    seed = torch.randn(5, 4, 3, dtype=torch.float64)
    output, relevance = explain(x, seed)
    torch.testing.assert_close(output, model(x).detach())
    torch.testing.assert_close(torch.cat([explain(x[i : i + 1], seed[i : i + 1])[1] for i in range(5)]), relevance)


@pytest.mark.parametrize("pool", [nn.AdaptiveAvgPool2d(2), nn.AdaptiveAvgPool2d(4), nn.MaxPool2d(3)])
def test_an_explainer_can_be_mapped_over_single_images(pool):
    """A recorded program asks for sizes in a way that vmap knows."""
    model, x = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), pool, nn.Flatten()), image(3)
    explain = lrp.explainer(randomize(model, 0), x, lrp.composites.epsilon_plus())
    mapped = torch.func.vmap(lambda one: explain(one[None], 1), out_dims=1)(x)
    for found, expected in zip(mapped, explain(x, 1), strict=True):
        torch.testing.assert_close(found[0], expected)
