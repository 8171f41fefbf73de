"""Graph: a traced model as data. Copying, running and rewriting it; no function here changes its argument."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.node import map_arg


@dataclass(frozen=True, eq=False)
class Graph:
    """A model as a functional graph and its parameters: `graph(graph.params, x) == model(x)`.

    `fx` has one placeholder for each parameter, buffer and constant (`node.meta["param"]` is its name in `params`)
    and one for each input. Each node's value is one tensor or size; `node.meta["val"]` is a fake tensor with its
    shape, `node.meta["layer"]` the module path. `batch` is the batch size that the trace is tied to, None if free.
    """

    fx: fx.Graph
    params: Mapping[str, Tensor]
    batch: int | None = None

    def __call__(self, params: Mapping[str, Tensor], x: Tensor) -> Tensor:
        """Run the model.

        Args:
            params: As `graph.params`; any tensors of the same names and shapes.
            x: Input, `(batch, channel, height, width)` or whatever the example was.
        """
        check_input(self, x)
        env: dict[fx.Node, Any] = {self.input: x}
        env |= {node: params[name] for name, node in self.parameters.items()}
        for node in self.fx.nodes:
            if node.op == "call_function":
                env[node] = evaluate(node, env)
        return env[self.output]

    @cached_property
    def parameters(self) -> dict[str, fx.Node]:
        """Placeholder of each parameter by its name."""
        return {node.meta["param"]: node for node in self.fx.nodes if "param" in node.meta}

    @cached_property
    def input(self) -> fx.Node:
        """The placeholder of the model's input."""
        (found,) = [n for n in self.fx.nodes if n.op == "placeholder" and "param" not in n.meta]
        return found

    @cached_property
    def output(self) -> fx.Node:
        """The node whose value the model returns."""
        (found,) = self.fx.output_node().all_input_nodes
        return found


def evaluate(node: fx.Node, env: Mapping[fx.Node, Any]) -> Any:
    """The value of a `call_function` node, its arguments looked up in `env`."""
    args, kwargs = map_arg((node.args, node.kwargs), lambda n: env[n])
    return node.target(*args, **kwargs)  # type: ignore[operator]


def check_input(graph: Graph, x: Tensor) -> None:
    """Raise what is wrong with `x` in the model's terms, before an operator deep inside does in its own."""
    example = graph.input.meta["val"]
    if x.ndim != example.ndim or tuple(x.shape[1:]) != tuple(example.shape[1:]):
        wanted = ("batch", *example.shape[1:])
        raise ValueError(
            f"input has shape {tuple(x.shape)}, the model was traced for ({', '.join(map(str, wanted))}); "
            "give inputs of that shape, or trace again with an example of yours"
        )
    if x.dtype != example.dtype:
        raise TypeError(f"input is {x.dtype}, the model was traced for {example.dtype}; use x.to({example.dtype})")
    if graph.batch is not None and x.shape[0] != graph.batch:
        raise ValueError(
            f"the model ties its batch size to {graph.batch} (a fixed size in a view, say), got {x.shape[0]}; "
            f"give batches of {graph.batch}, or mend the model"
        )


class Builder:
    """The copy that a rewrite is making: `call` adds a node, `env` maps old nodes to new ones."""

    def __init__(self) -> None:
        self.graph = fx.Graph()
        self.env: dict[fx.Node, fx.Node] = {}

    def call(self, target: Callable[..., Any], *args: Any, like: fx.Node, **kwargs: Any) -> fx.Node:
        """Add `target(*args, **kwargs)`, attributed to the layer of `like`; its shape is computed at once."""
        node = self.graph.call_function(target, args, kwargs)
        values, keywords = map_arg((node.args, node.kwargs), lambda n: n.meta["val"])
        node.meta = {"layer": like.meta.get("layer", ""), "val": target(*values, **keywords)}
        return node

    def copy(self, node: fx.Node) -> fx.Node:
        """Copy `node` as it is."""
        return self.graph.node_copy(node, self.env.__getitem__)


Replace = Callable[[Builder, fx.Node], fx.Node | None]
"""Emit what stands for a node in the copy and return it; None copies the node as it is."""


def rewrite(graph: Graph, replacement: Replace) -> Graph:
    """Copy `graph`, asking `replacement` at each node; nodes that nothing reads any more are dropped.

    Parameters stay: a rewrite expresses new weights as nodes over the old ones, so that `params` keeps the model's
    own names and everything downstream stays differentiable in them.
    """
    builder = Builder()
    for node in graph.fx.nodes:
        builder.env[node] = replacement(builder, node) or builder.copy(node)
    new = builder.graph
    for node in reversed(new.nodes):
        if node.op == "call_function" and not node.users:
            new.erase_node(node)
    new.lint()
    return replace(graph, fx=new)


def is_floating(value: Any) -> bool:
    """Whether a node's value is a floating-point tensor, and so can carry relevance."""
    return isinstance(value, torch.Tensor) and value.is_floating_point()
