"""How a model ends: a softmax at its end hides what the logits say."""

from __future__ import annotations

import warnings

from torch import fx

from lrp.graph.aten import operator_name
from lrp.graph.graph import Graph
from lrp.graph.modes import kind_of_node


def warn_of_softmax(graph: Graph) -> None:
    """Say that the output is a probability, and how to explain the logit instead.

    Warns:
        UserWarning: The last operator is a softmax or its logarithm.
    """
    node = graph.output
    while kind_of_node(node) == "movement" and len(node.all_input_nodes) == 1:
        (node,) = node.all_input_nodes
    if kind_of_node(node) == "softmax":
        before = _name(graph, node.all_input_nodes[0])
        warnings.warn(
            f"the model ends in a {operator_name(node.target).lstrip('_')}: relevance vanishes with confidence, "
            f"since a probability near 1 hardly changes; explain the logit instead, until={before!r}",
            stacklevel=3,
        )


def _name(graph: Graph, node: fx.Node) -> str:
    """What `until` calls the value of a node: its layer, where that ends with it."""
    layer = node.meta.get("layer", "")
    return layer if layer and graph.find(layer) is node else node.name
