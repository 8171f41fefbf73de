"""Occlusion: what the output loses where a window of the input is hidden."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import torch
from torch import Tensor

from lrp.attribution.inputs import Baseline, at_baseline, numbers, structured, tensors_of
from lrp.attribution.methods import Source, in_chunks, method, predictor, rows_at_once
from lrp.explain.target import Target, seed_of

Sizes = int | Sequence[int]
OfInputs = Mapping[Any, Sizes]


@method
def occlusion(
    source: Source,
    *,
    window: Sizes | OfInputs,
    stride: Sizes | OfInputs | None = None,
    baseline: Baseline = 0.0,
    keep: bool = False,
):
    """A_i = mean over the windows w that cover i of output(x) - output(x with w replaced by the baseline)
    (Zeiler & Fergus 2014, arXiv:1311.2901); with `keep`, of output(b with w taken from x) - output(b).

    Windows start every `stride` along each spatial dimension (all but batch and channel; the features of
    `(batch, feature)`), cover all channels, and are cut off at the right borders. Where no window reaches, A is 0. Of
    several inputs each is hidden in part while the others are whole.

    Args:
        window, stride: One size, or one for each spatial dimension; windows are side by side by default. Of several
            inputs a dict of them may be given, by the input's key or number.
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

    def run(x: Any, target: Target = None) -> tuple[Tensor, Any]:
        with torch.no_grad():
            output, base = predict(x), at_baseline(x, baseline)
            start = seed_of(output, target)
            there = _score(output if not keep else predict(base), start)
            leaves, floors = tensors_of(x), tensors_of(base)
            whole = leaves if not keep else floors
            names = list(x) if isinstance(x, dict) else list(range(len(leaves)))

            def hidden_in(at: int) -> Tensor:
                leaf, floor = leaves[at], floors[at]
                total, covered = torch.zeros_like(leaf), torch.zeros_like(leaf[:1])
                own = [_of_input(sizes, names[at], len(leaves)) for sizes in (window, stride)]
                for masks in _groups(_masks(leaf, *own), rows_at_once(x, source) // len(leaf)):
                    hidden = torch.where(masks[:, None] != keep, floor, leaf).flatten(0, 1)
                    others = [_copies(other, len(masks)) for other in whole]
                    given = structured([*others[:at], hidden, *others[at + 1 :]], x)
                    scores = in_chunks(
                        lambda a, s: _score(predict(a), s),
                        given,
                        _copies(start, len(masks)),
                        count=rows_at_once(x, source),
                    )
                    change = (there - scores.reshape(len(masks), len(leaf))) * (-1 if keep else 1)
                    total += torch.einsum("wb,wi->bi", change.to(leaf), masks.flatten(1).to(leaf)).reshape_as(leaf)
                    covered += masks.sum(0)
                return total / covered.clamp(min=1)

            numbers(x)
            return output, structured(
                [hidden_in(at) if leaf.is_floating_point() else None for at, leaf in enumerate(leaves)], x
            )

    return run


def _copies(values: Tensor, count: int) -> Tensor:
    return values.repeat(count, *[1] * (values.ndim - 1))


def _of_input(sizes: Any, name: Any, inputs: int) -> Any:
    """The sizes for one of several inputs."""
    if not isinstance(sizes, Mapping):
        return sizes
    if name not in sizes:
        raise ValueError(f"there is no size for input {name!r} of {inputs}, only for {', '.join(map(repr, sizes))}")
    return sizes[name]


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
