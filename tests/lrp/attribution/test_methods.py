"""Attribution methods against Captum, closed forms and their own laws."""

import captum.attr as captum
import pytest
import torch
from torch import nn
from torch.testing import assert_close

import lrp
from lrp import attribution
from lrp.attribution.__init__ import completeness_error

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning:captum")
DOUBLE = torch.float64
CLOSE = {"rtol": 1e-5, "atol": 1e-9}


@pytest.fixture(scope="module")
def smooth():
    torch.manual_seed(0)
    layers = [nn.Conv2d(2, 4, 3), nn.Tanh(), nn.Conv2d(4, 4, 3), nn.Softplus(), nn.Flatten(), nn.Linear(64, 3)]
    return nn.Sequential(*layers).double().eval()


@pytest.fixture(scope="module")
def kinked():
    torch.manual_seed(1)
    layers = [nn.Conv2d(2, 6, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 5, 3, padding=1), nn.ReLU()]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(45, 8), nn.ReLU(), nn.Linear(8, 3)).double().eval()


@pytest.fixture(scope="module")
def unpooled():
    torch.manual_seed(4)
    layers = [nn.Conv2d(2, 6, 3), nn.ReLU(), nn.Conv2d(6, 4, 3), nn.Tanh(), nn.Flatten(), nn.Linear(64, 8), nn.ReLU()]
    return nn.Sequential(*layers, nn.Linear(8, 3)).double().eval()


@pytest.fixture(scope="module")
def linear():
    torch.manual_seed(2)
    return nn.Sequential(nn.Flatten(), nn.Linear(2 * 8 * 8, 3)).double().eval()


@pytest.fixture(scope="module")
def x():
    return torch.randn(4, 2, 8, 8, dtype=DOUBLE, generator=torch.Generator().manual_seed(3))


TARGETS = torch.tensor([0, 2, 1, 1])


def test_gradient_is_captums_saliency(kinked, x):
    output, found = attribution.gradient(kinked)(x, TARGETS)
    assert_close(output, kinked(x).detach())
    assert_close(found, captum.Saliency(kinked).attribute(x.clone(), TARGETS, abs=False), **CLOSE)
    assert_close(attribution.input_x_gradient(kinked)(x, TARGETS)[1], x * found)


def test_default_explains_the_predicted_class(kinked, x):
    predicted = kinked(x).argmax(1)
    assert_close(attribution.gradient(kinked)(x)[1], attribution.gradient(kinked)(x, predicted)[1])


@pytest.mark.parametrize(("rule", "theirs"), [("riemann_right", "riemann_right"), ("gauss_legendre", "gausslegendre")])
@pytest.mark.parametrize("baseline", [0.0, 0.3, "tensor", "function"])
def test_integrated_gradients_are_captums(kinked, x, rule, theirs, baseline):
    given = {"tensor": x.flip(0), "function": lambda x: x / 2}.get(baseline, baseline)
    there = given(x) if callable(given) and baseline == "function" else torch.zeros_like(x) + given
    explain = attribution.integrated_gradients(kinked, baseline=given, steps=15, rule=rule)
    wanted = captum.IntegratedGradients(kinked).attribute(x.clone(), there, TARGETS, n_steps=15, method=theirs)
    assert_close(explain(x, TARGETS)[1], wanted, **CLOSE)


def test_integrated_gradients_are_complete_and_the_error_is_reported(smooth, x):
    explain = attribution.integrated_gradients(smooth, steps=50, rule="gauss_legendre")
    error = completeness_error(smooth, x, explain(x, TARGETS)[1], TARGETS)
    assert error.shape == (4,) and error.max() < 1e-3
    rough = attribution.integrated_gradients(smooth, steps=2)
    assert completeness_error(smooth, x, rough(x, TARGETS)[1], TARGETS).max() > 1e-3
    wanted = rough(x, TARGETS)[1].flatten(1).sum(1) - (smooth(x) - smooth(torch.zeros_like(x)))[range(4), TARGETS]
    assert_close(completeness_error(smooth, x, rough(x, TARGETS)[1], TARGETS), wanted.abs().detach())


def test_one_step_is_input_times_gradient(smooth, x):
    once = attribution.integrated_gradients(smooth, steps=1)(x, 0)[1]
    assert_close(once, attribution.input_x_gradient(smooth)(x, 0)[1])


