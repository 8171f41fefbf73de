import weakref

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from networks import Functional, Shared, image
from torch import nn

import lrp
from lrp import rules
from lrp.passes import backward, forward
from lrp.testing import assert_conserves, lrp_composites, networks, randomize


def prepared(model, x, composite):
    graph = lrp.canonize(lrp.trace(model, x))
    program = lrp.relprop(graph, composite)
    return program, program.prepare(graph.params)


def cnn():
    layers = [
        nn.Conv2d(3, 4, 3, padding=1),
        nn.BatchNorm2d(4),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(4, 4, 3),
        nn.ReLU(),
    ]
    return randomize(nn.Sequential(*layers, nn.Flatten(), nn.Linear(4, 3)), 1)


BOX = lrp.composites.epsilon_gamma_box(0.0, 1.0)


@settings(max_examples=10)
@given(networks(), lrp_composites(), st.integers(0, 9))
def test_random_networks_conserve_relevance(network, composite, seed):
    model, x = network
    explain = lrp.explainer(model, x, composite)
    start = torch.randn(2, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert_conserves(explain, x, start)


@settings(max_examples=3)
@given(networks())
def test_the_recorded_program_equals_the_plain_loops(network):
    model, x = network
    program, weights = prepared(model, x, lrp.composites.epsilon_gamma_box(-10.0, 10.0))
    output, pullback = program(weights, x)
    with torch.no_grad():
        env, bound = lrp.passes.forward(program.graph, program.plan, weights, [x])
        (relevance,) = lrp.passes.backward(program.graph, program.plan, weights, env, bound, output)
    torch.testing.assert_close(pullback(output), relevance, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("make", [cnn, lambda: randomize(Functional(), 0), lambda: randomize(Shared(), 0)])
def test_vmap_of_the_pullback_equals_a_loop(make):
    x = image()
    program, weights = prepared(make(), x, BOX)
    output, pullback = program(weights, x)
    seeds = torch.randn(5, *output.shape, dtype=torch.float64)
    torch.testing.assert_close(torch.func.vmap(pullback)(seeds), torch.stack([pullback(seed) for seed in seeds]))


def test_grad_through_a_relevance_is_the_numerical_derivative_in_input_and_parameters():
    x = image()
    model = cnn()
    graph = lrp.canonize(lrp.trace(model, x))
    program = lrp.relprop(graph, lrp.composites.epsilon_plus())
    seed = torch.randn(2, 3, dtype=torch.float64)
    probe = torch.randn_like(x)

    def objective(params, x):
        return (program(program.prepare(params), x)[1](seed) * probe).sum()

    params = {k: v for k, v in graph.params.items() if v.is_floating_point()}
    by_params, by_input = torch.func.grad(objective, argnums=(0, 1))(params, x)
    step = 1e-6
    for name in ("0.weight", "1.weight", "1.running_var", "4.bias", "7.weight"):
        direction = torch.randn_like(params[name])
        moved = [objective(params | {name: params[name] + sign * step * direction}, x) for sign in (1, -1)]
        numerical = (moved[0] - moved[1]) / (2 * step)
        torch.testing.assert_close((by_params[name] * direction).sum(), numerical, rtol=1e-4, atol=1e-6)
    direction = torch.randn_like(x)
    numerical = (objective(params, x + step * direction) - objective(params, x - step * direction)) / (2 * step)
    torch.testing.assert_close((by_input * direction).sum(), numerical, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("in_place", [False, True])
def test_beta_smooth_has_second_derivatives_also_with_shared_and_in_place_relus(in_place):
    relu = nn.ReLU(inplace=in_place)
    layers = [nn.Linear(4, 6, bias=False), relu, nn.Linear(6, 6, bias=False), relu, nn.Linear(6, 1, bias=False)]
    model = randomize(nn.Sequential(*layers), 3)
    x = torch.randn(2, 4, dtype=torch.float64)
    w1, w2, w3 = (model[i].weight.detach() for i in (0, 2, 4))

    def closed_form(x):
        one = x @ w1.T
        two = torch.relu(one) @ w2.T
        return ((w3 * torch.sigmoid(5 * two)) @ w2 * torch.sigmoid(5 * one)) @ w1

    explain = lrp.explainer(model, x, lrp.composites.beta_smooth(beta_smooth=5.0))
    torch.testing.assert_close(explain(x, 0)[1], closed_form(x))
    second = torch.func.grad(lambda x: explain(x, 0)[1].square().sum())(x)
    torch.testing.assert_close(second, torch.func.grad(lambda x: closed_form(x).square().sum())(x))
    assert second.abs().max() > 1e-3


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


class Unknown(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x):
        return torch.fft.rfft(self.two(torch.erf(self.one(x)))).real


def test_all_nodes_without_a_rule_are_listed_at_once():
    with pytest.raises(lrp.MissingRule) as error:
        lrp.relprop(lrp.trace(Unknown().eval(), torch.zeros(2, 3)), [("dense", rules.epsilon())])
    lines = str(error.value).splitlines()
    assert lines[0].startswith("no rule for ")
    text = "\n".join(lines[1:])
    assert "erf in layer (top), output (batch, 3), unknown operator; if you know how" in text
    assert "fft" in text
    assert all("add a row" in line for line in lines[1:])


def test_linear_layers_have_no_silent_default():
    with pytest.raises(
        lrp.MissingRule, match=r"linear: linear in layer \(top\), output \(batch, 2\), kind linear; add a row"
    ):
        lrp.relprop(lrp.trace(nn.Linear(2, 2).eval(), torch.zeros(1, 2)), [])


def test_a_rule_that_does_not_fit_is_named_with_its_place():
    model = nn.Sequential(nn.Linear(4, 4), nn.AdaptiveAvgPool1d(2)).eval()
    composite = [("sum", rules.pass_through()), ("linear", rules.epsilon())]
    with pytest.raises(ValueError, match=r"the rule pass_through\(\) does not fit .*in layer 1.*changes it"):
        lrp.relprop(lrp.trace(model, torch.zeros(2, 4)), composite)


def test_targets():
    x = image(4)
    explain = lrp.explainer(cnn(), x, BOX)
    output, predicted = explain(x)
    classes = output.argmax(1)
    torch.testing.assert_close(explain(x, classes)[1], predicted)
    torch.testing.assert_close(explain(x, nn.functional.one_hot(classes, 3).double())[1], predicted)
    torch.testing.assert_close(explain(x, lambda out: torch.eye(3, dtype=out.dtype)[out.argmax(1)])[1], predicted)
    torch.testing.assert_close(explain(x, 2)[1], explain(x, torch.tensor([2] * 4))[1])


@pytest.mark.parametrize(
    ("target", "error", "message"),
    [
        (3, IndexError, "class 3 does not exist: the model has classes 0 to 2"),
        (-1, IndexError, "class -1 does not exist"),
        (torch.tensor([0, 1]), ValueError, r"one for each of the 4 samples; got shape \(2,\)"),
        (torch.zeros(4, 2), ValueError, r"output's shape \(4, 3\), got \(4, 2\)"),
        (torch.tensor([True] * 4), TypeError, "classes must be integers"),
        (lambda out: out.sum(), ValueError, r"must return a seed of shape \(4, 3\)"),
    ],
)
def test_wrong_targets_are_explained(target, error, message):
    explain = lrp.explainer(cnn(), image(4), BOX)
    with pytest.raises(error, match=message):
        explain(image(4), target)


def test_a_seed_of_another_shape_is_an_error():
    program, weights = prepared(cnn(), image(), BOX)
    _, pullback = program(weights, image())
    with pytest.raises(ValueError, match=r"output's shape \(2, 3\), got \(2, 4\)"):
        pullback(torch.zeros(2, 4))


def test_prepare_names_missing_parameters():
    program, _ = prepared(cnn(), image(), BOX)
    with pytest.raises(KeyError, match=r"params lack 0\.bias, 0\.weight"):
        program.prepare({})


def test_hidden_layers_hold_what_they_pass_on():
    x = image()
    program, weights = prepared(
        cnn(), x, lrp.composites.epsilon_plus(zero_params="bias", stabilizer=1e-12, epsilon=1e-12)
    )
    output, pullback = program(weights, x)
    relevance, hidden = pullback(output, at=["1", "3"])
    torch.testing.assert_close(relevance, pullback(output))
    torch.testing.assert_close(hidden["3"].activation, cnn()[:4](x))
    torch.testing.assert_close(hidden["1"].activation, cnn()[:2](x))
    torch.testing.assert_close(hidden["3"].relevance.sum((1, 2, 3)), hidden["1"].relevance.sum((1, 2, 3)))
    part = lrp.until(program.graph, "3")
    inner = lrp.relprop(part, program.composite)
    activation, pull = inner(inner.prepare(part.params), x)
    torch.testing.assert_close(activation, hidden["3"].activation)
    torch.testing.assert_close(pull(hidden["3"].relevance), relevance)


def test_masks_of_all_channels_add_up_to_the_whole():
    x = image()
    program, weights = prepared(cnn(), x, BOX)
    output, pullback = program(weights, x)
    masks = torch.eye(4, dtype=torch.float64)[:, :, None, None]
    parts = [pullback(output, mask={"3": mask}) for mask in masks]
    torch.testing.assert_close(sum(parts), pullback(output))
    assert all(part.abs().sum() > 0 for part in parts)
    none, hidden = pullback(output, mask={"3": torch.zeros(4, 1, 1, dtype=torch.float64)}, at=["3"])
    assert not none.any() and not hidden["3"].relevance.any()


@pytest.mark.parametrize("composite", [BOX, lrp.composites.epsilon_alpha2_beta1_flat()], ids=["box", "flat"])
def test_weight_relevance_sums_to_what_the_layer_passes_on(composite):
    x = image()
    program, weights = prepared(cnn(), x, composite)
    output = program(weights, x)[0].detach()
    account = lrp.audit(program, weights, x, output)
    for layer in ("0", "4", "7"):
        (found,) = lrp.weight_relevance(program, weights, x, output, layer).values()
        assert found.shape == cnn().get_parameter(f"{layer}.weight").shape
        node = program.graph.find(layer).name
        assert float(found.sum()) == pytest.approx(float(account.passed.sel(node=node).sum()), rel=1e-9)
    with pytest.raises(ValueError, match="has no weights"):
        lrp.weight_relevance(program, weights, x, output, "3")


def test_a_dense_weights_relevance_in_closed_form():
    model = randomize(nn.Linear(3, 2), 0)
    x = torch.randn(4, 3, dtype=torch.float64)
    program, weights = prepared(model, x, [("linear", rules.epsilon(1e-9))])
    seed = torch.randn(4, 2, dtype=torch.float64)
    z = model(x).detach()
    expected = torch.einsum("bi,oi,bo->oi", x, model.weight.detach(), seed / rules.stabilize(z, 1e-9))
    torch.testing.assert_close(lrp.weight_relevance(program, weights, x, seed, "linear")["weight"], expected)


def test_one_and_three_dimensional_convolutions_and_pixel_targets():
    for dims, conv in ((1, nn.Conv1d), (3, nn.Conv3d)):
        model = randomize(nn.Sequential(conv(2, 3, 3, padding=1), nn.ReLU(), conv(3, 2, 1)), 0)
        x = torch.rand(2, 2, *[5] * dims, dtype=torch.float64)
        explain = lrp.explainer(model, x, BOX)
        pixel = torch.zeros(2, 2, *[5] * dims, dtype=torch.float64)
        pixel[:, 1, 2] = 1.0
        output, relevance = explain(x, pixel)
        assert output.shape == pixel.shape and relevance.shape == x.shape
        assert_conserves(explain, x, pixel)


def test_the_plan_is_a_table():
    graph = lrp.canonize(lrp.trace(cnn(), image()))
    table = lrp.plan(graph, BOX)
    text = repr(table).splitlines()
    assert text[0].split() == ["node", "layer", "operator", "kind", "rule", "output", "facts"]
    assert len(text) == len(table) + 1
    assert table.to_dataframe().rule.str.startswith("z_box").sum() == 1
    assert table.to_xarray().sizes["node"] == len(table)
    assert table[0]["layer"] == "0" and table[0]["facts"] == "relevance cut"


def test_the_audit_names_bias_and_stabilizer():
    model = randomize(nn.Linear(3, 2), 0)
    x = torch.randn(4, 3, dtype=torch.float64)
    program, weights = prepared(model, x, [("linear", rules.epsilon(0.5))])
    seed = torch.randn(4, 2, dtype=torch.float64)
    account = lrp.audit(program, weights, x, seed).isel(node=0)
    z = model(x).detach()
    stable = rules.stabilize(z, 0.5)
    torch.testing.assert_close(torch.as_tensor(account.bias.values), (model.bias / stable * seed).detach().sum(1))
    torch.testing.assert_close(torch.as_tensor(account.stabilizer.values), ((stable - z) / stable * seed).sum(1))
    assert abs(account.dropped).max() < 1e-12
    total = account.input + account.bias + account.stabilizer
    torch.testing.assert_close(torch.as_tensor(total.values), seed.sum(1))


def test_code_is_readable_and_free_of_the_model():
    program, _ = prepared(cnn(), image(), BOX)
    assert program.code.count("def forward") == 2
    assert "aten.convolution" in program.code
    assert not any(n.op == "get_attr" for n in program.backward.graph.nodes)


def test_a_segmentation_model_with_a_class_and_a_pixel():
    from lrp._torchvision import torchvision

    make = torchvision().models.segmentation.lraspp_mobilenet_v3_large
    model = randomize(make(weights=None, weights_backbone=None, num_classes=3), 0)
    x = torch.randn(1, 3, 32, 32, dtype=torch.float64)
    graph = lrp.canonize(lrp.trace(model, x, output="out"))
    program = lrp.relprop(graph, lrp.composites.epsilon_plus())
    weights = program.prepare(graph.params)
    output, pullback = program(weights, x)
    seed = torch.zeros_like(output)
    seed[:, 2, 20, 10] = 1.0
    assert pullback(seed).shape == x.shape
    account = lrp.audit(program, weights, x, seed)
    assert float((abs(account.residual) / account.scale).max()) < 1e-10


def test_a_compiled_explainer_equals_the_plain_one():
    x = torch.randn(3, 5, dtype=torch.float64)
    model = randomize(nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3)), 2)
    plain, compiled = (lrp.explainer(model, x, lrp.composites.epsilon_plus(), compile=c) for c in (False, True))
    for one, other in zip(plain(x), compiled(x), strict=True):
        torch.testing.assert_close(one, other)
    torch._dynamo.reset()


def test_an_explainer_takes_a_model_of_several_outputs():
    from test_trace import TwoInputs

    model = randomize(TwoInputs(), 0)
    x = (torch.randn(5, 4).double(), torch.randn(5, 2).double())
    output, relevance = lrp.explainer(model, x, lrp.composites.epsilon_plus(), output="logits")(x, 1)
    assert output.shape == (5, 3) and [r.shape for r in relevance] == [t.shape for t in x]


def test_a_pullback_can_be_used_up_for_less_memory():
    program, weights = prepared(cnn(), image(), BOX)
    output, pullback = program(weights, image(3))
    expected = pullback(output)
    tensors = [value for value in pullback.kept if isinstance(value, torch.Tensor) and value is not output]
    kept = [weakref.ref(value) for value in tensors]
    del tensors
    torch.testing.assert_close(pullback.once(output), expected)
    assert not any(alive() is not None for alive in kept)
    for again in (pullback, pullback.once):
        with pytest.raises(ValueError, match="used up"):
            again(output)


def test_a_notebook_shows_explanations_as_pictures():
    explain = lrp.explainer(cnn(), image(), BOX)
    shown = explain(image(3), 1)
    output, relevance = shown
    assert output.shape == (3, 3) and relevance.shape == (3, 3, 6, 6)
    assert shown._repr_html_().count("data:image/png;base64,") == 3
    plain = lrp.explainer(nn.Linear(2, 2).eval(), torch.zeros(1, 2), lrp.composites.epsilon_plus())(torch.ones(1, 2))
    assert plain._repr_html_().startswith("<pre>")


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


class ClassToken(nn.Module):
    """A token that the model brings with it, in front of those of the input."""

    def __init__(self):
        super().__init__()
        self.token, self.dense = nn.Parameter(torch.ones(1, 1, 4)), nn.Linear(12, 3)

    def forward(self, x):
        return self.dense(torch.cat([self.token.expand(len(x), -1, -1), x], 1).flatten(1))


def test_the_audit_books_a_class_token_under_bias():
    model = randomize(ClassToken(), 0)
    x = torch.randn(3, 2, 4, dtype=torch.float64)
    program, weights = prepared(model, x, lrp.composites.epsilon_plus(zero_params="bias"))
    output, pullback = program(weights, x)
    account = lrp.audit(program, weights, x, output.detach())
    cat = account.isel(node=list(account.operator.values).index("cat"))
    assert abs(cat.dropped).max() < 1e-12 < abs(cat.bias).min()
    torch.testing.assert_close(torch.from_numpy((cat.arrived - cat.bias).values), pullback(output.detach()).sum((1, 2)))


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
