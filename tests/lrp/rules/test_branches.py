"""Sums, gates, products, softmax and normalizations against closed forms on explicit Jacobians, in float64."""

import pytest
import torch
from torch import nn

import lrp
from lrp import rules
from lrp.testing import randomize

EPS = 1e-6


def explain(model, x, composite, seed):
    """Relevance without canonization, so that the operator itself is what is tested."""
    graph = lrp.trace(model.eval().double(), x)
    program = lrp.relprop(graph, composite)
    weights = program.prepare(graph.params)
    _, pullback = program(weights, x)
    return pullback(seed)


class Call(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, *x):
        return self.function(*x)


def pair(shape=(3, 4), other=(3, 4)):
    return torch.randn(shape, dtype=torch.float64), torch.randn(other, dtype=torch.float64)


def stab(z):
    return rules.stabilize(z, EPS)


def test_residual_sums():
    a, b = pair()
    seed = torch.randn_like(a)
    add = Call(lambda a, b: a + b)
    for got, x in zip(explain(add, (a, b), [("residual", rules.norm())], seed), (a, b), strict=True):
        torch.testing.assert_close(got, x / stab(a + b) * seed)
    for got, x in zip(explain(add, (a, b), [("residual", rules.absolute())], seed), (a, b), strict=True):
        torch.testing.assert_close(got, x.abs() / stab(a.abs() + b.abs()) * seed)
    for got in explain(add, (a, b), [("residual", rules.uniform())], seed):
        torch.testing.assert_close(got, seed / 2)


def test_the_absolute_rule_is_bounded_where_branches_cancel():
    a = torch.randn(3, 4, dtype=torch.float64)
    seed = torch.ones_like(a)
    bounded = explain(Call(lambda a, b: a + b), (a, -a + 1e-9), [("residual", rules.absolute())], seed)
    assert max(r.abs().max() for r in bounded) <= 1
    unbounded = explain(Call(lambda a, b: a + b), (a, -a + 1e-9), [("residual", rules.norm())], seed)
    assert max(r.abs().max() for r in unbounded) > 100


def test_gates_give_all_to_the_signal_whichever_side_it_is_on():
    x, g = pair()
    seed = torch.randn_like(x)
    for function in (lambda x, g: torch.sigmoid(g) * x, lambda x, g: x * torch.sigmoid(g)):
        to_x, to_g = explain(Call(function), (x, g), [], seed)
        torch.testing.assert_close(to_x, seed)
        assert not to_g.any()


def test_squeeze_and_excitation_gives_all_to_the_signal():
    x = torch.randn(2, 3, 4, 4, dtype=torch.float64)
    seed = torch.randn_like(x)
    model = Call(lambda x: nn.functional.hardsigmoid(x.mean((2, 3), keepdim=True)) * x)
    torch.testing.assert_close(explain(model, x, [], seed), seed)


def test_products_of_two_signals_share_half_and_half():
    a, b = pair()
    seed = torch.randn_like(a)
    for composite in ([], [("gate", rules.uniform())]):
        for got in explain(Call(lambda a, b: a * b), (a, b), composite, seed):
            torch.testing.assert_close(got, seed / 2)
    scaled = explain(Call(lambda a, b: a * b), (a, b[:, :1]), [("gate", rules.uniform())], seed)
    torch.testing.assert_close(scaled[1], seed.sum(1, keepdim=True) / 2)


def test_matrix_products_in_closed_form():
    a, v = torch.randn(2, 3, 4, dtype=torch.float64), torch.randn(2, 4, 5, dtype=torch.float64)
    seed = torch.randn(2, 3, 5, dtype=torch.float64)
    to_a, to_v = explain(Call(torch.matmul), (a, v), [("bilinear", rules.half_and_half(1e-12))], seed)
    share = seed / (2 * (a @ v))
    torch.testing.assert_close(to_a, torch.einsum("bji,bip,bjp->bji", a, v, share))
    torch.testing.assert_close(to_v, torch.einsum("bji,bip,bjp->bip", a, v, share))
    torch.testing.assert_close(to_a.sum(), seed.sum() / 2)


@pytest.mark.parametrize("dim", [-1, 1])
def test_softmax_in_closed_form(dim):
    x = torch.randn(2, 3, 4, dtype=torch.float64)
    x[0, 1, 2] = -torch.inf
    seed = torch.randn_like(x)
    got = explain(Call(lambda x: x.softmax(dim)), x, [], seed)
    s = x.softmax(dim)
    torch.testing.assert_close(got, x.nan_to_num(neginf=0) * (seed - s * seed.sum(dim, keepdim=True)))
    # x_i sum_j J_ji R_j / s_j with J = diag(s) - s s^T, where no logit is masked
    row, r = x[1, 0] if dim == -1 else x[1, :, 0], seed[1, 0] if dim == -1 else seed[1, :, 0]
    p = row.softmax(0)
    jacobian = torch.diag(p) - torch.outer(p, p)
    torch.testing.assert_close(got[1, 0] if dim == -1 else got[1, :, 0], row * (jacobian.T @ (r / p)))


