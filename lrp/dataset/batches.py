"""All that is computed of one batch: by one method or several, for one class or several, at hidden layers too."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from lrp._torch import pytree
from lrp.attribution.methods import Explain
from lrp.dataset.layers.hidden import Layer, statistics_of
from lrp.explain.channels import channel_axis
from lrp.explain.one_call import Explainer
from lrp.explain.pieces import join, split
from lrp.explain.target import Target, class_count, is_logit, predicted, seed_of
from lrp.graph.graph import Example

CLASSES_AT_ONCE = 4  # relevance maps of one batch in memory


class Maps(NamedTuple):
    """What is computed of a batch; mappings by method, in the order of methods, or by layer. Relevance is in the
    input's structure, None for an input that receives none."""

    output: Tensor
    """As the model gives it: (batch, ...)"""
    target: Tensor | None
    """The class explained, -1 where the seed is of several: (batch,); None if the output's axes are no classes."""
    prediction: Tensor | None
    """The predicted class, (batch,); None if the output's axes are no classes."""
    place: Tensor | None
    """In an output of other axes, the index explained, -1 where the seed is of several: (batch, axis)"""
    relevance: dict[str, Any]
    each: dict[str, Any]
    """Relevance for each of `classes`: (batch, rank, ...); empty if one class is all that was asked for."""
    classes: Tensor | None
    """(batch, rank)"""
    concepts: dict[str, Tensor]
    """Relevance of the channels of hidden layers: (batch, channel)"""
    statistics: dict[str, Tensor]
    """Of the channels of hidden layers, by the variable's name: (batch, channel)"""


def attribute(
    methods: Mapping[str, Explain],
    x: Example,
    target: Target,
    top: int | None,
    concepts: Sequence[str] | Mapping[str, int] = (),
    classes: Tensor | None = None,
    layers: tuple[Layer, ...] = (),
) -> Maps:
    """Explain a batch; a model that is tied to a larger batch sees the last sample several times.

    Args:
        target: See `lrp.explain.Target`.
        top: Beside the target, explain the so many highest outputs, 0 for every class, None for no more.
        classes: Beside the target, explain these instead, `(batch, rank)`; -1 is none.
        concepts: Layers of the first method's model; relevance is summed over all but batch and channel there.
        layers: Of which statistics are computed, of the first method's model.
    """
    tied = {e.program.graph.batch for e in methods.values() if isinstance(e, Explainer)} - {None}
    count = len(pytree.tree_leaves(x)[0])
    missing = max((size or 0 for size in tied), default=0) - count
    if missing <= 0:
        return _attribute(methods, x, target, top, concepts, classes, layers)

    def filled(values: Tensor) -> Tensor:
        return torch.cat([values, values[-1:].expand(missing, *values.shape[1:])])

    target = filled(target) if isinstance(target, Tensor) else target
    classes = None if classes is None else filled(classes)
    maps = _attribute(methods, pytree.tree_map(filled, x), target, top, concepts, classes, layers)
    return pytree.tree_map(lambda value: value if value is None else value[:count], maps)


def _attribute(
    methods: Mapping[str, Explain],
    x: Example,
    target: Target,
    top: int | None,
    concepts: Sequence[str] | Mapping[str, int],
    given: Tensor | None,
    layers: tuple[Layer, ...],
) -> Maps:
    first, *others = methods.items()
    output, relevance, hidden, statistics = _with_hidden(first[1], x, target, concepts, layers)
    seed = seed_of(output, target)
    maps = {first[0]: relevance, **{name: explain(x, seed)[1] for name, explain in others}}
    classes = given if given is not None else None if top is None else _classes(output, top)
    each = {}
    if classes is not None:
        each = {name: _each(explain, x, classes, maps[name]) for name, explain in methods.items()}
    several = classes if top or given is not None else None
    return Maps(output, *_explained(output, seed), maps, each, several, hidden, statistics)


