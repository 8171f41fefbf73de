import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from torch import nn

import lrp
from lrp.testing import randomize
from tests.support.networks import Functional, image

CONVOLUTIONS = {
    1: (nn.Conv1d, nn.ConvTranspose1d),
    2: (nn.Conv2d, nn.ConvTranspose2d),
    3: (nn.Conv3d, nn.ConvTranspose3d),
}


@settings(max_examples=20)
@given(st.data())
def test_a_convolutions_transpose_is_its_vjp(data):
    draw = data.draw
    axes, groups, stride = draw(st.sampled_from([1, 2, 3])), draw(st.sampled_from([1, 2])), draw(st.integers(1, 3))
    transposed, same = draw(st.booleans()), draw(st.booleans())
    options = {
        "stride": stride,
        "dilation": draw(st.integers(1, 2)),
        "groups": groups,
        "padding": draw(st.integers(0, 2)),
    }
    if transposed:
        options["output_padding"] = draw(st.integers(0, max(stride, options["dilation"]) - 1))
    elif same:
        options |= {"padding": "same", "stride": 1}
    layer = randomize(CONVOLUTIONS[axes][transposed](4, 6, draw(st.integers(1, 3)), **options), 0)
    x = torch.randn(2, 4, *[draw(st.integers(5, 8)) for _ in range(axes)], dtype=torch.float64)
    output, pull = torch.func.vjp(layer, x)  # pyright: ignore[reportAssignmentType]  # has_aux is not given
    assume(output.numel())
    graph = lrp.trace(layer, x)
    program = lrp.relprop(graph, [("linear", lrp.rules.exact())])
    seed = torch.randn_like(output)
    found = program(program.prepare(graph.params), x)[1](seed)
    torch.testing.assert_close(found, pull(seed)[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("name", ["epsilon_gamma_box", "epsilon_alpha2_beta1_flat", "epsilon_plus", "guided_backprop"])
def test_images_of_any_memory_layout_are_explained_alike(name, dtype):
    bounds = {"low": -5.0, "high": 5.0} if name == "epsilon_gamma_box" else {}
    model, x = randomize(Functional(), 0).to(dtype), image().to(dtype)
    explain = lrp.explainer(model, x, lrp.composites.COMPOSITES[name](**bounds))
    expected = explain(x, 1)
    tolerance = {torch.float32: 1e-4, torch.float64: 1e-10}[dtype]
    for layout in (x.to(memory_format=torch.channels_last), x.permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0)):
        output, relevance = explain(layout, 1)
        torch.testing.assert_close(output, expected.output, rtol=tolerance, atol=tolerance)
        torch.testing.assert_close(relevance, expected.relevance, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("kernel", [1, 3])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_weights_lie_with_the_channels_last_where_most_kernels_are_thin(kernel, dtype):
    """A CPU computes float32 so in half to all of the time, but wide kernels with more rounding errors."""
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Conv2d(4, 4, kernel), nn.Flatten()).eval().to(dtype)
    x = torch.zeros(1, 3, 8, 8, dtype=dtype)
    explain = lrp.explainer(model, x, lrp.composites.epsilon_plus())
    weight = explain.weights["conv2d"]["params"]["weight"]
    fast = dtype == torch.float32 and kernel == 1
    assert weight.is_contiguous(memory_format=torch.channels_last) == fast
    assert torch.equal(weight, model[0].weight)
    assert explain(x, model(x).detach()).relevance.is_contiguous()


@pytest.mark.slow
def test_a_compiled_program_rounds_as_the_plain_one_where_kernels_are_wide():
    """The compiler would choose the layout whose kernels add wide sums one by one."""
    torch.manual_seed(0)
    layers = [nn.Conv2d(3, 128, 3, padding=1), nn.ReLU(), nn.Conv2d(128, 128, 3, padding=1), nn.ReLU()]
    model, x = nn.Sequential(*layers, nn.Flatten(), nn.Linear(128 * 64, 5)).eval(), torch.randn(1, 3, 8, 8)
    explain = lrp.explainer(model, x, lrp.composites.epsilon_plus())
    compiled = lrp.Explainer(explain.program.compiled(), explain.weights)
    exact = lrp.explainer(model.double(), x.double(), lrp.composites.epsilon_plus())(x.double(), 1).relevance
    errors = [float((found(x, 1).relevance - exact).abs().max()) for found in (explain, compiled)]
    assert errors[1] <= 1.5 * errors[0]


def test_explainers_and_their_parts_print_in_a_line():
    """torch.func.vmap prints what it maps: with all tensors in it that took longer than the explanation."""
    x = torch.zeros(1, 3, 6, 6, dtype=torch.float64)
    explain = lrp.explainer(randomize(Functional(), 0), x, lrp.composites.epsilon_plus())
    _, pullback = explain.program(explain.weights, x)
    for part in (explain, explain.program, explain.program.graph, pullback):
        assert len(repr(part)) < 300 and "\n" not in repr(part)
    assert "input (s" in repr(explain) and "3, 6, 6)" in repr(explain)
