"""Does an explanation depend on what the model has learned? Layer after layer is drawn anew, and maps are compared.

The original weights are drawn anew and prepared again: the graph expresses merged weights over the model's own, so
that nothing is randomized twice or forgotten (batch norm's statistics keep their meaning).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor

from lrp._torch import pytree
from lrp.evaluate.ranks import spearman
from lrp.explain.one_call import Explainer
from lrp.explain.target import Target, seed_of
from lrp.graph.graph import Example


class Randomized(NamedTuple):
    """Of each layer, in the order of randomization: everything up to and with it is random."""

    layers: tuple[str, ...]
    similarity: Tensor
    """Spearman's rank correlation with the original map: (layer, batch)"""
    entropy: Tensor
    """Of the map's histogram, the original one first: (1 + layer, batch)"""


Draw = Callable[[str, Tensor, torch.Generator], Tensor]
"""`draw(name, parameter, generator) -> new values` of the same shape."""


def permuted(name: str, parameter: Tensor, generator: torch.Generator) -> Tensor:
    """The same values at other places: scale and distribution stay, what was learned does not."""
    del name
    order = torch.randperm(parameter.numel(), generator=generator, device=parameter.device)
    return parameter.flatten()[order].reshape_as(parameter)


def mprt(
    explain: Explainer,
    x: Example,
    target: Target = None,
    *,
    order: Literal["top_down", "bottom_up"] = "top_down",
    draw: Draw = permuted,
    bins: int = 100,
    seed: int = 0,
) -> Randomized:
    """Cascading model-parameter randomization (Adebayo et al. 2018, arXiv:1810.03292).

    Args:
        explain: From `lrp.explainer`; unchanged.
        x: One input or several, whose maps are then compared as one.
        target: Settled at the original model.
        order: "top_down" begins at the output, "bottom_up" at the input.
        draw: How parameters are drawn anew; by default their values are permuted.
        bins: Of the histograms whose entropy is computed.

    Example:
        >>> import torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(16, 8), torch.nn.ReLU(),
        ...                             torch.nn.Linear(8, 2)).eval()
        >>> explain = lrp.explainer(model, torch.zeros(1, 1, 4, 4), lrp.composites.epsilon_plus())
        >>> found = mprt(explain, torch.rand(5, 1, 4, 4))
        >>> found.layers, found.similarity.shape
        (('3', '1'), torch.Size([2, 5]))
    """
    output, original = explain(x, target)
    start, params = seed_of(output, target), dict(explain.program.graph.params)
    generator = torch.Generator(start.device).manual_seed(seed)
    layers = list(_layers(params))[:: -1 if order == "top_down" else 1]
    maps = [_flat(original)]
    for layer in layers:
        for name in _layers(params)[layer]:
            params[name] = draw(name, params[name], generator)
        weights = explain.program.prepare(params)
        maps.append(_flat(replace(explain, weights=weights)(x, start)[1]))
    similarity = torch.stack([spearman(maps[0], each) for each in maps[1:]])
    return Randomized(tuple(layers), similarity, torch.stack([entropy(each, bins) for each in maps]))


def _flat(relevance: Any) -> Tensor:
    """All that a sample's inputs receive, `(batch, place)`."""
    parts = [part.reshape(len(part), -1) for part in pytree.tree_leaves(relevance) if part is not None]
    return torch.cat(parts, 1)


def emprt(found: Randomized) -> Tensor:
    """Relative rise of entropy when all is random, (H_random - H) / H (Hedstroem et al. 2023, arXiv:2401.06465): how
    much less structure a map has that explains nothing. `(batch,)`"""
    return (found.entropy[-1] - found.entropy[0]) / found.entropy[0]


def _layers(params: Mapping[str, Tensor]) -> dict[str, list[str]]:
    """Layer -> its floating-point parameters, in the order of the model's definition; buffers of statistics stay."""
    found: dict[str, list[str]] = {}
    for name, parameter in params.items():
        layer, _, own = name.rpartition(".")
        if parameter.is_floating_point() and not own.startswith("running_"):
            found.setdefault(layer, []).append(name)
    return found


def entropy(values: Tensor, bins: int = 100) -> Tensor:
    """-sum p log p of each sample's histogram over its own range: `(batch,)`."""
    flat = values.flatten(1)
    low, high = flat.amin(1, keepdim=True), flat.amax(1, keepdim=True)
    span = torch.where(high > low, high - low, 1)
    at = ((flat - low) / span * bins).long().clamp(max=bins - 1)
    counts = torch.zeros(len(flat), bins, dtype=torch.float64, device=flat.device)
    counts.scatter_add_(1, at, torch.ones_like(at, dtype=torch.float64))
    return torch.special.entr(counts / flat.shape[1]).sum(1)
