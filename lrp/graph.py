"""Graph: a traced model as data. Copying, running and rewriting it; no function here changes its argument."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.node import map_arg
from torch.utils import _pytree as pytree

Example = Tensor | tuple[Any, ...] | dict[str, Any]
"""An input of the model: one tensor, or a tuple or dict of them (positional or keyword arguments)."""


@dataclass(frozen=True, eq=False)
class Graph:
    """A model as a functional graph and its parameters: `graph(graph.params, x) == model(x)`.

    `fx` has one placeholder for each parameter, buffer and constant (`node.meta["param"]` is its name in `params`)
    and one for each input. Each node's value is one tensor or size; `node.meta["val"]` is a fake tensor with its
    shape, `node.meta["layer"]` the module path. `structure` is that of the input: one tensor, or a tuple or dict of
    them. `batch` is the batch size that the trace is tied to, None if free.
    """

    fx: fx.Graph
    params: Mapping[str, Tensor]
    structure: pytree.TreeSpec
    batch: int | None = None

    def __repr__(self) -> str:
        calls = sum(node.op == "call_function" for node in self.fx.nodes)
        shapes = ", ".join(str(tuple(node.meta["val"].shape)) for node in self.inputs)
        return f"Graph({calls} operators, {len(self.params)} parameters, input {shapes})"

    def __call__(self, params: Mapping[str, Tensor], x: Example) -> Tensor:
        """Run the model.

        Args:
            params: As `graph.params`; any tensors of the same names and shapes.
            x: Input, `(batch, channel, height, width)` or whatever the example was.
        """
        env: dict[fx.Node, Any] = dict(zip(self.inputs, check_input(self, x), strict=True))
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
    def inputs(self) -> tuple[fx.Node, ...]:
        """The placeholders of the model's inputs."""
        return tuple(n for n in self.fx.nodes if n.op == "placeholder" and "param" not in n.meta)

    @cached_property
    def output(self) -> fx.Node:
        """The node whose value the model returns."""
        (found,) = self.fx.output_node().all_input_nodes
        return found

    def find(self, layer: str) -> fx.Node:
        """The node that holds the output of a module (`layer3.1`), or the node of that name (`relu_4`).

        A module used several times stands for its last use; name the node for another one.

        Raises:
            KeyError: There is none; the message names similar ones.
        """
        calls = [n for n in self.fx.nodes if n.op == "call_function" and n.meta["val"] is not None]
        inside = [n for n in calls if any(_is_inside(path, layer) for path in _paths(n))]
        named = [n for n in (*self.inputs, *calls) if n.name == layer]
        if not inside and not named:
            known = sorted({path for n in calls for path in _paths(n) if path} | {n.name for n in calls})
            close = difflib.get_close_matches(layer, known, n=5, cutoff=0.3) or known[:5]
            raise KeyError(f"the graph has no layer or node {layer!r}; similar ones: {', '.join(close)}")
        return (inside or named)[-1]


def _paths(node: fx.Node) -> tuple[str, ...]:
    """Module paths that a node's value is the output of: its own, and of what was folded into it."""
    return (node.meta.get("layer", ""), *node.meta.get("folded", ()))


def _is_inside(path: str, layer: str) -> bool:
    return bool(layer) and (path == layer or path.startswith(layer + "."))


def until(graph: Graph, layer: str) -> Graph:
    """The part of a model up to a layer, as a model of its own: explanations of it start at that layer's output.

    Args:
        layer: A module path or node name, see `Graph.find`.

    Example:
        >>> import torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()
        >>> graph = lrp.until(lrp.trace(model, torch.zeros(1, 3)), "1")
        >>> graph(graph.params, torch.zeros(5, 3)).shape
        torch.Size([5, 4])
    """
    end = graph.find(layer)
    return rewrite(graph, lambda builder, node: builder.output(end) if node.op == "output" else None)


