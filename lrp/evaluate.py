"""How good an explanation is: faithfulness by flipping, agreement with a mask, and sensitivity to the weights.

Flipping follows Samek et al. 2017 (doi:10.1109/TNNLS.2016.2599820), with the symmetric gain of Bluecher et al. 2024
(arXiv:2401.06654); localization Arras et al. 2022 (doi:10.1016/j.inffus.2021.11.008); randomization is in
`lrp.evaluate_randomize`.
"""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

from lrp.attribution_method import Baseline, Source, at_baseline, in_chunks, predictor, rows_at_once
from lrp.evaluate_randomize import emprt, entropy, mprt, spearman
from lrp.explain import Target, seed_of

__all__ = [
    "abpc",
    "aopc",
    "emprt",
    "entropy",
    "flipping_curve",
    "mask_share",
    "mprt",
    "pointing_game",
    "relevance_mass",
    "relevance_rank",
    "spearman",
    "srg",
]


def flipping_curve(
    source: Source,
    x: Tensor,
    attribution: Tensor,
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
        attribution: Of the input's shape, or with one channel; channels are summed.
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
    places = _patches(attribution, x, patch)
    rank = _ranks(places if order == "lerf" else -places, seed)
    predict, base = predictor(source), at_baseline(x, baseline)
    with torch.no_grad():
        start = seed_of(predict(x), target)

        def score(k: int) -> Tensor:
            flipped = (rank < round(k * rank.shape[1] / steps)).reshape(len(x), *_grid(x, patch))
            mask = _enlarged(flipped, patch).unsqueeze(1)
            changed = torch.where(mask, base, x)
            return in_chunks(
                lambda rows, s: (predict(rows) * s).flatten(1).sum(1), changed, start, size=rows_at_once(x)
            )

        return torch.stack([score(k) for k in range(steps + 1)], 1)


def _grid(x: Tensor, patch: int) -> tuple[int, ...]:
    return tuple(size // patch for size in x.shape[2:])


def _patches(attribution: Tensor, x: Tensor, patch: int) -> Tensor:
    """Summed relevance of each patch, `(batch, patch)`."""
    fits = attribution.shape[0] == x.shape[0] and attribution.shape[2:] == x.shape[2:] and x.ndim > 2
    if not fits:
        raise ValueError(f"attribution {tuple(attribution.shape)} does not fit images {tuple(x.shape)}")
    if any(size % patch for size in x.shape[2:]):
        raise ValueError(f"patches of {patch} do not divide images of {tuple(x.shape[2:])}")
    summed = attribution.sum(1)
    for axis in range(1, summed.ndim):
        summed = summed.unflatten(axis, (-1, patch)).sum(axis + 1)
    return summed.flatten(1)


def _enlarged(mask: Tensor, patch: int) -> Tensor:
    for axis in range(1, mask.ndim):
        mask = mask.repeat_interleave(patch, axis)
    return mask


def _ranks(values: Tensor, seed: int) -> Tensor:
    """Position of each value in ascending order, ties at random: `(batch, n)`."""
    generator = torch.Generator(values.device).manual_seed(seed)
    shuffled = torch.rand(values.shape, generator=generator, device=values.device).argsort(1)
    order = shuffled.gather(1, values.gather(1, shuffled).sort(stable=True, dim=1).indices)
    return order.argsort(1)


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


def relevance_mass(attribution: Tensor, mask: Tensor) -> Tensor:
    """Positive relevance inside the mask / all positive relevance: `(batch,)`, 0 where there is none.

    Args:
        attribution: `(batch, channel, *places)`; channels are summed before signs are looked at.
        mask: Boolean, `(batch, *places)` or `(*places)`.
    """
    values, inside = _flat(attribution, mask)
    return _share(values.clamp(min=0), inside)


def mask_share(attribution: Tensor, mask: Tensor) -> Tensor:
    """|relevance| inside the mask / all |relevance|: `(batch,)`, 0 where there is none."""
    values, inside = _flat(attribution, mask)
    return _share(values.abs(), inside)


def relevance_rank(attribution: Tensor, mask: Tensor) -> Tensor:
    """Of the |M| most relevant places, the part that lies inside the mask M: `(batch,)`, 0 for an empty mask."""
    values, inside = _flat(attribution, mask)
    rank, size = _ranks(-values, 0), inside.sum(1, keepdim=True)
    return ((rank < size) & inside).sum(1) / size.squeeze(1).clamp(min=1)


def pointing_game(attribution: Tensor, mask: Tensor) -> Tensor:
    """Whether the most relevant place lies inside the mask (Zhang et al. 2018, doi:10.1007/s11263-017-1059-x)."""
    values, inside = _flat(attribution, mask)
    return inside.gather(1, values.argmax(1, keepdim=True)).squeeze(1)


def _flat(attribution: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Relevance summed over channels, and the mask, both `(batch, place)`."""
    values = attribution.sum(1)
    mask = mask.squeeze(1) if mask.ndim == attribution.ndim and mask.shape[1] == 1 else mask
    if mask.dtype != torch.bool or mask.shape[-(values.ndim - 1) :] != values.shape[1:]:
        raise ValueError(f"mask must be boolean of {tuple(values.shape[1:])}, got {mask.dtype} {tuple(mask.shape)}")
    return values.flatten(1), mask.expand_as(values).flatten(1)


def _share(values: Tensor, inside: Tensor) -> Tensor:
    whole = values.sum(1)
    return torch.where(whole > 0, (values * inside).sum(1) / torch.where(whole > 0, whole, 1), 0)
