"""The normal form of a graph: one spelling for each thing that has several. It changes no value but by rounding."""

from lrp.graph.graph import Graph
from lrp.graph.normal.activations import one_activation
from lrp.graph.normal.looked_up import one_lookup
from lrp.graph.normal.spellings import one_spelling

__all__ = ["normal_form", "one_activation", "one_lookup", "one_spelling"]


def normal_form(graph: Graph) -> Graph:
    """What `trace` does last: `addmm` is a linear layer, a GELU written out is an activation, and so on.

    A rewrite of your own that brings such spellings back calls it once more.

    Example:
        >>> import torch, lrp
        >>> class Swish(torch.nn.Module):
        ...     def forward(self, x):
        ...         return x * (1 + torch.tanh(x / 2)) / 2
        >>> graph = lrp.trace(Swish().eval(), torch.zeros(1, 3))
        >>> [lrp.graph.aten.operator_name(node.target) for node in graph.fx.nodes if node.op == "call_function"]
        ['activation', 'div']
    """
    return one_activation(one_spelling(one_lookup(graph)))