@pytest.mark.parametrize(
    ("reduce", "theirs"), [("mean", "smoothgrad"), ("square", "smoothgrad_sq"), ("variance", "vargrad")]
)
def test_smooth_grad_is_captums_with_the_same_noise(kinked, x, reduce, theirs, monkeypatch):
    """Captum adds noise of one width to all; each sample is therefore given alone, at its own width."""
    found = attribution.smooth_grad(kinked, samples=7, noise=0.2, seed=5, reduce=reduce)(x, TARGETS)[1]
    generator = torch.Generator().manual_seed(5)
    noises = torch.stack([torch.randn(x.shape, generator=generator, dtype=DOUBLE) for _ in range(7)])
    tunnel = captum.NoiseTunnel(captum.Saliency(kinked))
    for n, target in enumerate(TARGETS):
        width = 0.2 * (x[n].max() - x[n].min())
        monkeypatch.setattr(torch, "normal", lambda *_, n=n, width=width: noises[:, n] * width)
        wanted = tunnel.attribute(
            x[n : n + 1].clone(), nt_type=theirs, nt_samples=7, stdevs=1.0, target=int(target), abs=False
        )
        assert_close(found[n : n + 1], wanted, **CLOSE)


def test_smooth_grad_of_a_quadratic_function():
    """f = |x|^2: gradient 2 x, so the variance over the noise is 4 sigma^2, sigma a tenth of the range."""
    x = torch.linspace(0, 1, 50, dtype=DOUBLE)[None]

    def quadratic(x):
        return (x**2).sum(1, keepdim=True)

    spread = attribution.smooth_grad(attribution.gradient(quadratic), samples=4000, reduce="variance")(x, (0,))[1]
    assert_close(spread.mean(), torch.tensor(0.04, dtype=DOUBLE), rtol=0.02, atol=0)
    mean = attribution.smooth_grad(attribution.gradient(quadratic), samples=4000)(x, (0,))[1]
    assert_close(mean, 2 * x, rtol=0, atol=0.02)


def test_methods_of_a_linear_model_are_its_weights(linear, x):
    weight = linear[1].weight.detach()[TARGETS].reshape_as(x)
    assert_close(attribution.gradient(linear)(x, TARGETS)[1], weight)
    assert_close(attribution.smooth_grad(linear, samples=3)(x, TARGETS)[1], weight)
    for make in (attribution.integrated_gradients, attribution.input_x_gradient, attribution.deep_lift):
        source = lrp.trace(linear, x) if make is attribution.deep_lift else linear
        assert_close(make(source)(x, TARGETS)[1], weight * x)
    shap = attribution.gradient_shap(linear, baselines=torch.zeros_like(x[:1]))
    assert_close(shap(x, TARGETS)[1].mean(), (weight * x).mean())


def test_gradient_shap_tends_to_integrated_gradients(smooth, x):
    shap = attribution.gradient_shap(smooth, baselines=torch.zeros_like(x[:1]), samples=800)(x, 1)[1]
    exact = attribution.integrated_gradients(smooth, steps=50, rule="gauss_legendre")(x, 1)[1]
    assert (shap - exact).abs().max() < 0.05 * exact.abs().max()


def test_gradient_shap_draws_from_all_baselines(linear, x):
    """On a linear model the mean over draws tends to w (x - mean baseline)."""
    baselines = torch.randn(5, 2, 8, 8, dtype=DOUBLE)
    shap = attribution.gradient_shap(linear, baselines=baselines, samples=1500)(x, 0)[1]
    wanted = linear[1].weight.detach()[0].reshape(1, 2, 8, 8) * (x - baselines.mean(0))
    assert (shap - wanted).abs().max() < 0.03
    with pytest.raises(ValueError, match="baselines have shape"):
        attribution.gradient_shap(linear, baselines=baselines[:, :1])(x, 0)


@pytest.mark.parametrize(("window", "stride"), [(2, 2), (3, 2), (3, 3), ((1, 4), (1, 3)), (8, 1), (5, 4)])
def test_occlusion_is_captums(kinked, x, window, stride):
    found = attribution.occlusion(kinked, window=window, stride=stride, baseline=0.2)(x, TARGETS)[1]
    shape, steps = ((2, *([size] * 2 if isinstance(size, int) else size)) for size in (window, stride))
    wanted = captum.Occlusion(kinked).attribute(x, shape, steps, 0.2, TARGETS)
    assert_close(found.float(), wanted, rtol=1e-5, atol=1e-6)  # Captum adds up in single precision


