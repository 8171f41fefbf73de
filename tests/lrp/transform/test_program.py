import weakref

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import lrp
from lrp import rules
from lrp.testing import assert_conserves, lrp_composites, networks, randomize
from tests.support.networks import BOX, Functional, Shared, cnn, image, prepared


@settings(max_examples=10)
@given(networks(), lrp_composites(), st.integers(0, 9))
def test_random_networks_conserve_relevance(network, composite, seed):
    model, x = network
    explain = lrp.explainer(model, x, composite)
    start = torch.randn(2, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    assert_conserves(explain, x, start)


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


CATS = {
    "channels": lambda a, b: torch.cat([a, b], 1),
    "last axis": lambda a, b: torch.cat([b[..., :2], a], -1),
    "one twice": lambda a, b: torch.cat([a, b, a], 1),
    "two types": lambda a, b: torch.cat([a.float(), b], 1),
    "with a constant": lambda a, b: torch.cat([a, torch.ones_like(b), b], 2),
}


@pytest.mark.parametrize("cat", CATS.values(), ids=CATS)
def test_the_exact_rule_gives_the_gradient_through_concatenations(cat):
    class Model(nn.Module):
        def forward(self, x):
            return cat(x * 2, x[:, :2] * 3)

    x = torch.randn(3, 2, 4, 5, dtype=torch.float64, requires_grad=True)
    explain = lrp.explainer(Model().eval(), x[:2].detach(), [(lambda op: True, rules.exact())])
    seed = torch.randn_like(explain(x.detach(), lambda z: z).output)
    (gradient,) = torch.autograd.grad(Model()(x), x, seed)
    torch.testing.assert_close(explain(x.detach(), lambda z: seed).relevance, gradient)


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
    torch.testing.assert_close(explain(x, (0,))[1], closed_form(x))
    second = torch.func.grad(lambda x: explain(x, (0,))[1].square().sum())(x)
    torch.testing.assert_close(second, torch.func.grad(lambda x: closed_form(x).square().sum())(x))
    assert second.abs().max() > 1e-3


class Unknown(nn.Module):
    def __init__(self):
        super().__init__()
        self.one, self.two = nn.Linear(3, 3), nn.Linear(3, 3)

    def forward(self, x):
        return torch.fft.rfft(self.two(torch.cumprod(self.one(x), 1))).real


def test_all_nodes_without_a_rule_are_listed_at_once():
    with pytest.raises(lrp.MissingRule) as error:
        lrp.relprop(lrp.trace(Unknown().eval(), torch.zeros(2, 3)), [("dense", rules.epsilon())])
    lines = str(error.value).splitlines()
    assert lines[0].startswith("no rule for ")
    text = "\n".join(lines[1:])
    assert "cumprod in layer (top), output (batch, 3), unknown operator: give a rule of your own" in text
    assert "fft" in text
    assert all("give a rule" in line for line in lines[1:])


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


@pytest.mark.slow
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


def test_an_explainer_takes_a_model_of_several_outputs():
    from tests.lrp.graph.test_tracing import TwoInputs

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
    assert "data:image/svg+xml" in plain._repr_html_()  # two numbers of a dense layer are a table
