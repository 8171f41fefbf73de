"""Every method on several inputs, on outputs of any shape, and on functions: as the gradient in closed form says."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.testing import assert_close

import lrp
from lrp import attribution, evaluate

DOUBLE = torch.float64


class Two(nn.Module):
    """A linear model of a picture and of numbers, with an embedding beside them."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right, self.emb = nn.Linear(16, 3), nn.Linear(2, 3), nn.Embedding(5, 3)

    def forward(self, left: Tensor, right: Tensor, ids: Tensor) -> Tensor:
        return self.left(left.flatten(1)) + self.right(right) + self.emb(ids)


@pytest.fixture(scope="module")
def two() -> nn.Module:
    torch.manual_seed(0)
    return Two().double().eval()


@pytest.fixture(scope="module")
def x() -> dict[str, Tensor]:
    generator = torch.Generator().manual_seed(1)
    left = torch.randn(3, 1, 4, 4, dtype=DOUBLE, generator=generator)
    right = torch.randn(3, 2, dtype=DOUBLE, generator=generator)
    return {"left": left, "right": right, "ids": torch.tensor([1, 4, 0])}


def structured(x: dict[str, Tensor], kind: type) -> Any:
    return x if kind is dict else tuple(x.values())


METHODS = {
    "gradient": lambda m, explain: attribution.gradient(m),
    "input_x_gradient": lambda m, explain: attribution.input_x_gradient(m),
    "smooth_grad": lambda m, explain: attribution.smooth_grad(m, samples=3),
    "smooth_grad of LRP": lambda m, explain: attribution.smooth_grad(explain, samples=2, noise=0.0),
    "integrated_gradients": lambda m, explain: attribution.integrated_gradients(m, steps=3),
    "gradient_shap": None,
    "occlusion": lambda m, explain: attribution.occlusion(m, window=1),
    "deep_lift": lambda m, explain: attribution.deep_lift(explain),
}
"""All but the gradients are input times weight on a linear model."""


@pytest.mark.parametrize("kind", [dict, tuple])
@pytest.mark.parametrize("name", METHODS)
def test_methods_of_several_inputs(two, x, name, kind):
    given = structured(x, kind)
    rows = [("linear", lrp.rules.epsilon(1e-12, "bias"))] + lrp.composites.base(1e-12)
    make = METHODS[name] or (lambda m, _: attribution.gradient_shap(m, baselines=base, samples=2))
    base = {"left": torch.zeros(1, 1, 4, 4), "right": torch.zeros(1, 2), "ids": torch.zeros(1)}
    base = structured(base, kind)
    output, found = make(two, lrp.explainer(two, given, rows))(given, 1)
    assert_close(output, two(**x).detach())
    assert isinstance(found, kind)
    left, right, ids = found.values() if kind is dict else found
    weights = two.left.weight[1].detach().reshape(1, 1, 4, 4), two.right.weight[1].detach()
    if name in ("gradient", "smooth_grad"):
        wanted = [weights[0].expand(3, 1, 4, 4), weights[1].expand(3, 2)]
    else:
        scale = output[:, 1] if name == "smooth_grad of LRP" else torch.ones(3, dtype=DOUBLE)
        wanted = [weights[0] * x["left"] / scale.reshape(-1, 1, 1, 1), weights[1] * x["right"] / scale[:, None]]
    if name == "smooth_grad of LRP":  # zero_params takes away what the bias would
        left, wanted[0] = (part / part.sum((1, 2, 3), keepdim=True) for part in (left, wanted[0]))
        right, wanted[1] = (part / part.sum(1, keepdim=True) for part in (right, wanted[1]))
    else:
        assert ids is None
    assert_close(left, wanted[0])
    assert_close(right, wanted[1])


def test_baselines_of_several_inputs(two, x):
    base = {"left": 0.5, "right": torch.ones(2), "ids": 0.0}
    _, found = attribution.integrated_gradients(two, baseline=base, steps=2)(x, 1)
    assert_close(found["left"], (x["left"] - 0.5) * two.left.weight[1].detach().reshape(1, 1, 4, 4))
    assert_close(found["right"], (x["right"] - 1) * two.right.weight[1].detach())
    assert attribution.completeness_error(two, x, found, 1, base).max() < 1e-9
    _, averaged = attribution.integrated_gradients(two, baseline=torch.zeros_like, steps=2)(x, 1)
    assert_close(averaged["right"], x["right"] * two.right.weight[1].detach())


def test_flipping_of_several_inputs(two, x):
    found = attribution.input_x_gradient(two)(x, 1)[1]
    curves = [evaluate.flipping_curve(two, x, found, 1, order=order, steps=18) for order in ("morf", "lerf")]
    output = two(**x).detach()[:, 1]
    places = torch.cat([found["left"].flatten(1), found["right"]], 1).sort(1, descending=True).values
    assert_close(curves[0], torch.cat([output[:, None], output[:, None] - places.cumsum(1)], 1))
    assert (evaluate.srg(curves[1], curves[0]) > 0).all()
    assert_close(
        evaluate.flipping_curve(two, x, {**found, "left": None}, 1, steps=2)[:, -1], output - found["right"].sum(1)
    )