@pytest.mark.parametrize("shape", [(6,), (2, 7), (1, 5, 6), (1, 3, 4, 5)])
@pytest.mark.parametrize("keep", [False, True])
def test_occlusion_of_a_linear_model_sums_exactly(shape, keep):
    """Windows side by side: their differences add up to output(x) - output(b), in any number of dimensions."""
    torch.manual_seed(0)
    x, base = torch.randn(3, *shape, dtype=DOUBLE), torch.randn(3, *shape, dtype=DOUBLE)
    model = nn.Sequential(nn.Flatten(), nn.Linear(x[0].numel(), 2)).double().eval()
    found = attribution.occlusion(model, window=2, baseline=base, keep=keep)(x, 1)[1]
    corners = found[(slice(None), 0, *[slice(None, None, 2)] * (len(shape) - 1))] if len(shape) > 1 else found[:, ::2]
    assert_close(corners.flatten(1).sum(1), (model(x) - model(base))[:, 1].detach())


def test_occlusion_in_small_chunks_is_the_same(kinked, x, monkeypatch):
    whole = attribution.occlusion(kinked, window=3, stride=2)(x)[1]
    monkeypatch.setattr("lrp.attribution.methods.CPU_BYTES", 1)
    assert_close(attribution.occlusion(kinked, window=3, stride=2)(x)[1], whole)
    assert_close(attribution.smooth_grad(kinked, samples=5)(x)[1], attribution.smooth_grad(kinked, samples=5)(x)[1])


def test_smooth_grad_does_not_depend_on_the_chunks(kinked, x, monkeypatch):
    whole = attribution.smooth_grad(kinked, samples=5)(x)[1]
    monkeypatch.setattr("lrp.attribution.methods.CPU_BYTES", 1)
    assert_close(attribution.smooth_grad(kinked, samples=5)(x)[1], whole)


def test_out_of_memory_is_answered_by_smaller_chunks():
    sizes = []

    def tight(rows):
        sizes.append(len(rows))
        if len(rows) > 3:
            raise torch.OutOfMemoryError
        return rows * 2

    rows = torch.arange(10)
    assert_close(lrp.attribution.methods.in_chunks(tight, rows, count=10), rows * 2)
    assert max(sizes[2:]) <= 3
    with pytest.raises(torch.OutOfMemoryError):
        lrp.attribution.methods.in_chunks(lambda rows: tight(rows.repeat(5)), rows, count=10)


def test_deep_lift_is_captums(unpooled, x):
    baseline = torch.randn(x.shape, dtype=DOUBLE, generator=torch.Generator().manual_seed(6)) / 2
    found = attribution.deep_lift(lrp.trace(unpooled, x), baseline=baseline)(x, TARGETS)[1]
    wanted = captum.DeepLift(unpooled).attribute(x.clone(), baseline, TARGETS)
    assert_close(found, wanted.detach(), **CLOSE)


def test_deep_lift_is_complete_with_max_pooling(kinked, x):
    """Captum's is not: it misses the difference by a third of the largest value here."""
    found = attribution.deep_lift(lrp.trace(kinked, x), baseline=x.flip(0))(x, TARGETS)[1]
    assert completeness_error(kinked, x, found, TARGETS, baseline=x.flip(0)).max() < 1e-12


class Mixed(nn.Module):
    """Residual sum, gate, batch norm, softmax, overlapping max pooling, attention-like product."""

    def __init__(self):
        super().__init__()
        self.conv, self.gate, self.norm = nn.Conv2d(2, 4, 3, padding=1), nn.Conv2d(2, 4, 1), nn.BatchNorm2d(4)
        self.layer_norm, self.head = nn.LayerNorm(36), nn.Linear(36, 3)

    def forward(self, x):
        h = self.norm(torch.relu(self.conv(x))) * torch.sigmoid(self.gate(x)) + self.gate(x)
        h = nn.functional.max_pool2d(h, 3, 1).flatten(2)
        mixed = torch.softmax(h @ h.transpose(1, 2) / 6, -1) @ h
        return self.head(self.layer_norm(mixed)).mean(1)


def test_deep_lift_is_complete_on_operators_of_every_kind(x):
    torch.manual_seed(0)
    model = Mixed().double().eval()
    explain = attribution.deep_lift(lrp.trace(model, x), baseline=x.flip(0))
    found = explain(x, TARGETS)[1]
    assert completeness_error(model, x, found, TARGETS, baseline=x.flip(0)).max() < 1e-6


def test_deep_lift_at_the_baseline_is_zero(kinked, x):
    assert_close(attribution.deep_lift(lrp.trace(kinked, x), baseline=x)(x)[1], torch.zeros_like(x))


