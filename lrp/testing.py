"""Hypothesis strategies and checks that you run on your own models, rules and rewrites.

Example, a property test of a rule of your own:
    >>> from hypothesis import given, settings
    >>> import lrp
    >>> from lrp.testing import assert_conserves, networks
    >>> @settings(max_examples=3, deadline=None, database=None)
    ... @given(networks())
    ... def test_my_rule(network):
    ...     model, x = network
    ...     assert_conserves(lrp.explainer(model, x, [("linear", lrp.rules.gamma(0.5))]), x)
    >>> test_my_rule()
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
import xarray as xr
from hypothesis import strategies as st
from torch import Tensor, nn

from lrp import composites
from lrp.accounting.account import audit
from lrp.canonizers import CANONIZERS, Rewrite, canonize
from lrp.composites.table import Composite
from lrp.explain.one_call import Explainer
from lrp.graph.graph import Graph
from lrp.graph.tracing import trace

CHANNELS, SIZE = 4, 6


class Block(nn.Module):
    """One piece of a random network: `(batch, 4, height, width)` in and out."""

    def __init__(self, kind: str, bias: bool) -> None:
        super().__init__()
        self.kind = kind
        self.conv = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1, bias=bias)
        self.norm = nn.BatchNorm2d(CHANNELS)
        self.relu = nn.ReLU(inplace=kind == "inplace")
        self.thin = nn.Conv2d(CHANNELS, CHANNELS // 2, 1, bias=bias)
        self.grouped = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=2, dilation=2, groups=2, bias=bias)

    def forward(self, x: Tensor) -> Tensor:
        return BLOCKS[self.kind](self, x)


BLOCKS: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "plain": lambda b, x: b.relu(b.conv(x)),
    "inplace": lambda b, x: b.relu(b.conv(x)),
    "norm": lambda b, x: b.relu(b.norm(b.conv(x))),
    "residual": lambda b, x: torch.relu(b.norm(b.conv(x)) + x),
    "shared": lambda b, x: b.relu(b.conv(b.relu(b.conv(x)))),
    "concat": lambda b, x: torch.cat([b.thin(x), nn.functional.relu(b.thin(x))], 1),
    "grouped": lambda b, x: b.relu(b.grouped(x)),
    "max": lambda b, x: nn.functional.max_pool2d(b.conv(x), 3, stride=1, padding=1),
    "average": lambda b, x: nn.functional.avg_pool2d(b.conv(x), 2, stride=1, count_include_pad=False),
}
"""The pieces that `networks` puts together; add your own."""


def randomize(model: nn.Module, seed: int) -> nn.Module:
    """Weights, and batch norm statistics of both signs and different scales, from a seed; in float64 and eval mode."""
    generator = torch.Generator().manual_seed(seed)
    model = model.double().eval()
    with torch.no_grad():
        for name, value in [*model.named_parameters(), *model.named_buffers()]:
            if value.is_floating_point():
                value.copy_(torch.randn(value.shape, generator=generator, dtype=value.dtype) * 0.5)
                if name.endswith("running_var"):
                    value.square_().add_(0.1)
    return model


@st.composite
def networks(draw: st.DrawFn, kinds: Sequence[str] = tuple(BLOCKS), most: int = 3) -> tuple[nn.Module, Tensor]:
    """Small random networks in float64 with an input, `(2, 4, 6, 6)`: blocks of `BLOCKS`, pooling, a classifier."""
    chosen = draw(st.lists(st.sampled_from(kinds), min_size=1, max_size=most))
    bias, seed = draw(st.booleans()), draw(st.integers(0, 2**16))
    head = [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(CHANNELS * 4, 3, bias=bias)]
    model = randomize(nn.Sequential(*(Block(kind, bias) for kind in chosen), *head), seed)
    return model, torch.randn(
        2, CHANNELS, SIZE, SIZE, generator=torch.Generator().manual_seed(seed), dtype=torch.float64
    )


@dataclass(frozen=True)
class Layer:
    """A linear layer and what it takes; `make` builds it in float64 with random weights."""

    kind: type[nn.Module]
    groups: int = 1
    stride: int = 1
    dilation: int = 1
    bias: bool = True

    @property
    def dims(self) -> int:
        return int(self.kind.__name__[-2]) if self.kind is not nn.Linear else 0

    def make(self, seed: int = 0) -> nn.Module:
        if self.kind is nn.Linear:
            return randomize(nn.Linear(6, 5, bias=self.bias), seed)
        options = {"groups": self.groups, "stride": self.stride, "dilation": self.dilation, "bias": self.bias}
        return randomize(self.kind(4, 6, 2, padding=1, **options), seed)  # type: ignore[call-arg]

    def input(self, sign: str = "signed", seed: int = 0, batch: int = 2) -> Tensor:
        """`(batch, 4, 4, ...)` or `(batch, 6)`: "signed", "nonnegative" or "zeros" (both signs and many zeros)."""
        shape = (batch, 6) if self.kind is nn.Linear else (batch, 4, *[4] * self.dims)
        x = torch.randn(shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
        return {"signed": x, "nonnegative": x.abs(), "zeros": torch.where(x.abs() < 0.7, 0.0, x)}[sign]


def linear_layers() -> st.SearchStrategy[Layer]:
    """Linear and (transposed) convolutions in 1 to 3 dimensions, grouped, strided, dilated, with bias or not."""
    kinds = [nn.Conv1d, nn.Conv2d, nn.Conv3d, nn.ConvTranspose1d, nn.ConvTranspose2d, nn.ConvTranspose3d]
    convolutions = st.builds(
        Layer, st.sampled_from(kinds), st.sampled_from([1, 2]), st.integers(1, 2), st.integers(1, 2), st.booleans()
    )
    return st.one_of(convolutions, st.builds(Layer, st.just(nn.Linear), bias=st.booleans()))


def lrp_composites(low: float = -10.0, high: float = 10.0) -> st.SearchStrategy[Composite]:
    """The named LRP composites; `low` and `high` must enclose the inputs."""
    tables = [
        composites.epsilon_gamma_box(low, high),
        composites.epsilon_gamma_box(low, high, zero_params="bias"),
        composites.epsilon_plus(),
        composites.epsilon_plus_flat(),
        composites.epsilon_alpha2_beta1(residual="absolute"),
        composites.epsilon_alpha2_beta1_flat(residual="uniform"),
        composites.excitation_backprop() + composites.base(),
    ]
    return st.sampled_from(tables)


def assert_conserves(
    explain: Explainer, x: Tensor, seed: Tensor | None = None, *, tolerance: float | None = None
) -> xr.Dataset:
    """Assert that no relevance is lost or made except by bias and stabilizer, node by node and in total.

    Args:
        explain: From `lrp.explainer`.
        seed: Relevance of the output; default the output itself.
        tolerance: Relative to the sum of the absolute terms; default 1e-9 in float64, 1e-4 in float32.

    Returns:
        The audit, for a closer look.

    Raises:
        AssertionError: Names the node, its rule, and how much is missing.
    """
    output = explain.program(explain.weights, x)[0].detach()
    account = audit(explain.program, explain.weights, x, output if seed is None else seed)
    limit = tolerance if tolerance is not None else 1e-9 if x.dtype == torch.float64 else 1e-4
    scale = account.scale + 1e-300
    off = float((abs(account.residual) / scale).max())
    assert off <= limit, f"relevance is not accounted for: off by {off:.2g} of the sum of absolute terms"
    lost = leaks(account)
    wrong = lost.node.values[lost.values > limit]
    assert not len(wrong), f"the rule {account.rule.sel(node=wrong[0]).item()} drops relevance at {', '.join(wrong)}"
    return account


def leaks(account: xr.Dataset) -> xr.DataArray:
    """What each node drops beside bias and stabilizer, relative to the sum of absolute terms; 0 where its rule may."""
    lost = (abs(account.dropped) / (account.scale + 1e-300)).max("sample", skipna=False)
    return lost.where(~account.drops, 0.0)


def assert_canonization_preserves(
    model: nn.Module, x: Tensor, rewrites: Sequence[Rewrite] = CANONIZERS, *, tolerance: float | None = None
) -> Graph:
    """Assert that rewrites keep the function, also with one sample and other parameters.

    Returns:
        The rewritten graph.

    Raises:
        AssertionError: Says by how much the outputs differ, relative to the largest.
    """
    graph = trace(model, x)
    rewritten = canonize(graph, rewrites)
    limit = tolerance if tolerance is not None else 1e-10 if x.dtype == torch.float64 else 1e-4
    other = {k: v * 1.1 + 0.01 if v.is_floating_point() else v for k, v in graph.params.items()}
    for params, sample in [(graph.params, x), (graph.params, x[:1]), (other, x)]:
        expected, found = graph(params, sample), rewritten(params, sample)
        off = float((found - expected).detach().abs().max() / expected.detach().abs().max().clamp(min=1e-300))
        assert off <= limit, f"the rewritten graph computes something else: off by {off:.2g} of the largest output"
    return rewritten