def test_randomization_of_several_inputs(two, x):
    found = evaluate.mprt(lrp.explainer(two, x, lrp.composites.epsilon_plus()), x, 1)
    assert set(found.layers) == {"emb", "right", "left"} and found.similarity.shape == (3, 3)


def test_grad_cam_says_which_input_and_takes_its_size():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv, self.head = nn.Conv2d(1, 4, 3), nn.Linear(16 + 2, 3)

        def forward(self, picture: Tensor, numbers: Tensor) -> Tensor:
            return self.head(torch.cat([torch.relu(self.conv(picture)).flatten(1), numbers], 1))

    model = Net().eval()
    given = {"picture": torch.randn(3, 1, 4, 4), "numbers": torch.randn(3, 2)}
    graph = lrp.trace(model, given)
    assert attribution.grad_cam(graph, "conv", of="picture")(given, 1)[1].shape == (3, 1, 4, 4)
    with pytest.raises(ValueError, match="'picture', 'numbers'"):
        attribution.grad_cam(graph, "conv")(given, 1)
    with pytest.raises(ValueError, match="whose places are not those"):
        attribution.grad_cam(graph, "conv", of="numbers")(given, 1)
    guided = lrp.explainer(graph, lrp.composites.guided_backprop())
    assert attribution.guided_grad_cam(graph, "conv", guided=guided, of="picture")(given, 1)[1].shape == (3, 1, 4, 4)


@pytest.mark.parametrize(
    "target", [(2, 5), torch.tensor([[0, 1], [2, 5], [1, 0]]), lambda output: output * (output > 0)]
)
def test_outputs_of_any_shape(target):
    torch.manual_seed(0)
    model, x = nn.Conv1d(2, 3, 1).double().eval(), torch.randn(3, 2, 6, dtype=DOUBLE)
    explain = lrp.explainer(model, x, lrp.composites.epsilon_plus())
    seed = lrp.explain.seed_of(model(x).detach(), target)
    wanted = torch.einsum("bot,oi->bit", seed, model.weight[:, :, 0]).detach()
    assert_close(attribution.gradient(model)(x, target)[1], wanted)
    for made in (
        attribution.integrated_gradients(model, steps=2),
        attribution.deep_lift(explain),
        attribution.occlusion(model, window=1),
        attribution.occlusion(explain, window=1),
    ):
        found = made(x, target)[1]
        assert found.shape == x.shape
        if made.name != "occlusion":  # a window covers all channels
            assert_close(found, x * wanted)
    assert evaluate.flipping_curve(model, x, x * wanted, target, steps=3).shape == (3, 4)


def test_a_function_that_predicts_is_a_model_and_one_that_explains_is_a_method(two, x):
    def predict(x: Tensor) -> Tensor:
        return two(x, torch.zeros(len(x), 2, dtype=DOUBLE), torch.zeros(len(x), dtype=torch.long))

    def explain(x: Tensor, target: Any = None) -> tuple[Tensor, Tensor]:
        return attribution.gradient(predict)(x, target)

    left = x["left"]
    for source in (predict, explain):
        _, found = attribution.integrated_gradients(source, steps=2)(left, 1)
        assert_close(found, left * two.left.weight[1].detach().reshape(1, 1, 4, 4))
    with pytest.raises(TypeError, match="not the method"):
        attribution.occlusion(explain, window=1)


def test_recurrent_layers_and_the_setting_they_need():
    class Net(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rnn, self.head = nn.LSTM(6, 8, batch_first=True), nn.Linear(8, 3)

        def forward(self, x: Tensor) -> Tensor:
            return self.head(self.rnn(x)[0][:, -1])

    model, x = Net().eval(), torch.randn(3, 5, 6)
    leaf = x.clone().requires_grad_()
    (wanted,) = torch.autograd.grad(model(leaf)[:, 1].sum(), leaf)
    before = torch.backends.mkldnn.enabled
    assert_close(attribution.gradient(model)(x, 1)[1], wanted)
    assert torch.backends.mkldnn.enabled == before


def test_bad_inputs_name_what_is_wrong(two, x):
    with pytest.raises(ValueError, match="a dict of left, right, ids"):
        attribution.integrated_gradients(two, baseline=(0.0, 0.0))(x, 1)
    with pytest.raises(ValueError, match="baseline for each"):
        attribution.integrated_gradients(two, baseline=torch.zeros(3, 2))(x, 1)
    with pytest.raises(TypeError, match="no input is floating-point"):
        attribution.gradient(nn.Embedding(3, 2).eval())(torch.zeros(2, dtype=torch.long), 1)
    with pytest.raises(TypeError, match="int in it"):
        attribution.gradient(two)({**x, "ids": 3}, 1)
    with pytest.raises(ValueError, match="no size for input 'right'"):
        attribution.occlusion(two, window={"left": 2})(x, 1)
    with pytest.raises(TypeError, match="returns tuple"):
        attribution.gradient(nn.LSTM(2, 3).eval())(torch.zeros(1, 4, 2), 1)
