"""Averages of an attribution: over noise, over a path, over both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice, tee
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from lrp.attribution.gradients import as_explain
from lrp.attribution.inputs import Baseline, at_baseline, each, joined, moved, numbers, parts, size, total
from lrp.attribution.methods import Explain, Source, in_chunks, method, predictor, rows_at_once
from lrp.explain.target import Target, seed_of
from lrp.graph.graph import Example


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

    def run(x: Any, target: Target = None) -> tuple[Tensor, Any]:
        output, start = _settled(explain, x, target)
        noisy = _noisy(x, noise, _generator(x, seed))
        copies = (noisy() for _ in range(samples))
        return output, _REDUCE[reduce](x, _each(explain, copies, x, start))

    return run


@method
def gradient_shap(source: Source, *, baselines: Any, samples: int = 20, noise: float = 0.0, seed: int = 0):
    """Expected gradients: mean over b and t ~ U(0, 1) of (x - b) A(b + t (x - b)) (Erion et al. 2021,
    doi:10.1038/s42256-021-00343-w; Lundberg & Lee 2017, arXiv:1705.07874).

    Args:
        baselines: What b is drawn from, `(baseline, ...)`, one for every sample and draw; of several inputs a tuple or
            dict of them, one and the same position of each.
        noise: As in `smooth_grad`, added to x in each draw.
    """
    explain = as_explain(source)

    def run(x: Any, target: Target = None) -> tuple[Tensor, Any]:
        count = _count_of(baselines, x)
        output, start = _settled(explain, x, target)
        first, generator = numbers(x)[0], _generator(x, seed)
        noisy = _noisy(x, noise, generator)

        def draw() -> tuple[Any, Any]:
            chosen = torch.randint(count, (len(first),), generator=generator, device=first.device)
            ends = noisy()
            t = torch.rand(len(first), generator=generator, device=first.device, dtype=first.dtype)
            starts = moved(lambda leaf, among: among.to(leaf)[chosen], x, baselines)
            spans = each(lambda end, base: end - base, ends, starts)
            return moved(lambda base, span: base + _along(t, base) * span, starts, spans), spans

        points, spans = tee(draw() for _ in range(samples))
        found = _each(explain, (point for point, _ in points), x, start)
        sums = each(torch.zeros_like, x)
        for (_, span), attribution in zip(spans, found, strict=True):
            sums = each(lambda _, old, length, part: old + length * part, x, sums, span, attribution)
        return output, each(lambda _, whole: whole / samples, x, sums)

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

    def run(x: Any, target: Target = None) -> tuple[Tensor, Any]:
        output, start = _settled(explain, x, target)
        base, sums = at_baseline(x, baseline), each(torch.zeros_like, x)
        nodes = _RULES[rule](steps)
        path = (moved(lambda leaf, b, t=t: b + t * (leaf - b), x, base) for t, _ in nodes)
        for (_, weight), attribution in zip(nodes, _each(explain, path, x, start), strict=True):
            sums = each(lambda _, old, part, weight=weight: old + weight * part, x, sums, attribution)
        return output, each(lambda leaf, b, mean: (leaf - b) * mean, x, base, sums)

    return run


def completeness_error(
    source: Source, x: Example, attribution: Any, target: Target = None, baseline: Baseline = 0.0
) -> Tensor:
    """|sum attribution - (output(x) - output(b))| of the target, for each sample: `(batch,)`."""
    predict = predictor(source)
    with torch.no_grad():
        output = predict(x)
        start = seed_of(output, target)
        gained = (start * (output - predict(at_baseline(x, baseline)))).flatten(1).sum(1)
    return (total(attribution) - gained).abs()


def _settled(explain: Explain, x: Any, target: Target) -> tuple[Tensor, Tensor]:
    """The output, and the seed that `target` means there."""
    output = explain(x, target)[0]
    return output, seed_of(output, target)


def _generator(x: Any, seed: int) -> torch.Generator:
    return torch.Generator(numbers(x)[0].device).manual_seed(seed)


def _noisy(x: Any, noise: float, generator: torch.Generator) -> Callable[[], Any]:
    """Draws of `x + sigma e`, sigma = `noise` times each sample's range; integers stay as they are."""
    spread = each(lambda leaf: noise * _range(leaf), x)
    return lambda: moved(lambda leaf, sigma: leaf + sigma * _normal(leaf, generator), x, spread)


