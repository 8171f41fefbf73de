"""Graph: a traced model as data. Copying, running and rewriting it; no function here changes its argument."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.node import map_arg

from lrp._torch import fixed_size, pytree
from lrp.graph.source import Source

Example = Tensor | tuple[Any, ...] | dict[str, Any]
"""An input of the model: one tensor, or a tuple or dict of them (positional or keyword arguments)."""


@dataclass(frozen=True, eq=False)
class Graph:
    """A model as a functional graph and its parameters: `graph(graph.params, x) == model(x)`.

    `fx` has one placeholder for each parameter, buffer and constant (`node.meta["param"]` is its name in `params`)
    and one for each input. Each node's value is one tensor or size; `node.meta["val"]` is a fake tensor with its
    shape, `node.meta["layer"]` the module path, `node.meta["module"]` the full name of its class, `node.meta["calls"]`
    the call of each module around it by path. `structure` is that of the input: one tensor, or a tuple or dict of
    them. A parameter's `node.meta["learned"]` tells whether it was an `nn.Parameter`, `node.meta["saved"]` whether it
    is in the model's state_dict. `batch` is the batch size that the trace is tied to, None if free. `source` knows the
    model that was traced. `node.meta["virtual"]` marks what was inserted to look at a value and leaves it as it is.
    """

    fx: fx.Graph
    params: Mapping[str, Tensor]
    structure: pytree.TreeSpec
    batch: int | None = None
    source: Source = field(default_factory=Source)

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
        return self.values(params, x)[self.output]

    def having(self, params: Mapping[str, Tensor]) -> Graph:
        """The same graph of other parameters, which stand for themselves: the model that was traced is not asked.

        Raises:
            KeyError: A parameter is missing.
        """
        if absent := sorted(set(self.parameters) - set(params)):
            raise KeyError(f"params lack {', '.join(absent[:5])}; start from graph.params")
        return replace(self, params={**self.params, **params}, source=Source())

    def values(self, params: Mapping[str, Tensor], x: Example) -> dict[fx.Node, Any]:
        """The value of every node."""
        return computed(self.fx.nodes, self.given(params, x))

    def given(self, params: Mapping[str, Tensor], x: Example) -> dict[fx.Node, Any]:
        """The values that a run starts from: of parameters and inputs."""
        inputs = dict(zip(self.inputs, check_input(self, x), strict=True))
        return inputs | {node: params[name] for name, node in self.parameters.items()}

    @cached_property
    def parameters(self) -> dict[str, fx.Node]:
        """Placeholder of each parameter by its name."""
        return {node.meta["param"]: node for node in self.fx.nodes if "param" in node.meta}

    @cached_property
    def inputs(self) -> tuple[fx.Node, ...]:
        """The placeholders of the model's inputs."""
        return tuple(n for n in self.fx.nodes if n.op == "placeholder" and "param" not in n.meta)

    @cached_property
    def sizes(self) -> tuple[tuple[int | str, ...], ...]:
        """The size of each axis of each input: a number that the trace is tied to, or the name of what is free.

        Kept, since inside `torch.compile` the sizes of the trace look fixed.
        """
        shapes = (node.meta["val"].shape for node in self.inputs)
        fixed = ([(fixed_size(size), str(size)) for size in shape] for shape in shapes)
        return tuple(tuple(name if number is None else number for number, name in shape) for shape in fixed)

    @cached_property
    def output(self) -> fx.Node:
        """The node whose value the model returns."""
        (found,) = self.fx.output_node().all_input_nodes
        return found

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """Module paths of all operators, and of those that were folded into others, in data-flow order."""
        return tuple(dict.fromkeys(path for node in self.fx.nodes for path in _paths(node) if path))

    def find(self, layer: str) -> fx.Node:
        """The node that holds the output of a module (`layer3.1`), or the node of that name (`relu_4`).

        A module used several times stands for its last use; `layer3.1.relu#1` is its first use, `#2` the second.

        Raises:
            KeyError: There is none; the message names similar ones.
        """
        if used := self.uses(layer):
            return used[-1]
        calls = self._calls
        named = [n for n in (*self.inputs, *calls) if n.name == layer]
        module, mark, number = layer.rpartition("#")
        if not named and mark and (used := self.uses(module)):
            if number.isdecimal() and 1 <= int(number) <= len(used):
                return used[int(number) - 1]
            raise KeyError(f"the graph has no use {layer!r}; there are {', '.join(each_use(module, used))}")
        if not named:
            known = sorted({path for n in calls for path in _paths(n) if path} | {n.name for n in calls})
            close = difflib.get_close_matches(layer, known, n=5, cutoff=0.3) or known[:5]
            raise KeyError(f"the graph has no layer or node {layer!r}; similar ones: {', '.join(close)}")
        return named[-1]

    def uses(self, layer: str) -> tuple[fx.Node, ...]:
        """For each use of a module the node that holds its output, in data-flow order; none if there is no such module.

        A module that was folded into others has a use for each.
        """
        inside = [node for node in self._calls if any(_is_inside(path, layer) for path in _paths(node))]
        # weights that canonizing made of a layer are no use of it
        inside = [node for node in inside if node in self._dependent] or inside
        found: dict[Any, fx.Node] = {}
        for node in inside:
            own = _is_inside(node.meta.get("layer", ""), layer)
            use = node.meta.get("calls", {}).get(layer, None if own else node)
            found.pop(use, None)  # the order is that of the outputs
            found[use] = node
        return tuple(found.values())

    @cached_property
    def _dependent(self) -> Set[fx.Node]:
        """Nodes whose values depend on the input."""
        found = set(self.inputs)
        for node in self.fx.nodes:
            if not found.isdisjoint(node.all_input_nodes):
                found.add(node)
        return found

    @property
    def _calls(self) -> list[fx.Node]:
        return [n for n in self.fx.nodes if n.op == "call_function" and n.meta["val"] is not None]


