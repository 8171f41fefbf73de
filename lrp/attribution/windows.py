"""Occlusion: what the output loses where a window of the input is hidden."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product

import torch
from torch import Tensor

from lrp.attribution.methods import Baseline, Source, at_baseline, in_chunks, method, predictor, rows_at_once
from lrp.explain.target import Target, seed_of

Sizes = int | Sequence[int]


@method
def occlusion(
    source: Source, *, window: Sizes, stride: Sizes | None = None, baseline: Baseline = 0.0, keep: bool = False
):
    """A_i = mean over the windows w that cover i of output(x) - output(x with w replaced by the baseline)
    (Zeiler & Fergus 2014, arXiv:1311.2901); with `keep`, of output(b with w taken from x) - output(b).

    Windows start every `stride` along each spatial dimension (all but batch and channel; the features of
    `(batch, feature)`), cover all channels, and are cut off at the right borders. Where no window reaches, A is 0.

    Args:
        window, stride: One size, or one for each spatial dimension; windows are side by side by default.
        baseline: See `lrp.attribution`.

    Raises:
        ValueError: Sizes do not fit the input's dimensions or are not positive.

    Example:
        >>> import torch
        >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(36, 2)).eval()
        >>> output, attribution = occlusion(model, window=2)(torch.randn(5, 1, 6, 6))
        >>> attribution.shape
        torch.Size([5, 1, 6, 6])
    """
    predict = predictor(source)

    def run(x: Tensor, target: Target = None) -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            output, base = predict(x), at_baseline(x, baseline)
            start = seed_of(output, target)
            there = _score(output if not keep else predict(base), start)
            total, covered = torch.zeros_like(x), torch.zeros_like(x[:1])
            for masks in _groups(_masks(x, window, stride), rows_at_once(x) // len(x)):
                hidden = torch.where(masks[:, None] != keep, base, x).flatten(0, 1)
                seeds = start.repeat(len(masks), *[1] * (start.ndim - 1))
                scores = in_chunks(lambda a, s: _score(predict(a), s), hidden, seeds, size=rows_at_once(x))
                change = (there - scores.reshape(len(masks), len(x))) * (-1 if keep else 1)
                total += torch.einsum("wb,wi->bi", change, masks.flatten(1).to(x)).reshape_as(x)
                covered += masks.sum(0)
            return output, total / covered.clamp(min=1)

    return run


def _score(output: Tensor, start: Tensor) -> Tensor:
    return (output * start).flatten(1).sum(1)


def _masks(x: Tensor, window: Sizes, stride: Sizes | None) -> Iterator[Tensor]:
    """True in the window, of one sample's shape; one for each position."""
    shape = x.shape[2:] or x.shape[1:]
    sizes = _sizes(window, len(shape), "window")
    steps = sizes if stride is None else _sizes(stride, len(shape), "stride")
    starts = (_starts(length, size, step) for length, size, step in zip(shape, sizes, steps, strict=True))
    for corner in product(*starts):
        mask = torch.zeros(x.shape[1:], dtype=torch.bool, device=x.device)
        mask[(..., *(slice(at, at + size) for at, size in zip(corner, sizes, strict=True)))] = True
        yield mask


def _starts(length: int, size: int, step: int) -> range:
    """Where windows begin: every `step`, until one reaches the end."""
    return range(0, max(length - size, 0) + step, step)


def _sizes(sizes: Sizes, count: int, name: str) -> tuple[int, ...]:
    found = (sizes,) * count if isinstance(sizes, int) else tuple(sizes)
    if len(found) != count or any(size < 1 for size in found):
        raise ValueError(f"{name} must be a positive size, or one for each of {count} spatial dimensions; got {sizes}")
    return found


def _groups(masks: Iterator[Tensor], size: int) -> Iterator[Tensor]:
    """Masks in stacks `(window, ...)` of at most `size`."""
    group: list[Tensor] = []
    for mask in masks:
        group.append(mask)
        if len(group) >= size:
            yield torch.stack(group)
            group = []
    if group:
        yield torch.stack(group)