def _normal(x: Tensor, generator: torch.Generator) -> Tensor:
    return torch.randn(x.shape, generator=generator, device=x.device, dtype=x.dtype)


def _range(leaf: Tensor) -> Tensor:
    """Largest less smallest value of each sample, `(batch, 1, ...)`."""
    flat = leaf.flatten(1) if leaf.ndim > 1 else leaf[:, None]
    return _along(flat.amax(1) - flat.amin(1), leaf)


def _along(values: Tensor, leaf: Tensor) -> Tensor:
    """One value a sample, so that it broadcasts to `leaf`."""
    return values.to(leaf).reshape(-1, *[1] * (leaf.ndim - 1))


def _count_of(baselines: Any, x: Any) -> int:
    """How many baselines there are to draw from.

    Raises:
        ValueError: They do not fit the inputs, or there are none.
    """
    counts: list[int] = []

    def check(leaf: Tensor, among: Tensor) -> None:
        if among.shape[1:] != leaf.shape[1:] or len(among) == 0:
            raise ValueError(f"baselines have shape {tuple(among.shape)}, inputs {tuple(leaf.shape)}")
        counts.append(len(among))

    each(check, x, baselines)
    if len(set(counts)) != 1:
        raise ValueError(f"the inputs have {', '.join(map(str, counts))} baselines: one draw takes one of each")
    return counts[0]


def _each(explain: Explain, copies: Iterator[Any], x: Any, start: Tensor) -> Iterator[Any]:
    """The attribution of each copy of `x`; as many copies at once as memory allows."""
    rows = rows_at_once(x, explain)
    while group := list(islice(copies, max(1, rows // size(x)))):
        starts = start.repeat(len(group), *[1] * (start.ndim - 1))
        found = in_chunks(lambda part, seeds: explain(part, seeds)[1], joined(group), starts, count=rows)
        yield from parts(found, size(x))


def _mean(x: Any, values: Iterator[Any]) -> Any:
    whole, count = next(values), 1
    for value in values:
        whole, count = each(lambda _, old, new: old + new, x, whole, value), count + 1
    return each(lambda _, old: old / count, x, whole)


def _square(x: Any, values: Iterator[Any]) -> Any:
    return _mean(x, (each(lambda _, value: value.square(), x, value) for value in values))


def _variance(x: Any, values: Iterator[Any]) -> Any:
    """Of the whole population, by Welford's update: squares of large means would cancel."""
    mean, count = next(values), 1
    squares = each(torch.zeros_like, x)
    for value in values:
        count += 1
        before, share = mean, 1 / count
        mean = each(lambda _, old, new, share=share: old + share * (new - old), x, before, value)
        squares = each(lambda _, s, new, old, now: s + (new - old) * (new - now), x, squares, value, before, mean)
    return each(lambda _, s: s / count, x, squares)


_REDUCE = {"mean": _mean, "square": _square, "variance": _variance}


def _riemann_right(steps: int) -> list[tuple[float, float]]:
    return [((step + 1) / steps, 1 / steps) for step in range(steps)]


def _gauss_legendre(steps: int) -> list[tuple[float, float]]:
    points, weights = np.polynomial.legendre.leggauss(steps)
    return [((point + 1) / 2, weight / 2) for point, weight in zip(points.tolist(), weights.tolist(), strict=True)]


_RULES = {"riemann_right": _riemann_right, "gauss_legendre": _gauss_legendre}
"""Nodes (t, weight) on [0, 1]."""