def each_use(layer: str, used: Sequence[fx.Node]) -> list[str]:
    """What the uses of a module are called."""
    return [f"{layer}#{number + 1}" for number in range(len(used))]


def _paths(node: fx.Node) -> tuple[str, ...]:
    """Module paths that a node's value is the output of: its own, and of what was folded into it."""
    return (node.meta.get("layer", ""), *node.meta.get("folded", ()))


def _is_inside(path: str, layer: str) -> bool:
    return bool(layer) and (path == layer or path.startswith(layer + "."))


def computed(nodes: Iterable[fx.Node], known: Mapping[fx.Node, Any]) -> dict[fx.Node, Any]:
    """What is known, and the values of the operators among `nodes`, which come in data-flow order."""
    env = dict(known)
    for node in nodes:
        if node.op == "call_function":
            args, kwargs = map_arg((node.args, node.kwargs), env.__getitem__)
            env[node] = node.target(*args, **kwargs)  # type: ignore[operator]
    return env


def check_input(graph: Graph, x: Example) -> list[Tensor]:
    """The input's tensors; raises what is wrong with them in the model's terms, before an operator does in its own."""
    order = graph.structure.context if graph.structure.type is dict else ()
    if isinstance(x, dict) and set(x) == set(order):
        x = {name: x[name] for name in order}
    leaves, structure = pytree.tree_flatten(x)
    if structure != graph.structure:
        raise TypeError(f"the model was traced for {_in_words(graph.structure)}, got {_in_words(structure)}")
    for given, node, sizes in zip(leaves, graph.inputs, graph.sizes, strict=True):
        _check_tensor(graph, given, node, sizes)
    _check_free(graph, leaves)
    return leaves


def _in_words(structure: pytree.TreeSpec) -> str:
    if structure.is_leaf():
        return "one tensor"
    names = f" with {', '.join(map(str, structure.context))}" if structure.type is dict else ""
    return f"a {structure.type.__name__} of {structure.num_children}{names}"


def _check_tensor(graph: Graph, x: Tensor, node: fx.Node, sizes: tuple[int | str, ...]) -> None:
    example, which = node.meta["val"], "input" if len(graph.inputs) == 1 else f"input {node.name!r}"
    if not isinstance(x, Tensor):
        raise TypeError(f"{which} must be a tensor, got {type(x).__name__}; use torch.as_tensor(x)")
    fits = all(isinstance(size, str) or n == size for n, size in zip(x.shape[1:], sizes[1:], strict=False))
    if x.ndim != len(sizes) or not fits:
        wanted = ("batch", *("any" if isinstance(size, str) else size for size in sizes[1:]))
        pairs = enumerate(zip(x.shape, sizes, strict=True)) if x.ndim == len(sizes) else ()
        other = [axis for axis, (n, size) in pairs if axis and not isinstance(size, str) and n != size]
        freely = f", or with free={{{other[0]}: 'length'}} for all sizes" if other else ""
        raise ValueError(
            f"{which} has shape {tuple(x.shape)}, the model was traced for ({', '.join(map(str, wanted))}); "
            f"give inputs of that shape, or trace again with an example of yours{freely}"
        )
    if x.dtype != example.dtype:
        raise TypeError(f"{which} is {x.dtype}, the model was traced for {example.dtype}; use x.to({example.dtype})")
    tied = sizes[0]
    if not isinstance(tied, str) and x.shape[0] != tied:
        whose = "" if len(graph.inputs) == 1 else f" of {which}"
        raise ValueError(
            f"the model ties its batch size{whose} to {tied} (a fixed size in a view, say), got {x.shape[0]}; "
            f"give batches of {tied}, or mend the model"
        )


def _check_free(graph: Graph, leaves: list[Tensor]) -> None:
    """Axes beside the batch that may vary, of one symbol in the trace, are of one size."""
    known: dict[str, tuple[int, int, str]] = {}
    for x, node, sizes in zip(leaves, graph.inputs, graph.sizes, strict=True):
        for axis, size in enumerate(sizes[1:], 1):
            if isinstance(size, str):
                n, other, which = known.setdefault(size, (x.shape[axis], axis, node.name))
                if n != x.shape[axis]:
                    raise ValueError(
                        f"axis {axis} of input {node.name!r} is {x.shape[axis]} long, axis {other} of {which!r} {n}: "
                        "the model needs one length"
                    )


def is_floating(value: Any) -> bool:
    """Whether a node's value is a floating-point or complex tensor, and so can carry relevance."""
    return isinstance(value, torch.Tensor) and (value.is_floating_point() or value.is_complex())
