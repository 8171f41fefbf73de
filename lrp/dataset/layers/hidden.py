"""What is kept of hidden layers without being asked: statistics of the channels of an early, a middle and a late one.

Three numbers a channel are little beside a picture, and show what relevance at the input does not: what moves (the
maximum), what tints (the mean), and what the prediction rests on (the magnitude of relevance). Of layers that are asked
for (`concepts=`) there are more: where the activation and the relevance are largest, and what is seen from there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import NamedTuple

from torch import Tensor, fx

from lrp.concepts.fields import receptive_fields
from lrp.explain.channels import KEEPS, channel_axis
from lrp.graph.graph import Graph, is_floating
from lrp.graph.modes import kind_of_node
from lrp.transform.recorded import Hidden

PLACES = (1 / 3, 2 / 3, 1.0)  # of the depth: early, middle, late
WEIGHTED = frozenset({"linear", "attention"})

Statistic = Callable[[Hidden], Tensor]
"""Activation and relevance, each `(batch, channel, place)` -> `(batch, channel)`."""

STATISTICS: Mapping[str, Statistic] = {
    "max": lambda hidden: hidden.activation.amax(2),
    "mean": lambda hidden: hidden.activation.mean(2),
    "magnitude": lambda hidden: hidden.relevance.abs().sum(2),
}
"""What is kept of each channel, as `hidden_NAME_LAYER`; a name is one word without an underscore."""

PEAK: Mapping[str, Statistic] = {"peak": lambda hidden: hidden.relevance.amax(2)}
"""What is kept beside it of layers that are asked for."""

PLACES_OF: Mapping[str, Statistic] = {
    "max": lambda hidden: hidden.activation.argmax(2),
    "peak": lambda hidden: hidden.relevance.argmax(2),
}
"""The flat number of the place where a statistic is, as `where_NAME_LAYER`, of layers that are asked for."""


class Layer(NamedTuple):
    """A hidden layer whose statistics are kept."""

    name: str
    """A module path, or a node's name; see `Graph.find`."""
    axis: int
    """Of its channels."""
    depth: float
    """How many operators with weights lie on the longest way to it, as a share of the deepest's."""
    field: str | None = None
    """Of a layer that is asked for, what its places see of the input, as JSON: of each of its axes behind the batch
    null, for all of it, or [axis of places, where each begins, where it ends]. "" where that cannot be told."""


def asked_layers(graph: Graph, concepts: Sequence[str] | Mapping[str, int]) -> tuple[Layer, ...]:
    """The layers that are asked for.

    Args:
        graph: Of a model.
        concepts: Their names, or name -> axis of channels.

    Raises:
        KeyError: There is no such layer.
        ValueError: Which axis holds channels cannot be told, or the first axis is not the batch.

    Example:
        >>> import torch, lrp
        >>> layers = [torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(16, 5)]
        >>> graph = lrp.trace(torch.nn.Sequential(*layers).eval(), torch.zeros(1, 1, 4, 4))
        >>> asked_layers(graph, ["0"])[0].field
        '[null, [0, [0, 1], [3, 4]], [1, [0, 1], [3, 4]]]'
    """
    depth = _depths(graph)
    deepest = max((number for node, number in depth.items() if node is not graph.output), default=1)
    found = []
    for name in concepts:
        node = graph.find(name)
        if not _of_samples(graph, node):
            raise ValueError(f"the first axis of layer {name!r} is not the batch, so it has no row for each sample")
        axis = concepts[name] if isinstance(concepts, Mapping) else channel_axis(graph, name)
        field = ""
        if node.meta["val"].ndim > 2:
            with suppress(ValueError):  # several inputs, free lengths
                field = json.dumps(receptive_fields(graph, name, axis=axis).along)
        found.append(Layer(name, axis, min(1.0, depth.get(node, 0) / max(deepest, 1)), field))
    return tuple(found)