def _explained(output: Tensor, seed: Tensor) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """The class explained, the one predicted, and the place explained; None for what the output does not have."""
    flat = seed.reshape(len(seed), -1)
    at = torch.where((flat != 0).sum(1) == 1, flat.abs().argmax(1), -1)
    if is_logit(output):
        return torch.where(at == 0, (flat[:, 0] > 0).long(), -1), predicted(output), None
    if class_count(output) is not None:
        return at, predicted(output), None
    places = torch.stack(torch.unravel_index(at.clamp(min=0), output.shape[1:]), 1)
    return None, None, torch.where(at[:, None] >= 0, places, -1)


def _classes(output: Tensor, top: int) -> Tensor:
    """The `top` highest outputs of each sample, highest first; all in their own order for 0."""
    count = class_count(output) or 0
    if top > count:
        raise ValueError(f"the {top} highest of {count} classes were asked for")
    if not top:
        return torch.arange(count, device=output.device).expand(len(output), count)
    logits = output.reshape(len(output), -1)
    return (torch.cat([-logits, logits], 1) if is_logit(output) else logits).topk(top, 1).indices


def _with_hidden(
    explain: Explain,
    x: Example,
    target: Target,
    concepts: Sequence[str] | Mapping[str, int],
    layers: tuple[Layer, ...],
) -> tuple[Tensor, Any, dict[str, Tensor], dict[str, Tensor]]:
    if not concepts and not layers:
        output, relevance = explain(x, target)
        return output, relevance, {}, {}
    if not isinstance(explain, Explainer):
        raise TypeError(f"concepts need an explainer from lrp.explainer, {type(explain).__name__} has no hidden layers")
    axes = channel_axes(explain, concepts)
    at = list(dict.fromkeys([*concepts, *(layer.name for layer in layers)]))
    parts = []
    for part in split(explain.program.graph, x, target, explain.samples_at_once):
        output, pullback = explain.program(explain.weights, part[0])
        relevance, hidden = pullback(seed_of(output, part[1]), at=at)
        summed = {layer: _channels(hidden[layer].relevance, axes[layer]) for layer in concepts}
        parts.append((output, relevance, summed, statistics_of(layers, hidden)))
    return parts[0] if len(parts) == 1 else join(parts)


def channel_axes(explain: Explainer, concepts: Sequence[str] | Mapping[str, int]) -> dict[str, int]:
    """The axis of each layer's channels, as it is said or as the operators say it."""
    if isinstance(concepts, Mapping):
        return dict(concepts)
    return {layer: channel_axis(explain.program.graph, layer) for layer in concepts}


def _channels(relevance: Tensor, axis: int) -> Tensor:
    """Sums over all places: `(batch, channel)`."""
    return relevance.movedim(axis, 1).flatten(2).sum(2) if relevance.ndim > 2 else relevance


def _each(explain: Explain, x: Example, classes: Tensor, like: Any) -> Any:
    """Relevance for each class, `(batch, rank, ...)`, structured as `like`; an explainer predicts once for all."""
    leaves, structure = pytree.tree_flatten(like)
    if not isinstance(explain, Explainer):
        found = [explain(x, column)[1] for column in _targets(classes, lambda: explain(x, None)[0])]
        return pytree.tree_map(lambda *maps: None if maps[0] is None else torch.stack(maps, 1), *found)
    output, pullback = explain.program(explain.weights, x)
    seeds = torch.stack([seed_of(output, column) for column in _targets(classes, lambda: output)])

    def received(seed: Tensor) -> list[Tensor]:
        return [leaf for leaf in pytree.tree_leaves(pullback(seed)) if leaf is not None]  # vmap returns tensors only

    each = iter(torch.func.vmap(received, out_dims=1, chunk_size=CLASSES_AT_ONCE)(seeds))
    return pytree.tree_unflatten([None if leaf is None else next(each) for leaf in leaves], structure)


def _targets(classes: Tensor, output: Callable[[], Tensor]) -> list[Tensor]:
    """A target for each rank: classes, or a seed that is zero where a sample has no class there."""
    if (classes >= 0).all():
        return list(classes.T)
    found = output()
    none = (classes < 0).T.reshape(classes.shape[1], -1, *[1] * (found.ndim - 1))
    seeds = [seed_of(found, column) for column in classes.clamp(min=0).T]
    return [seed.masked_fill(gone, 0) for seed, gone in zip(seeds, none, strict=True)]
