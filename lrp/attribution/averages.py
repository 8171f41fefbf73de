"""Averages of an attribution: over noise, over a path, over both."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice, tee
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from lrp.attribution.gradients import as_explain
from lrp.attribution.methods import Baseline, Explain, Source, at_baseline, in_chunks, method, predictor, rows_at_once
from lrp.explain.target import Target, seed_of


@method
def smooth_grad(
    source: Source,
    *,
    samples: int = 20,
    noise: float = 0.1,
    seed: int = 0,
    reduce: Literal["mean", "square", "variance"] = "mean",
):
    """mean_n A(x + sigma e_n), e_n ~ N(0, 1), sigma = noise (max x - min x) (Smilkov et al. 2017, arXiv:1706.03825).

    Args:
        source: A model, then A is its gradient; or an explainer or method, then A is that.
        noise: sigma as a part of each sample's range.
        reduce: "mean"; "square", the mean of A^2 (Hooker et al. 2019, arXiv:1806.10758); "variance", VarGrad
            (Adebayo et al. 2018, arXiv:1810.03307): the mean squared distance from the mean.
    """
    if samples < 1 or noise < 0 or reduce not in ("mean", "square", "variance"):
        raise ValueError(
            f'samples >= 1, noise >= 0 and reduce "mean", "square" or "variance", got {samples}, {noise}, {reduce!r}'
        )
    explain = as_explain(source)

    def run(x: Tensor, target: Target = None) -> tuple[Tensor, Tensor]:
        output, start = _settled(explain, x, target)
        spread = _spread(x, noise)
        generator = torch.Generator(x.device).manual_seed(seed)
        noisy = (x + spread * _normal(x, generator) for _ in range(samples))
        return output, _REDUCE[reduce](_each(explain, noisy, x, start))

    return run


@method
def gradient_shap(source: Source, *, baselines: Tensor, samples: int = 20, noise: float = 0.0, seed: int = 0):
    """Expected gradients: mean over b and t ~ U(0, 1) of (x - b) A(b + t (x - b)) (Erion et al. 2021,
    doi:10.1038/s42256-021-00343-w; Lundberg & Lee 2017, arXiv:1705.07874).

    Args:
        baselines: What b is drawn from, `(baseline, ...)`, one for every sample and draw.
        noise: As in `smooth_grad`, added to x in each draw.
    """
    explain = as_explain(source)

    def run(x: Tensor, target: Target = None) -> tuple[Tensor, Tensor]:
        if baselines.shape[1:] != x.shape[1:] or len(baselines) == 0:
            raise ValueError(f"baselines have shape {tuple(baselines.shape)}, inputs {tuple(x.shape)}")
        output, start = _settled(explain, x, target)
        generator = torch.Generator(x.device).manual_seed(seed)

        def draw() -> tuple[Tensor, Tensor]:
            chosen = torch.randint(len(baselines), (len(x),), generator=generator, device=x.device)
            base, end = baselines.to(x)[chosen], x + _spread(x, noise) * _normal(x, generator)
            t = torch.rand((len(x), *[1] * (x.ndim - 1)), generator=generator, device=x.device, dtype=x.dtype)
            return base + t * (end - base), end - base

        first, second = tee(draw() for _ in range(samples))
        found = _each(explain, (point for point, _ in first), x, start)
        parts = (span * each for (_, span), each in zip(second, found, strict=True))
        total = sum(parts, torch.zeros_like(x))
        return output, total / samples

    return run


@method
def integrated_gradients(
    source: Source,
    *,
    baseline: Baseline = 0.0,
    steps: int = 20,
    rule: Literal["riemann_right", "gauss_legendre"] = "riemann_right",
):
    """(x - b) * integral_0^1 A(b + t (x - b)) dt (Sundararajan et al. 2017, arXiv:1703.01365).

    Complete for gradients: the sum is output(x) - output(b) up to the quadrature, see `completeness_error`.

    Args:
        rule: "riemann_right", t = 1/n ... 1; "gauss_legendre", far more exact on smooth models.

    Example:
        >>> import torch
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 8), torch.nn.Tanh(), torch.nn.Linear(8, 2)).eval()
        >>> explain, x = integrated_gradients(model, rule="gauss_legendre"), torch.randn(5, 3)
        >>> output, attribution = explain(x)
        >>> bool((completeness_error(model, x, attribution) < 1e-3).all())
        True
    """
    if rule not in _RULES or steps < 1:
        raise ValueError(f"steps >= 1 and rule one of {', '.join(_RULES)}, got {steps} and {rule!r}")
    explain = as_explain(source)

    def run(x: Tensor, target: Target = None) -> tuple[Tensor, Tensor]:
        output, start = _settled(explain, x, target)
        base, total = at_baseline(x, baseline), torch.zeros_like(x)
        nodes = _RULES[rule](steps)
        path = (base + t * (x - base) for t, _ in nodes)
        for (_, weight), attribution in zip(nodes, _each(explain, path, x, start), strict=True):
            total = total + weight * attribution
        return output, (x - base) * total

    return run


def completeness_error(
    source: Source, x: Tensor, attribution: Tensor, target: Target = None, baseline: Baseline = 0.0
) -> Tensor:
    """|sum attribution - (output(x) - output(b))| of the target, for each sample: `(batch,)`."""
    predict = predictor(source)
    with torch.no_grad():
        output = predict(x)
        start = seed_of(output, target)
        gained = (start * (output - predict(at_baseline(x, baseline)))).flatten(1).sum(1)
    return (attribution.flatten(1).sum(1) - gained).abs()


def _settled(explain: Explain, x: Tensor, target: Target) -> tuple[Tensor, Tensor]:
    """The output, and the seed that `target` means there."""
    output = explain(x, target)[0]
    return output, seed_of(output, target)


def _normal(x: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)


def _spread(x: Tensor, noise: float) -> Tensor:
    """`noise` times each sample's range, `(batch, 1, ...)`."""
    flat = x.flatten(1)
    return noise * (flat.amax(1) - flat.amin(1)).reshape(-1, *[1] * (x.ndim - 1))