NORMALIZATIONS = {
    "layer": (nn.LayerNorm([3, 4]), (2, 3, 4)),
    "layer, last axis": (nn.LayerNorm(4), (2, 3, 4)),
    "layer, no affine": (nn.LayerNorm(4, elementwise_affine=False), (2, 3, 4)),
    "group": (nn.GroupNorm(2, 4), (2, 4, 3, 3)),
    "instance": (nn.InstanceNorm2d(3, affine=True), (2, 3, 4, 4)),
    "rms": (nn.RMSNorm(4), (2, 3, 4)),
}


@pytest.mark.parametrize("case", NORMALIZATIONS)
def test_normalizations_are_linear_with_their_scale_frozen(case):
    norm, shape = NORMALIZATIONS[case]
    model = randomize(norm, 0)
    x = torch.randn(shape, dtype=torch.float64)
    seed = torch.randn_like(x)
    got = explain(model, x, [("normalization", rules.frozen_statistics(1e-9))], seed)
    y = model(x).detach()
    for sample in range(len(x)):
        # M from finite differences is what autograd gives once sigma is a constant: y(x) = M x + b exactly at x
        jacobian = _frozen_jacobian(model, x[sample : sample + 1], case)
        expected = x[sample].flatten() * (jacobian.T @ (seed / rules.stabilize(y, 1e-9))[sample].flatten())
        torch.testing.assert_close(got[sample].flatten(), expected, rtol=1e-7, atol=1e-9)


def _frozen_jacobian(model, x, case):
    n = x.numel()
    w = torch.ones_like(x) if getattr(model, "weight", None) is None else model.weight.detach().clone()
    if case in ("group", "instance"):
        w = w.view(1, -1, 1, 1).expand_as(x)
    w = w.expand_as(x).flatten()
    groups = {"layer": 1, "group": 2, "instance": 3}.get(case, x.shape[1])
    blocks = x.reshape(groups, -1)
    centred = blocks if case == "rms" else blocks - blocks.mean(1, keepdim=True)
    eps = torch.finfo(x.dtype).eps if case == "rms" else 1e-5
    sigma = (centred.square().mean(1, keepdim=True) + eps).sqrt().expand_as(blocks).flatten()
    size = blocks.shape[1]
    centre = torch.eye(n, dtype=x.dtype)
    if case != "rms":
        centre = centre - torch.block_diag(*[torch.full((size, size), 1 / size, dtype=x.dtype)] * groups)
    return torch.diag(w / sigma) @ centre


def test_relu_rules_of_gradient_methods():
    x = torch.randn(3, 4, dtype=torch.float64)
    seed = torch.randn_like(x)
    for rule, expected in [
        (rules.relu_deconvnet(), seed.clamp(min=0)),
        (rules.relu_guided_backprop(), seed.clamp(min=0) * (x > 0)),
        (rules.relu_beta_smooth(3.0), seed * torch.sigmoid(3 * x)),
    ]:
        torch.testing.assert_close(explain(nn.ReLU(), x, [("relu", rule)], seed), expected)


def test_batch_norm_alone_passes_or_shares_as_an_affine_layer():
    model = randomize(nn.BatchNorm2d(3), 0)
    x = torch.randn(2, 3, 4, 4, dtype=torch.float64)
    seed = torch.randn_like(x)
    torch.testing.assert_close(explain(model, x, [], seed), seed)
    scale = (model.weight / (model.running_var + model.eps).sqrt()).detach().view(1, 3, 1, 1)
    shared = explain(model, x, [("batch norm", rules.epsilon())], seed)
    torch.testing.assert_close(shared, scale * x / stab(model(x).detach()) * seed)


@pytest.mark.parametrize("dtype", [torch.float16, pytest.param(torch.bfloat16, marks=pytest.mark.slow)])
def test_half_precision_is_finite_and_near(dtype):
    """As documented: cosine with float64 above 0.99 in float16, 0.95 in bfloat16, on a residual network."""
    from lrp._torchvision import torchvision

    torch.manual_seed(0)
    model = torchvision().models.resnet18(num_classes=10).eval()
    x = torch.rand(2, 3, 32, 32)
    found = {}
    for kind in (dtype, torch.float64):
        explainer = lrp.explainer(model.to(kind), x.to(kind), lrp.composites.epsilon_gamma_box(0.0, 1.0))
        found[kind] = explainer(x.to(kind), 3)[1].double().flatten(1)
    assert torch.isfinite(found[dtype]).all()
    near = torch.cosine_similarity(found[dtype], found[torch.float64])
    assert near.min() > {torch.float16: 0.99, torch.bfloat16: 0.95}[dtype], near


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
def test_cpu_and_cuda_agree():
    from lrp._torchvision import torchvision

    model = torchvision().models.resnet18(num_classes=10).eval().double()
    x = torch.rand(2, 3, 64, 64, dtype=torch.float64)
    composite = lrp.composites.epsilon_gamma_box(0.0, 1.0)
    _, here = lrp.explainer(model, x, composite)(x, 3)
    _, there = lrp.explainer(model.cuda(), x.cuda(), composite)(x.cuda(), 3)
    torch.testing.assert_close(there.cpu(), here, rtol=1e-8, atol=1e-10 * float(here.abs().max()))
