"""A model as what it does from its input on, and from a hidden layer on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from lrp.dataset.layers.hidden import Layer, hidden_layers
from lrp.graph.graph import Graph, computed

BATCH = 64


class Network(NamedTuple):
    """A graph of one input; all functions take many samples and compute a batch of them at a time."""

    graph: Graph
    layers: tuple[Layer, ...]

    @classmethod
    def of(cls, graph: Graph) -> Network:
        """With the layers whose statistics are kept."""
        return cls(graph, hidden_layers(graph))

    def output(self, x: Tensor) -> Tensor:
        """`(sample, class)`; one logit as the two of classes 0 and 1."""
        return _classes(torch.cat([self.graph(self.graph.params, part) for part in x.split(BATCH)]))

    def over(self, x: Tensor, layer: str, what: Callable[[Tensor], Tensor]) -> Tensor:
        """A function of a layer's values, `(sample, ...)`, batch by batch."""
        node, part = self.graph.find(layer), _until(self.graph, layer)
        return torch.cat([what(part(values)[node]) for values in x.split(BATCH)])

    def shifted(self, x: Tensor, layer: str, by: Tensor) -> Tensor:
        """The output where `by` is added to a layer's values."""
        node, part = self.graph.find(layer), _until(self.graph, layer)
        nodes = list(self.graph.fx.nodes)
        behind = nodes[nodes.index(node) + 1 :]

        def outputs() -> Iterator[Tensor]:
            for values in x.split(BATCH):
                known = part(values)
                yield computed(behind, known | {node: known[node] + by})[self.graph.output]

        return _classes(torch.cat(list(outputs())))


def _until(graph: Graph, layer: str) -> Callable[[Tensor], dict]:
    nodes = list(graph.fx.nodes)
    before = nodes[: nodes.index(graph.find(layer)) + 1]
    return lambda x: computed(before, graph.given(graph.params, x))


def _classes(output: Tensor) -> Tensor:
    flat = output.reshape(len(output), -1)
    return torch.cat([-flat, flat], 1) / 2 if flat.shape[1] == 1 else flat
