"""Faithfulness: how the output falls as the input is flipped, in order of relevance.

Samek et al. 2017 (doi:10.1109/TNNLS.2016.2599820), with the symmetric gain of Bluecher et al. 2024 (arXiv:2401.06654).
"""

from __future__ import annotations

from typing import Any, Literal

import torch
from torch import Tensor

from lrp._torch import pytree
from lrp.attribution.inputs import Baseline, at_baseline, each, structured, tensors_of
from lrp.attribution.methods import Source, in_chunks, predictor, rows_at_once
from lrp.evaluate.ranks import ranks
from lrp.explain.target import Target, seed_of
from lrp.graph.graph import Example


def flipping_curve(
    source: Source,
    x: Example,
    attribution: Any,
    target: Target = None,
    *,
    order: Literal["morf", "lerf"] = "morf",
    steps: int = 20,
    patch: int = 1,
    baseline: Baseline = 0.0,
    seed: int = 0,
) -> Tensor:
    """The target's output while more and more places of the input are replaced by the baseline: `(batch, steps + 1)`.

    Curves of both orders begin at the input and end at the baseline itself; column k has k / steps of the patches
    replaced, rounded. Ties are broken at random, so that no attribution is favoured by the order of places.

    Args:
        source: A model, an explainer or a function `x -> output`.
        x: `(batch, channel, *places)` or `(batch, place)`; or a tuple or dict of inputs, whose places are then ranked
            together. Integers are held as they are.
        attribution: Of the input's shape, or with one channel; channels are summed. Of several inputs in their
            structure, None for those that are held.
        order: "morf", most relevant first, or "lerf", least relevant first.
        patch: Side of the squares that are replaced as a whole, by their summed relevance; must divide the image.
        baseline: One imputed picture for all steps; see `lrp.attribution`.

    Raises:
        ValueError: The attribution does not fit the input, or the patches the image.

    Example:
        >>> import torch
        >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 2)).eval()
        >>> x = torch.rand(5, 1, 4, 4)
        >>> flipping_curve(model, x, x, target=0, steps=4).shape
        torch.Size([5, 5])
    """
    if order not in ("morf", "lerf") or steps < 1:
        raise ValueError(f'order "morf" or "lerf" and steps >= 1, got {order!r} and {steps}')
    predict, base = predictor(source), at_baseline(x, baseline)
    leaves, floors = tensors_of(x), tensors_of(base)
    given = each(lambda leaf, own: None if own is None else _patches(own, leaf, patch), x, attribution)
    places = pytree.tree_leaves(given)
    counts = [0 if found is None else found.shape[1] for found in places]
    if not sum(counts):
        raise ValueError("no input has both floating-point values and an attribution: there is nothing to flip")
    summed = torch.cat([found for found in places if found is not None], 1)
    rank = ranks(summed if order == "lerf" else -summed, seed)
    with torch.no_grad():
        start = seed_of(predict(x), target)

        def score(k: int) -> Tensor:
            flipped = (rank < round(k * rank.shape[1] / steps)).split(counts, 1)
            changed = structured([_replaced(*one, patch) for one in zip(leaves, floors, flipped, strict=True)], x)
            return in_chunks(
                lambda rows, s: (predict(rows) * s).flatten(1).sum(1), changed, start, count=rows_at_once(x, source)
            )

        return torch.stack([score(k) for k in range(steps + 1)], 1)


def _replaced(x: Tensor, base: Tensor, flipped: Tensor, patch: int) -> Tensor:
    """One input with its flipped patches, `(batch, patch)`, at the baseline; one without patches as it is."""
    if not flipped.shape[1]:
        return x
    if x.ndim == 2:
        return torch.where(_enlarged(flipped, patch), base, x)
    grid = [size // patch for size in x.shape[2:]]
    return torch.where(_enlarged(flipped.reshape(len(x), *grid), patch).unsqueeze(1), base, x)


def _patches(attribution: Tensor, x: Tensor, patch: int) -> Tensor:
    """Summed relevance of each patch, `(batch, patch)`."""
    sizes = x.shape[2:] if x.ndim > 2 else x.shape[1:]
    fits = x.ndim > 1 and attribution.ndim == x.ndim and attribution.shape[0] == x.shape[0]
    if not fits or attribution.shape[-len(sizes) :] != sizes:
        raise ValueError(f"attribution {tuple(attribution.shape)} does not fit inputs {tuple(x.shape)}")
    if any(size % patch for size in sizes):
        raise ValueError(f"patches of {patch} do not divide inputs of {tuple(sizes)}")
    summed = attribution.sum(1) if x.ndim > 2 else attribution
    for axis in range(1, summed.ndim):
        summed = summed.unflatten(axis, (-1, patch)).sum(axis + 1)
    return summed.flatten(1)


def _enlarged(mask: Tensor, patch: int) -> Tensor:
    for axis in range(1, mask.ndim):
        mask = mask.repeat_interleave(patch, axis)
    return mask


def aopc(curve: Tensor) -> Tensor:
    """Mean drop along a MoRF curve, higher is better: mean_k>0 (f_0 - f_k), `(batch,)`."""
    return (curve[:, :1] - curve[:, 1:]).mean(1)


def abpc(lerf: Tensor, morf: Tensor) -> Tensor:
    """Area between the curves, higher is better: mean_k (lerf_k - morf_k) over the steps between the common ends."""
    return (lerf - morf)[:, 1:-1].mean(1)


def srg(lerf: Tensor, morf: Tensor) -> Tensor:
    """Symmetric relevance gain, AUC(lerf) - AUC(morf) by trapezoids; an attribution and its negative are opposite."""
    steps = lerf.shape[1] - 1
    return torch.trapezoid(lerf - morf, dx=1 / steps, dim=1)
