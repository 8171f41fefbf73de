"""All that is computed of one batch: by one method or several, for one class or several, at hidden layers too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from lrp._torch import pytree
from lrp.attribution.methods import Explain
from lrp.explain.one_call import Explainer
from lrp.explain.target import Target, seed_of

CLASSES_AT_ONCE = 4  # relevance maps of one batch in memory


class Maps(NamedTuple):
    """What is computed of a batch; mappings by method, in the order of methods, or by layer."""

    output: Tensor
    """(batch, class)"""
    target: Tensor
    """The class explained, -1 where the seed is of several: (batch,)"""
    relevance: dict[str, Tensor]
    each: dict[str, Tensor]
    """Relevance for each of `classes`: (batch, rank, ...); empty if one class is all that was asked for."""
    classes: Tensor | None
    """(batch, rank)"""
    concepts: dict[str, Tensor]
    """Relevance of the channels of hidden layers: (batch, channel)"""


def attribute(
    methods: Mapping[str, Explain], x: Tensor, target: Target, top: int | None, concepts: Sequence[str] = ()
) -> Maps:
    """Explain a batch; a model that is tied to a larger batch sees the last sample several times.

    Args:
        target: See `lrp.explain.Target`.
        top: Beside the target, explain the so many highest outputs, 0 for every class, None for no more.
        concepts: Layers of the first method's model; relevance is summed over all but batch and channel there.
    """
    tied = {e.program.graph.batch for e in methods.values() if isinstance(e, Explainer)} - {None}
    missing = max((size or 0 for size in tied), default=0) - len(x)
    if missing <= 0:
        return _attribute(methods, x, target, top, concepts)
    if isinstance(target, Tensor):
        target = torch.cat([target, target[-1:].expand(missing, *target.shape[1:])])
    maps = _attribute(methods, torch.cat([x, x[-1:].expand(missing, *x.shape[1:])]), target, top, concepts)
    return pytree.tree_map(lambda value: value if value is None else value[: len(x)], maps)


def _attribute(
    methods: Mapping[str, Explain], x: Tensor, target: Target, top: int | None, concepts: Sequence[str]
) -> Maps:
    first, *others = methods.items()
    output, relevance, hidden = _with_hidden(first[1], x, target, concepts)
    if output.ndim != 2:
        raise ValueError(f"the output has shape {tuple(output.shape)}, expected (batch, class)")
    seed = seed_of(output, target)
    single = torch.where((seed != 0).sum(1) == 1, seed.abs().argmax(1), -1)
    maps = {first[0]: relevance, **{name: explain(x, seed)[1] for name, explain in others}}
    classes = None if top is None else _classes(output, top)
    each = {} if classes is None else {name: _each(explain, x, classes) for name, explain in methods.items()}
    return Maps(output, single, maps, each, classes if top else None, hidden)


def _classes(output: Tensor, top: int) -> Tensor:
    """The `top` highest outputs of each sample, highest first; all in their own order for 0."""
    if top > output.shape[1]:
        raise ValueError(f"the {top} highest of {output.shape[1]} classes were asked for")
    return output.topk(top, 1).indices if top else torch.arange(output.shape[1], device=output.device).expand_as(output)


def _with_hidden(
    explain: Explain, x: Tensor, target: Target, concepts: Sequence[str]
) -> tuple[Tensor, Tensor, dict[str, Tensor]]:
    if not concepts:
        output, relevance = explain(x, target)
        return output, relevance, {}
    if not isinstance(explain, Explainer):
        raise TypeError(f"concepts need an explainer from lrp.explainer, {type(explain).__name__} has no hidden layers")
    output, pullback = explain.program(explain.weights, x)
    relevance, hidden = pullback(seed_of(output, target), at=list(concepts))
    return output, relevance, {layer: _channels(found.relevance) for layer, found in hidden.items()}


def _channels(relevance: Tensor) -> Tensor:
    """Sums over places: of `(batch, channel, *places)`, but `(batch, token, channel)` as transformers have it."""
    if relevance.ndim == 3:
        return relevance.sum(1)
    return relevance.flatten(2).sum(2) if relevance.ndim > 2 else relevance


def _each(explain: Explain, x: Tensor, classes: Tensor) -> Tensor:
    """Relevance for each class, `(batch, rank, ...)`; an explainer predicts once for all of them."""
    if not isinstance(explain, Explainer):
        return torch.stack([explain(x, column)[1] for column in classes.T], 1)
    output, pullback = explain.program(explain.weights, x)
    seeds = torch.stack([seed_of(output, column) for column in classes.T])
    return torch.func.vmap(pullback, out_dims=1, chunk_size=CLASSES_AT_ONCE)(seeds)