def any_layout(graph: fx.Graph) -> None:
    """Let `graph` take tensors of any memory layout (`channels_last` images): a recorded view fits only the strides
    that it was recorded with, a reshape fits all."""
    for node in graph.find_nodes(op="call_function", target=torch.ops.aten.view.default):
        node.target = torch.ops.aten.reshape.default


def evaluate(node: fx.Node, env: Mapping[fx.Node, Any]) -> Any:
    """The value of a `call_function` node, its arguments looked up in `env`."""
    args, kwargs = map_arg((node.args, node.kwargs), lambda n: env[n])
    return node.target(*args, **kwargs)  # type: ignore[operator]


def check_input(graph: Graph, x: Example) -> list[Tensor]:
    """The input's tensors; raises what is wrong with them in the model's terms, before an operator does in its own."""
    leaves, structure = pytree.tree_flatten(x)
    if structure != graph.structure:
        raise TypeError(f"the model was traced for {_in_words(graph.structure)}, got {_in_words(structure)}")
    for given, node in zip(leaves, graph.inputs, strict=True):
        _check_tensor(graph, given, node)
    return leaves


def _in_words(structure: pytree.TreeSpec) -> str:
    if structure.is_leaf():
        return "one tensor"
    names = f" with {', '.join(map(str, structure.context))}" if structure.type is dict else ""
    return f"a {structure.type.__name__} of {structure.num_children}{names}"


def _check_tensor(graph: Graph, x: Tensor, node: fx.Node) -> None:
    example, which = node.meta["val"], "input" if len(graph.inputs) == 1 else f"input {node.name!r}"
    if not isinstance(x, Tensor):
        raise TypeError(f"{which} must be a tensor, got {type(x).__name__}; use torch.as_tensor(x)")
    if x.ndim != example.ndim or tuple(x.shape[1:]) != tuple(example.shape[1:]):
        wanted = ("batch", *example.shape[1:])
        raise ValueError(
            f"{which} has shape {tuple(x.shape)}, the model was traced for ({', '.join(map(str, wanted))}); "
            "give inputs of that shape, or trace again with an example of yours"
        )
    if x.dtype != example.dtype:
        raise TypeError(f"{which} is {x.dtype}, the model was traced for {example.dtype}; use x.to({example.dtype})")
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

    def call(
        self, target: Callable[..., Any], *args: Any, like: fx.Node, shaped: fx.Node | None = None, **kwargs: Any
    ) -> fx.Node:
        """Add `target(*args, **kwargs)`, attributed to the layer of `like`.

        Its shape is that of `shaped`, where that is known, or is computed at once, which takes milliseconds.
        """
        node = self.graph.call_function(target, args, kwargs)
        if shaped is None:
            values, keywords = map_arg((node.args, node.kwargs), lambda n: n.meta["val"])
            value = target(*values, **keywords)
        else:
            value = shaped.meta["val"]
        node.meta = {"layer": like.meta.get("layer", ""), "val": value}
        return node

    def output(self, node: fx.Node) -> fx.Node:
        """Return the value of an old node."""
        return self.graph.output(self.env[node])

    def copy(self, node: fx.Node) -> fx.Node:
        """Copy `node` as it is."""
        return self.graph.node_copy(node, self.env.__getitem__)


Replace = Callable[[Builder, fx.Node], fx.Node | None]
"""Emit what stands for a node in the copy and return it; None copies the node as it is."""


def rewrite(graph: Graph, replacement: Replace) -> Graph:
    """Copy `graph`, asking `replacement` at each node; nodes that nothing reads any more are dropped.

    Inputs and parameters stay: a rewrite expresses new weights as nodes over the old ones, so that `params` keeps the
    model's own names and everything downstream stays differentiable in them.
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
    """Whether a node's value is a floating-point or complex tensor, and so can carry relevance."""
    return isinstance(value, torch.Tensor) and (value.is_floating_point() or value.is_complex())
