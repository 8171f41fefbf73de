"""Every rule on every kind of linear layer against its closed form on the explicit matrix, in float64."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import lrp
from lrp import rules
from lrp.testing import Layer, linear_layers, randomize
from tests.support.layers import LAYERS, matrix, name, operator, propagate
from tests.support.oracles import CASES, alpha_beta


def closed_form(oracle, layer, x, relevance):
    W, b = matrix(layer)
    rows = [oracle(a.flatten(), W, b, r.flatten()) for a, r in zip(x, relevance, strict=True)]
    return torch.stack(rows).view_as(x)


@pytest.mark.parametrize("sign", ["signed", "nonnegative", "zeros"])
@pytest.mark.parametrize("layer", LAYERS, ids=name)
def test_rules_equal_their_closed_forms(layer, sign):
    x = layer.input(sign)
    op, params = operator(layer)
    relevance = torch.randn_like(op(params, x))
    for rule, oracle in CASES.values():
        result = propagate(rule, layer, x, relevance, nonnegative=(sign == "nonnegative",))
        expected = closed_form(oracle, layer, x, relevance)
        torch.testing.assert_close(result, expected, rtol=1e-9, atol=1e-12 * float(expected.abs().max()), msg=str(rule))


@pytest.mark.parametrize("layer", LAYERS, ids=name)
def test_gamma_where_a_relu_cuts_relevance(layer):
    x = layer.input("nonnegative")
    op, params = operator(layer)
    z = op(params, x)
    relevance = torch.where(z > 0, torch.randn_like(z), 0.0)
    rule, oracle = CASES["gamma 3"]
    result = propagate(rule, layer, x, relevance, nonnegative=(True,), cut=True)
    torch.testing.assert_close(result, closed_form(oracle, layer, x, relevance), rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", CASES)
def test_float32_stays_within_1e_5_of_the_closed_form(case):
    rule, oracle = CASES[case]
    for layer in [Layer(torch.nn.Conv2d), Layer(torch.nn.Linear)]:
        for sign in ["signed", "nonnegative"]:
            x = layer.input(sign)
            op, params = operator(layer)
            # in proportion to the output, as relevance is: R / z of a cancelling sum is ill-conditioned in itself
            z = op({k: v for k, v in params.items() if "no bias" not in case or k != "bias"}, x)
            relevance = z * torch.rand_like(z)
            expected = closed_form(oracle, layer, x, relevance)
            single = {k: v.float() for k, v in params.items()}
            weights = rule.prepare(op, single)
            (result,) = rule.propagate(op, weights, (x.float(),), op(single, x.float()), relevance.float())
            assert (result - expected).abs().max() <= 1e-5 * expected.abs().max()


@pytest.mark.parametrize("scale", [1.0, 1e-2, 1e-4])
def test_small_negative_parts_are_as_exact_as_the_rounding_of_the_positive_ones(scale):
    torch.manual_seed(0)
    model, a = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Linear(200, 50)).eval(), torch.rand(1, 200)
    with torch.no_grad():
        model[1].weight.copy_(torch.where(model[1].weight < 0, scale, 1) * model[1].weight)
    a, relevance = torch.where(torch.rand_like(a) < 0.2, a, 0), torch.rand(1, 50)
    _, found = lrp.explainer(model, a, [("linear", rules.alpha_beta(2, 1, stabilizer=0))])(a, relevance)
    W, b, a, relevance = (value.detach().double() for value in (model[1].weight, model[1].bias, a, relevance))
    P, N = a @ W.clamp(min=0).T + b.clamp(min=0), a @ W.clamp(max=0).T + b.clamp(max=0)
    expected = 2 * a * ((relevance / P) @ W.clamp(min=0)) - a * ((relevance / N) @ W.clamp(max=0))
    rounding = 4 * torch.finfo(torch.float32).eps * (P / N.abs()).max()
    assert (found - expected).abs().max() <= (1e-6 + rounding) * expected.abs().max()


def check_kappa(rule, layer, x, kappa):
    """sum_i R_i = sum_j kappa_j R_j, for every sample."""
    op, params = operator(layer)
    z = op(params, x)
    relevance = torch.randn_like(z)
    result = propagate(rule, layer, x, relevance)
    W, b = matrix(layer)
    factors = torch.stack([kappa(a.flatten(), W, b) for a in x]).view_as(z)
    expected = (factors * relevance).flatten(1).sum(1)
    scale = relevance.abs().sum() * max(1.0, float(factors.abs().max()))
    assert (result.flatten(1).sum(1) - expected).abs().max() <= 1e-10 * scale


def numerator_share(n, total, eps=1e-6):
    sign = torch.where(total >= 0, 1.0, -1.0)
    return n.sum(1) / (total + eps * sign)


def gamma_kappa(a, W, b, g=0.25):
    p, m = (W * a).clamp(min=0), (W * a).clamp(max=0)
    z = W @ a + b
    up = numerator_share(W * a + g * p, z + g * (p.sum(1) + b.clamp(min=0)))
    down = numerator_share(W * a + g * m, z + g * (m.sum(1) + b.clamp(max=0)))
    return torch.where(z > 0, up, torch.where(z < 0, down, 0.0))


def alpha_beta_kappa(a, W, b):
    p, m = (W * a).clamp(min=0), (W * a).clamp(max=0)
    return 2 * numerator_share(p, p.sum(1) + b.clamp(min=0)) - numerator_share(m, m.sum(1) + b.clamp(max=0))


def z_box_kappa(a, W, b):
    n = W * a - W.clamp(min=0) * -3 - W.clamp(max=0) * 3
    return numerator_share(n, n.sum(1))


KAPPA = {
    "epsilon": (rules.epsilon(), lambda a, W, b: numerator_share(W * a, W @ a + b)),
    "gamma": (rules.gamma(), gamma_kappa),
    "alpha2 beta1": (rules.alpha_beta(), alpha_beta_kappa),
    "z_box": (rules.z_box(-3, 3), z_box_kappa),
    "flat": (rules.flat(), lambda a, W, b: numerator_share((W != 0).to(W), (W != 0).to(W).sum(1))),
    "w_square": (rules.w_square(), lambda a, W, b: numerator_share(W**2, (W**2).sum(1))),
}


@pytest.mark.parametrize("case", KAPPA)
@settings(max_examples=12)
@given(layer=linear_layers(), sign=st.sampled_from(["signed", "nonnegative", "zeros"]), seed=st.integers(0, 99))
def test_each_rule_obeys_its_conservation_law(case, layer, sign, seed):
    rule, kappa = KAPPA[case]
    check_kappa(rule, layer, layer.input(sign, seed), kappa)


@settings(max_examples=12)
@given(layer=linear_layers(), seed=st.integers(0, 99))
def test_metamorphic_relations(layer, seed):
    x = layer.input("signed", seed)
    op, params = operator(layer)
    r, q = torch.randn_like(op(params, x)), torch.randn_like(op(params, x))

    def run(rule, x=x, r=r, **known):
        return propagate(rule, layer, x, r, **known)

    def same(one, other, tolerance=1e-9):
        torch.testing.assert_close(one, other, rtol=tolerance, atol=tolerance * float(other.abs().max()))

    for rule in (rules.epsilon(), rules.gamma(), rules.z_plus(), rules.alpha_beta(), rules.flat(), rules.w_square()):
        same(run(rule, r=2 * r - q), 2 * run(rule) - run(rule, r=q))
        same(torch.cat([run(rule, x=x[i : i + 1], r=r[i : i + 1]) for i in range(2)]), run(rule))
    same(run(rules.gamma(0.0)), run(rules.epsilon()))
    same(run(rules.alpha_beta(1.0, 0.0)), run(rules.z_plus()))
    same(run(rules.flat(), x=3 * x), run(rules.flat()))
    nonnegative = x.abs()
    z = op(params, nonnegative)
    plus = run(rules.z_plus(), x=nonnegative, r=torch.where(z > 0, r, 0.0))
    same(run(rules.gamma(1e9), x=nonnegative, r=torch.where(z > 0, r, 0.0)), plus, 1e-4)
    assert (run(rules.z_plus(), r=r.abs()) >= 0).all()


def test_without_a_box_z_box_is_lrp_0_without_bias():
    layer = Layer(torch.nn.Conv2d, bias=False)
    x = layer.input()
    op, params = operator(layer)
    relevance = torch.randn_like(op(params, x))
    box = propagate(rules.z_box(0.0, 0.0, stabilizer=0.0), layer, x, relevance)
    torch.testing.assert_close(box, propagate(rules.epsilon(0.0), layer, x, relevance))


def test_lrp_0_of_a_bias_free_relu_network_is_gradient_times_input():
    model = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, bias=False), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(64, 3, bias=False)
    )
    model = model.eval().double()
    x = torch.randn(2, 2, 6, 6, dtype=torch.float64, requires_grad=True)
    _, relevance = lrp.explainer(model, x[:1], [("linear", rules.epsilon(1e-300))])(x, lambda z: z)
    (gradient,) = torch.autograd.grad(model(x).sum(), x)
    torch.testing.assert_close(relevance, (gradient * x).detach())


def test_scaling_weights_bias_and_epsilon_leaves_epsilon_invariant():
    layer = Layer(torch.nn.Conv2d)
    x = layer.input()
    op, params = operator(layer)
    relevance = torch.randn_like(op(params, x))
    scaled = {k: 7 * v for k, v in params.items()}
    (result,) = rules.epsilon(0.7).propagate(op, scaled, (x,), op(scaled, x), relevance)
    torch.testing.assert_close(result, propagate(rules.epsilon(0.1), layer, x, relevance))


def test_a_unit_without_negative_contributions_passes_alpha_times_its_relevance():
    W, b, a = torch.tensor([[1.0, 2.0]]), torch.tensor([0.0]), torch.tensor([1.0, 1.0])
    assert alpha_beta(2, 1)(a, W, b, torch.tensor([1.0])).sum() == pytest.approx(2, abs=1e-5)
    # the example of innvestigate issue 273: W = (1, -1), b = -1, x = (1, 1)
    W, b = torch.tensor([[1.0, -1.0]]), torch.tensor([-1.0])
    model = torch.nn.Linear(2, 1).eval()
    with torch.no_grad():
        model.weight.copy_(W)
        model.bias.copy_(b)
    composite = [("linear", rules.alpha_beta(2, 1, stabilizer=1e-12))]
    _, relevance = lrp.explainer(model, a[None], composite)(a[None], (0,))
    torch.testing.assert_close(relevance, torch.tensor([[2.0, -0.5]]))


@pytest.mark.parametrize(("alpha", "beta"), [(-1, -2), (1, 1), (2, 0.5), (1, -0.0001)])
def test_alpha_beta_refuses_what_does_not_conserve(alpha, beta):
    with pytest.raises(ValueError, match=r"alpha - beta must be 1"):
        rules.alpha_beta(alpha, beta)


def test_z_box_refuses_an_empty_box():
    with pytest.raises(ValueError, match="low must not exceed high"):
        rules.z_box(torch.tensor([0.0, 2.0]), torch.tensor([1.0, 1.0]))


def test_rules_of_equal_options_are_equal_and_print_them():
    assert rules.gamma(0.5) == rules.gamma(gamma=0.5) != rules.gamma(0.25)
    assert str(rules.z_plus()) == "z_plus(stabilizer=1e-06, zero_params=None)"


@pytest.mark.parametrize(
    ("stabilizer", "z", "expected"),
    [
        (rules.Stabilizer(1.0), [0.0, -0.0, 1.0, -1.0], [1.0, -1.0, 2.0, -2.0]),
        (rules.Stabilizer(1.0, clip=True), [0.0, -0.5, 2.0, -2.0], [1.0, -1.0, 2.0, -2.0]),
        (rules.Stabilizer(1.0, norm_scale=True), [0.0, -0.0, 2.0, -2.0], [2**0.5, -(2**0.5), 2 + 2**0.5, -2 - 2**0.5]),
        (rules.Stabilizer(0.5, clip=True, norm_scale=True), [0.0, 0.0, 2.0, -2.0], [0.5**0.5, 0.5**0.5, 2.0, -2.0]),
        (rules.Stabilizer(0.0), [0.0, 1.0], [0.0, 1.0]),
    ],
)
def test_stabilizers(stabilizer, z, expected):
    torch.testing.assert_close(stabilizer(torch.tensor([z])), torch.tensor([expected]))


def test_stabilizers_keep_half_precision_finite():
    z = torch.zeros(2, dtype=torch.float16)
    assert torch.isfinite(1.0 / rules.stabilize(z, 1e-6)).all()
    assert torch.isfinite(torch.tensor(60.0, dtype=torch.float16) / rules.stabilize(z, 1e-6)).all()


def shown(*layers):
    """A network in float64 whose first layer sees inputs of both signs, some of them zero."""
    model = torch.nn.Sequential(*layers)
    randomize(model, 3)
    linear = [module for module in model if not isinstance(module, torch.nn.ReLU | torch.nn.Flatten)]
    return model, linear


NETWORKS = {
    "linear-ReLU-linear": (
        lambda: shown(torch.nn.Linear(6, 8), torch.nn.ReLU(), torch.nn.Linear(8, 3)),
        lambda: Layer(torch.nn.Linear).input("zeros", batch=3),
    ),
    "conv-ReLU-conv-flatten-linear": (
        lambda: shown(
            torch.nn.Conv2d(2, 4, 2), torch.nn.ReLU(), torch.nn.Conv2d(4, 3, 2), torch.nn.Flatten(),
            torch.nn.Linear(12, 3),
        ),
        lambda: torch.where((x := torch.randn(3, 2, 4, 4, dtype=torch.float64)).abs() < 0.7, 0.0, x),
    ),
}  # fmt: skip


def relevance_by_matrices(model, linear, oracle, x, relevance):
    """Walk the modules of one sample backwards; linear layers by their explicit matrix and the closed form."""
    inputs = []
    for module in model:
        inputs.append(x)
        x = module(x)
    for module, a in zip(reversed(model), reversed(inputs), strict=True):
        if module not in linear:
            relevance = relevance.view_as(a)
            continue
        zero = torch.zeros_like(a)
        b = module(zero).flatten()
        W = torch.autograd.functional.jacobian(lambda x, module=module: module(x).flatten(), zero).reshape(len(b), -1)
        relevance = oracle(a.flatten(), W, b, relevance.flatten()).view_as(a)
    return relevance


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("case", CASES)
def test_every_rule_through_the_explainer_equals_its_closed_form(case, network):
    make, inputs = NETWORKS[network]
    (model, linear), x = make(), inputs()
    rule, oracle = CASES[case]
    seed = torch.randn(len(x), 3, dtype=torch.float64)
    _, found = lrp.explainer(model, x[:1], [("linear", rule)])(x, seed)
    with torch.no_grad():
        rows = [relevance_by_matrices(model, linear, oracle, a[None], r[None]) for a, r in zip(x, seed, strict=True)]
    expected = torch.cat(rows)
    torch.testing.assert_close(found, expected, rtol=1e-9, atol=1e-12 * float(expected.abs().max()))


def test_lrp_0_of_units_that_are_zero_shares_nothing_and_is_accounted_for():
    model = torch.nn.Sequential(torch.nn.Linear(3, 4, bias=False), torch.nn.ReLU(), torch.nn.Linear(4, 2, bias=False))
    model, x = model.eval().double(), torch.zeros(2, 3, dtype=torch.float64)
    explain = lrp.explainer(model, x, [("linear", rules.epsilon(0))])
    assert explain(x, 0).relevance.tolist() == [[0.0] * 3] * 2
    account = lrp.audit(explain.program, explain.weights, x, torch.ones(2, 2, dtype=torch.float64))
    assert float(abs(account.residual).max()) == 0 and account.dropped.sum("node").values.tolist() == [2.0, 2.0]