def _each(explain: Explain, copies: Iterator[Tensor], x: Tensor, start: Tensor) -> Iterator[Tensor]:
    """The attribution of each copy of `x`; as many copies at once as memory allows."""
    rows = rows_at_once(x)
    while group := list(islice(copies, max(1, rows // len(x)))):
        starts = start.repeat(len(group), *[1] * (start.ndim - 1))
        found = in_chunks(lambda part, seeds: explain(part, seeds)[1], torch.cat(group), starts, size=rows)
        yield from found.split(len(x))


def _mean(values: Iterator[Tensor]) -> Tensor:
    total, count = next(values), 1
    for value in values:
        total, count = total + value, count + 1
    return total / count


def _variance(values: Iterator[Tensor]) -> Tensor:
    """Of the whole population, by Welford's update: squares of large means would cancel."""
    mean, squares, count = next(values), 0.0, 1
    for value in values:
        count, off = count + 1, value - mean
        mean = mean + off / count
        squares = squares + off * (value - mean)
    return torch.as_tensor(squares / count).expand_as(mean)


_REDUCE = {"mean": _mean, "square": lambda values: _mean(value.square() for value in values), "variance": _variance}


def _riemann_right(steps: int) -> list[tuple[float, float]]:
    return [((step + 1) / steps, 1 / steps) for step in range(steps)]


def _gauss_legendre(steps: int) -> list[tuple[float, float]]:
    points, weights = np.polynomial.legendre.leggauss(steps)
    return [((point + 1) / 2, weight / 2) for point, weight in zip(points.tolist(), weights.tolist(), strict=True)]


_RULES = {"riemann_right": _riemann_right, "gauss_legendre": _gauss_legendre}
"""Nodes (t, weight) on [0, 1]."""