@pytest.mark.parametrize("layer", ["1", "3", "4"])
@pytest.mark.parametrize("relu", [True, False])
def test_grad_cam_is_captums(kinked, x, layer, relu):
    module = kinked.get_submodule(layer)
    found = attribution.grad_cam(lrp.trace(kinked, x), layer, relu=relu, mode="nearest")(x, TARGETS)[1]
    wanted = captum.LayerGradCam(kinked, module).attribute(x.clone(), TARGETS, relu_attributions=relu)
    assert_close(found, captum.LayerAttribution.interpolate(wanted, (8, 8)).detach(), **CLOSE)


def test_guided_grad_cam_is_captums(kinked, x):
    guided = lrp.explainer(kinked, x, lrp.composites.guided_backprop())
    found = attribution.guided_grad_cam(guided, "4", guided=guided)(x, TARGETS)[1]
    wanted = captum.GuidedGradCam(kinked, kinked[4]).attribute(x.clone(), TARGETS)
    assert_close(found, wanted.detach(), **CLOSE)


def test_grad_cam_says_what_is_wrong(kinked, x):
    graph = lrp.trace(kinked, x)
    with pytest.raises(KeyError, match="no layer or node 'layer4'"):
        attribution.grad_cam(graph, "layer4")
    with pytest.raises(ValueError, match="Grad-CAM needs"):
        attribution.grad_cam(graph, "8")


def test_methods_compose_with_composites(kinked, x):
    """SmoothGrad of LRP without noise is LRP; with noise it is the mean over the noisy inputs."""
    explain = lrp.explainer(kinked, x, lrp.composites.epsilon_plus())
    assert_close(attribution.smooth_grad(explain, noise=0.0, samples=3)(x, 1)[1], explain(x, 1)[1])
    found = attribution.smooth_grad(explain, samples=2, seed=9)(x, 1)[1]
    generator, width = torch.Generator().manual_seed(9), 0.1 * (x.flatten(1).amax(1) - x.flatten(1).amin(1))
    noisy = [x + width.reshape(-1, 1, 1, 1) * torch.randn(x.shape, generator=generator, dtype=DOUBLE) for _ in range(2)]
    assert_close(found, (explain(noisy[0], 1)[1] + explain(noisy[1], 1)[1]) / 2)
    assert str(attribution.smooth_grad(attribution.gradient(kinked), samples=2)).startswith(
        "smooth_grad(gradient(), samples=2"
    )


def test_the_class_is_settled_at_the_input(x):
    """Noise large enough to change the prediction does not change what is explained."""
    model = nn.Sequential(nn.Flatten(), nn.Linear(128, 3, bias=False)).double().eval()
    small = x * 1e-3
    found = attribution.smooth_grad(lambda x, t: attribution.gradient(model)(x, t), noise=1e4, samples=8)(small)[1]
    assert_close(found, attribution.gradient(model)(small)[1])


def test_methods_leave_no_graph_and_no_mark_on_the_model(kinked, x):
    before = {name: parameter.clone() for name, parameter in kinked.named_parameters()}
    for make in (attribution.gradient, attribution.smooth_grad, attribution.integrated_gradients):
        output, found = make(kinked)(x)
        assert not output.requires_grad and not found.requires_grad
    assert all(torch.equal(p, before[n]) and p.grad is None for n, p in kinked.named_parameters())


def test_gradient_of_a_function_is_differentiable(x):
    def cubic(x):
        return (x**3).flatten(1).sum(1, keepdim=True)

    second = torch.func.grad(lambda x: attribution.gradient(cubic)(x, (0,))[1].sum())(x)
    assert_close(second, 6 * x)


@pytest.mark.parametrize(
    ("make", "options"),
    [
        (attribution.smooth_grad, {"samples": 0}),
        (attribution.smooth_grad, {"reduce": "median"}),
        (attribution.integrated_gradients, {"rule": "simpson"}),
        (attribution.integrated_gradients, {"steps": 0}),
    ],
)
def test_bad_options(linear, make, options):
    with pytest.raises(ValueError, match="got"):
        make(linear, **options)


def test_bad_inputs(linear, x):
    with pytest.raises(ValueError, match="window must be"):
        attribution.occlusion(linear, window=(2, 2, 2))(x)
    with pytest.raises(ValueError, match="training mode"):
        attribution.gradient(nn.Linear(2, 2))
    with pytest.raises(TypeError, match="not the method"):
        attribution.occlusion(attribution.gradient(linear), window=2)
    with pytest.raises(IndexError, match="class 3 does not exist"):
        attribution.gradient(linear)(x, 3)
