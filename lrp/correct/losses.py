"""What a correction by training minimizes: terms of `(params, samples, generator)`, for `tune`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from lrp.correct.rewrites.projections import project
from lrp.correct.samples import Samples
from lrp.graph.graph import Graph
from lrp.transform.program import Program

Params = Mapping[str, Tensor]
Loss = Callable[[Params, Samples, torch.Generator], Tensor]
"""A number to be minimized, differentiable in the parameters; what it draws, it draws from the generator."""


def classification(graph: Graph) -> Loss:
    """Cross-entropy of the predictions."""

    def loss(params: Params, data: Samples, generator: torch.Generator) -> Tensor:
        del generator
        return F.cross_entropy(graph(params, data.x), data.y)

    return loss


def right_reasons(program: Program) -> Loss:
    """RRR: the cosine of |relevance| and the artefact's mask, over samples that have one (Ross et al. 2017).

    With a program of `composites.GRADIENT` it is the input's gradient that leaves the artefact, with any other LRP.

    Raises:
        ValueError: The samples have no masks.
    """

    def loss(params: Params, data: Samples, generator: torch.Generator) -> Tensor:
        del generator
        if data.mask is None:
            raise ValueError("right_reasons needs samples with masks of the artefact: Samples(x, y, mask=...)")
        chosen = data.mask.flatten(1).any(1)
        if not chosen.any():
            return data.x.new_zeros(())
        output, pullback = program(program.prepare(params), data.x[chosen])
        seed = F.one_hot(data.y[chosen], output.shape[1]).to(output.dtype)
        relevance = pullback(seed).sum(1).abs().flatten(1)
        return F.cosine_similarity(relevance, data.mask[chosen].flatten(1)).sum() / len(data)

    return loss


def insensitive(program: Program, layer: str, v: Tensor) -> Loss:
    """RR-ClArC: (v . gradient at the layer of randomly signed logits)^2, of length-1 v (Dreyer et al. 2024).

    Args:
        program: Of `composites.GRADIENT`.
        v: `(channel,)`, then the gradient is averaged over places first, or of the layer's output's shape.
    """
    unit = v / v.norm()

    def loss(params: Params, data: Samples, generator: torch.Generator) -> Tensor:
        output, pullback = program(program.prepare(params), data.x)
        signs = torch.randint(0, 2, output.shape, generator=generator).to(output) * 2 - 1
        _, hidden = pullback(signs, at=[layer])
        gradient = hidden[layer].relevance
        if unit.shape != gradient.shape[1:]:
            gradient = gradient.flatten(2).mean(2) if gradient.ndim > 2 else gradient
        return (gradient.flatten(1) @ unit.flatten()).square().mean()

    return loss


def pasted(graph: Graph, source: Samples) -> Loss:
    """Cross-entropy once the located artefact of a random source is put on every sample: then it tells nothing.

    Args:
        source: Samples with the artefact, and the masks of where it is.

    Raises:
        ValueError: No source has a mask.
    """
    if source.mask is None or not (chosen := source.mask.flatten(1).any(1)).any():
        raise ValueError("pasted needs sources with masks of the artefact; located masks are empty")
    source = source.rows(chosen)

    def loss(params: Params, data: Samples, generator: torch.Generator) -> Tensor:
        return F.cross_entropy(graph(params, paste(data.x, source, generator)), data.y)

    return loss


def paste(x: Tensor, source: Samples, generator: torch.Generator) -> Tensor:
    """x with the artefact of a random source each, at its own place."""
    assert source.mask is not None
    rows = torch.randint(0, len(source), (len(x),), generator=generator)
    return torch.where(source.mask[rows] > 0, source.x[rows], x)


def augment(graph: Graph, layer: str, v: Tensor, to: float) -> Loss:
    """A-ClArC: cross-entropy with every sample's component along v as high as the artefact's, during training only
    (Anders et al. 2022, Eq. 8).

    Args:
        to: Mean of v . a, of samples with the artefact.
    """
    augmented = project(graph, layer, v, to)
    added = {name: value for name, value in augmented.params.items() if name not in graph.params}

    def loss(params: Params, data: Samples, generator: torch.Generator) -> Tensor:
        del generator
        return F.cross_entropy(augmented({**params, **added}, data.x), data.y)

    return loss


def scaled(loss: Loss, params: Params, data: Iterable[Samples], seed: int = 0) -> Loss:
    """A loss divided by its mean at the start, so that a weight of 1 means the same on all data.

    Raises:
        ValueError: It is zero (or not finite) at the start: there is nothing to correct by it, or no sample has a mask.
    """
    generator = torch.Generator().manual_seed(seed)
    values = [float(loss(params, batch, generator).detach()) for batch in data]
    start = sum(values) / max(1, len(values))
    if not start or start != start or abs(start) == float("inf"):
        raise ValueError(
            f"this loss is {start:g} at the start: no sample has a mask, or the model ignores the artefact"
        )

    def relative(params: Params, data: Samples, generator: torch.Generator) -> Tensor:
        return loss(params, data, generator) / start

    return relative