def hidden_layers(graph: Graph) -> tuple[Layer, ...]:
    """The layers at about a third, two thirds and all of a network's depth.

    A layer is what leaves a convolution, a dense layer or an attention, with what follows value by value: batch norm,
    activation, the sum of a residual block. Those that every way from input to output passes through are preferred: the
    sum of a block, not what is inside it. Those whose channels no operator tells are no layers, nor is the output, nor
    those whose first axis is not the batch, as tokens are in `nn.MultiheadAttention`.

    Args:
        graph: Of a model.

    Returns:
        At most three, the earliest first; fewer in a network of fewer hidden layers.

    Example:
        >>> import torch, lrp
        >>> layers = [torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(16, 5)]
        >>> graph = lrp.trace(torch.nn.Sequential(*layers).eval(), torch.zeros(1, 1, 4, 4))
        >>> hidden_layers(graph)
        (Layer(name='1', axis=1, depth=1.0, field=None),)
    """
    depth = _depths(graph)
    found: dict[str, tuple[int, int]] = {}
    for node in depth:
        end = _end(node, depth)
        if kind_of_node(node) in WEIGHTED and end is not graph.output and _of_samples(graph, end):
            name = _name(graph, end)
            try:
                found[name] = channel_axis(graph, name), depth[end]
            except ValueError:
                continue
    deepest = max((number for _, number in found.values()), default=0)
    trunk = _trunk(graph, depth)
    through = {name: value for name, value in found.items() if graph.find(name) in trunk}
    choice = through if len(through) >= len(PLACES) else found
    chosen = {min(choice, key=lambda name: abs(choice[name][1] - place * deepest)) for place in PLACES if choice}
    layers = [Layer(name, axis, number / deepest) for name, (axis, number) in found.items() if name in chosen]
    return tuple(sorted(layers, key=lambda layer: layer.depth))


def _of_samples(graph: Graph, node: fx.Node) -> bool:
    """Whether a value is of floating-point numbers, a row a sample."""
    value = node.meta["val"]
    return is_floating(value) and value.ndim > 0 and str(value.shape[0]) == str(graph.inputs[0].meta["val"].shape[0])


def _depths(graph: Graph) -> dict[fx.Node, int]:
    """Operators with weights on the longest way from the input, of all nodes that depend on it."""
    found = dict.fromkeys(graph.inputs, 0)
    for node in graph.fx.nodes:
        before = [found[source] for source in node.all_input_nodes if source in found]
        if before and node.op == "call_function":
            found[node] = max(before) + (kind_of_node(node) in WEIGHTED)
    return {node: number for node, number in found.items() if node.op == "call_function"}


def _trunk(graph: Graph, depth: Mapping[fx.Node, int]) -> set[fx.Node]:
    """Nodes on every way: as many ways lead to it, times from it, as there are at all."""
    nodes = list(depth)
    before = dict.fromkeys(graph.inputs, 1)
    for node in nodes:
        before[node] = sum(before.get(source, 0) for source in node.all_input_nodes)
    behind = {graph.output: 1}
    for node in reversed(nodes):
        behind.setdefault(node, sum(behind.get(user, 0) for user in node.users))
    return {node for node in nodes if before[node] * behind[node] == before[graph.output]}


def _end(node: fx.Node, depth: Mapping[fx.Node, int]) -> fx.Node:
    """Forwards through what leaves the axes and the shape as they are, up to where the value is used twice."""
    while len(users := [user for user in node.users if user in depth]) == 1:
        (user,) = users
        if kind_of_node(user) not in KEEPS - {"winner", "softmax"} or user.meta["val"].shape != node.meta["val"].shape:
            break
        node = user
    return node


def _name(graph: Graph, node: fx.Node) -> str:
    path = node.meta.get("layer", "")
    return path if path and graph.find(path) is node else node.name


def statistics_of(layers: tuple[Layer, ...], hidden: Mapping[str, Hidden]) -> dict[str, Tensor]:
    """The statistics of a batch.

    Args:
        layers: Of `hidden_layers`.
        hidden: Activation and relevance of each, as a pullback returns them.

    Returns:
        `hidden_NAME_LAYER` -> `(batch, channel)`; without places the maximum, which is the mean, is left out. Of layers
        that are asked for, `hidden_peak_LAYER` and the places `where_NAME_LAYER` too.

    Example:
        >>> import torch
        >>> hidden = {"1": Hidden(torch.tensor([[[1.0, 3.0]]]), torch.tensor([[[-1.0, 1.0]]]))}
        >>> {name: float(values) for name, values in statistics_of((Layer("1", 1, 1.0),), hidden).items()}
        {'hidden_max_1': 3.0, 'hidden_mean_1': 2.0, 'hidden_magnitude_1': 2.0}
    """
    found = {}
    for name, axis, _, field in layers:
        values = Hidden(*(part.movedim(axis, 1).flatten(2) for part in map(_placed, hidden[name])))
        placed, asked = values.activation.shape[2] > 1, field is not None
        for key, statistic in ({**STATISTICS, **PEAK} if asked else STATISTICS).items():
            if placed or key not in PLACES_OF:
                found[f"hidden_{key}_{name}"] = statistic(values)
        for key, place in PLACES_OF.items() if placed and asked else ():
            found[f"where_{key}_{name}"] = place(values).int()
    return found


def _placed(values: Tensor) -> Tensor:
    return values if values.ndim > 2 else values[..., None]
