"""Concept activation vectors: the direction along which samples with an artefact lie, and how well it fits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, fx

from lrp.explain.channels import channel_axis
from lrp.graph.cutting import until
from lrp.graph.graph import Graph, is_floating
from lrp.graph.modes import kind_of_node
from spray.concepts import directions


def cav(features: Tensor, members: Tensor | np.ndarray, kind: str = "pattern") -> Tensor:
    """The direction from samples without the artefact to those with it, of length 1.

    `pattern` is right for correction: v = mean f(members) - mean f(others). `svm` separates better and points elsewhere
    where other features differ too.

    Args:
        features: `(sample, ...)`, such as a layer's activations, or their maxima over places; of one class only, so
            that the direction is not the class's.
        members: `(sample,)`, whether each carries the artefact.
        kind: pattern or svm.

    Returns:
        Of one sample's shape.

    Raises:
        ValueError: There is no such kind, no member, or nothing else; or both groups are the same.

    Example:
        >>> cav(torch.tensor([[3.0, 1.0], [3.0, 3.0], [0.0, 1.0], [0.0, 3.0]]), torch.tensor([1, 1, 0, 0]).bool())
        tensor([1., 0.])
    """
    found = directions.cav(_array(features), np.asarray(members, bool), kind=kind)
    return torch.as_tensor(found, dtype=features.dtype, device=features.device)


def _array(features: Tensor) -> np.ndarray:
    return features.detach().double().cpu().numpy()


def auroc(features: Tensor, members: Tensor | np.ndarray, kind: str = "pattern", *, seed: int = 0) -> float:
    """How well directions made from four fifths of the samples order the last fifth: 1 always, 0.5 not at all.

    NaN with fewer than two members or others.

    Example:
        >>> apart = torch.cat([torch.randn(20, 3), 5 + torch.randn(20, 3)])
        >>> auroc(apart, torch.arange(40) >= 20) > 0.9
        True
    """
    return directions.cav_auroc(_array(features), np.asarray(members, bool), kind=kind, seed=seed)


POOLS: dict[str, Callable[[Tensor], Tensor]] = {
    "full": lambda a: a,
    "max": lambda a: a if a.ndim < 3 else a.flatten(2).amax(2),
    "mean": lambda a: a if a.ndim < 3 else a.flatten(2).mean(2),
}
"""What of an activation `(sample, channel, ...)` a direction is made from: every place of its own, for an artefact
that is always at the same one; or each channel's largest value or mean over places, wherever that is."""


def activations(graph: Graph, layer: str, x: Tensor, *, batch: int = 256) -> Tensor:
    """A layer's output for each sample, `(sample, channel, ...)`.

    Example:
        >>> import lrp
        >>> graph = lrp.trace(torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU()).eval(), torch.zeros(1, 3))
        >>> activations(graph, "0", torch.zeros(5, 3)).shape
        torch.Size([5, 4])
    """
    part, axis = until(graph, layer), channel_axis(graph, layer)
    with torch.no_grad():
        found = torch.cat([part(graph.params, rows) for rows in x.split(batch)])
    return found.movedim(axis, 1)


class Place(NamedTuple):
    """A layer, what of its output is looked at, and how well the artefact is told from it."""

    layer: str
    pool: str
    auroc: float


def places(graph: Graph) -> list[str]:
    """Activations with places, `(batch, channel, place, ...)`: where an artefact may be told from the class."""
    calls = [
        n for n in graph.fx.nodes if n.op == "call_function" and n.meta.get("layer") and is_floating(n.meta["val"])
    ]
    found = [node for node in calls if node.meta["val"].ndim > 2 and kind_of_node(node) == "activation"]
    return list(dict.fromkeys(_name(graph, node) for node in found))


def _name(graph: Graph, node: fx.Node) -> str:
    """The module path, if it stands for this node, or the node's own name."""
    layer = node.meta["layer"]
    return layer if graph.find(layer) is node else node.name


def best_place(
    graph: Graph, x: Tensor, members: Tensor | np.ndarray, layers: Sequence[str] | None = None, *, most: float = 2e8
) -> list[Place]:
    """Every layer and pool, the ones that tell the artefact best first; equally good ones in the model's order.

    Differences below 0.01 are none: the earlier layer has smaller receptive fields, so that what is taken from it is
    less of the rest, and among pools `full`, which can tell places apart, goes first.

    Args:
        x: `(sample, ...)`, of one class.
        members: `(sample,)`, whether each carries the artefact.
        layers: Of these only. Default: all activations with places.
        most: Layers of more numbers than that, over all samples, are only looked at pooled.

    Raises:
        ValueError: There is no layer to choose from, or nothing to tell apart.
    """
    names = list(layers) if layers is not None else places(graph)
    if not names:
        raise ValueError("the model has no activation with places; name a layer")
    found = []
    for layer in names:
        hidden = activations(graph, layer, x)
        for pool, take in POOLS.items():
            if not (pool == "full" and hidden.numel() > most):
                found.append(Place(layer, pool, auroc(take(hidden), members)))
    return sorted(found, key=lambda place: -round(np.nan_to_num(place.auroc), 2))
