"""Record the passes as one flat ATen graph on fake tensors, and cut functions out of it. Computes nothing."""

from __future__ import annotations

import builtins
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.node import map_arg

from lrp._torch import (
    dispatch_functionalize,
    expression,
    fake_mode_of,
    fixed_size,
    make_fx,
    outside_transforms,
    pytree,
    result_structure,
    traced_calls,
)
from lrp.graph.aten import operator_name, writes
from lrp.graph.graph import Graph, each_use
from lrp.graph.normal.functionalize import any_layout
from lrp.graph.operators import has
from lrp.transform.assignment import Plan
from lrp.transform.passes import backward, forward, nothing, prepare, tensors
from lrp.transform.steps import Step, each, once


@dataclass(frozen=True, eq=False)
class Recording:
    """Both passes in one graph: placeholders `given` (weights, inputs) and `seeds` (seed, masks)."""

    module: fx.GraphModule
    given: list[fx.Node]
    seeds: list[fx.Node]
    predicting: frozenset[fx.Node]
    """Nodes of the forward pass."""
    output: fx.Node
    result: Any
    """Relevance of each input; with hidden layers, that and their (activation, relevance)."""

    @property
    def graph(self) -> fx.Graph:
        return self.module.graph

    def needed_later(self) -> list[fx.Node]:
        """Values of the forward pass that the backward pass reads, and that are kept for it.

        What is cheap to compute again is not: what is made of one number each of values that are kept themselves (an
        activation of what it acts on, a residual sum of its branches), and what is made of sizes and integers alone
        (the mask of attention, which grows with the square of the length).
        """
        wanted: list[fx.Node] = []
        map_arg(self.result, wanted.append)
        free, kept = self._of_integers(), set(self.given)
        for node in self.graph.nodes:
            if node not in self.predicting or node in free or not (node in wanted or self._is_read_later(node)):
                continue
            if not (_is_cheap(node) and all(n in kept or n in free for n in node.all_input_nodes)):
                kept.add(node)
        return [node for node in self.graph.nodes if node in kept and node not in self.given]

    def _of_integers(self) -> set[fx.Node]:
        """What does not depend on floating-point numbers."""
        found = {node for node in self.given if not _is_floating(node)}
        for node in self.graph.nodes:
            if node not in self.predicting or has(operator_name(node.target), "draws by shape"):
                continue
            is_size = node.target is torch.Tensor.size and node.args[0] in self.given
            if is_size or all(n in found for n in node.all_input_nodes):
                found.add(node)
        return found

    def _is_read_later(self, node: fx.Node) -> bool:
        return any(user not in self.predicting and user.op != "output" for user in node.users)


@outside_transforms()  # a first call inside of `vmap` would fix the batch's size
def record(
    graph: Graph, plan: Plan, at: Sequence[str] = (), masked: Sequence[str] = (), beside: bool = True
) -> Recording:
    """Run both passes once on fake tensors.

    Args:
        at: Layers whose activation and relevance the result holds.
        masked: Layers whose relevance is multiplied by a mask, given behind the seed in this order.
        beside: Whether relevance also goes on along paths that pass a masked layer by.

    Raises:
        KeyError: There is no such layer.
        ValueError: A layer to mask is used several times, and no use is named; or no path leads through all of them.
    """
    fake = {name: node.meta["val"] for name, node in graph.parameters.items()}
    inputs = [node.meta["val"] for node in graph.inputs]
    taps, masks = [graph.find(layer) for layer in at], [_one_use(graph, layer) for layer in masked]
    with fake_mode_of(graph.output.meta["val"]), torch.no_grad():
        leaves, spec = pytree.tree_flatten(prepare(graph, plan, fake))
        seeds = [torch.empty_like(node.meta["val"]) for node in [graph.output, *masks]]
    predicting: set[fx.Node] = set()

    def both(step: Step, given: list[Tensor], inputs: list[Tensor], seeds: list[Tensor]) -> Any:
        values = iter(given)
        weights = pytree.tree_unflatten([next(values) if isinstance(v, Tensor) else v for v in leaves], spec)
        env, bound = forward(graph, plan, weights, inputs, step)
        predicting.update(traced_calls())
        seen: dict[fx.Node, Tensor] = {}

        def tap(node: fx.Node, relevance: Tensor) -> Tensor:
            for mask in (mask for masked, mask in zip(masks, seeds[1:], strict=True) if masked is node):
                relevance = relevance * mask  # one node may be the output of several layers
            seen[node] = relevance
            return relevance

        relevance = backward(graph, plan, weights, env, bound, seeds[0], tap, () if beside else masks, step)
        if not beside and (absent := [layer for layer, node in zip(masked, masks, strict=True) if node not in seen]):
            raise ValueError(f"no path leads through all of {', '.join(masked)}: none reaches {', '.join(absent)}")
        hidden = [(env[n], seen[n] if n in seen else nothing(env[n], seeds[0])) for n in taps]
        return env[graph.output], (relevance, hidden) if at or masked else relevance

    for function in (partial(both, once()), dispatch_functionalize(partial(both, each))):
        predicting.clear()
        with torch.no_grad():
            module = make_fx(function, tracing_mode="symbolic")(tensors(leaves), inputs, seeds)
        if not _writes(module):
            return _tidy(module, predicting, len(seeds))
    raise RuntimeError(f"{', '.join(_writes(module))} write into tensors, which a recorded program must not; report it")  # pyright: ignore[reportPossiblyUnboundVariable]


def _is_floating(node: fx.Node) -> bool:
    value = node.meta.get("val")
    return isinstance(value, Tensor) and value.is_floating_point()


def _is_cheap(node: fx.Node) -> bool:
    """Whether each of its numbers is made of one number of each value that it reads."""
    return node.op == "call_function" and has(operator_name(node.target), "elementwise")


def _one_use(graph: Graph, layer: str) -> fx.Node:
    """The node of a layer to mask; which of several uses of a module is meant nobody but the caller knows."""
    if len(used := graph.uses(layer)) > 1:
        raise ValueError(
            f"{layer} is used {len(used)} times; say which of them the mask is for, one or several: "
            f"{', '.join(each_use(layer, used))}"
        )
    return graph.find(layer)


def _writes(module: fx.GraphModule) -> list[str]:
    """Operators that change their arguments. What they write would be lost where a program is cut in two; they hide in
    some of PyTorch's own backward formulas, and functionalization, which takes a while, makes copies of them."""
    return sorted({str(node.target) for node in module.graph.nodes if writes(node)})


def _tidy(module: fx.GraphModule, predicting: set[fx.Node], seeds: int) -> Recording:
    # autograd's own detach nodes would cut second derivatives
    for node in module.graph.find_nodes(op="call_function", target=torch.ops.aten.detach.default):
        node.replace_all_uses_with(node.args[0])
    any_layout(module.graph)
    placeholders = list(module.graph.find_nodes(op="placeholder"))
    predicting |= _name_sizes(module.graph, placeholders[:-seeds])
    # what only a path reads that this recording leaves out has its name all the same
    module.graph.eliminate_dead_code(lambda node: node in predicting or node.is_impure())
    _size_once(module.graph)
    _number(module.graph)
    output, result = pytree.tree_unflatten(*result_structure(module))
    return Recording(module, placeholders[:-seeds], placeholders[-seeds:], frozenset(predicting), output, result)


def _name_sizes(graph: fx.Graph, given: list[fx.Node]) -> set[fx.Node]:
    """Read each size from the first input that has it, and name it by where it is read: a recorder reads it from
    whatever tensor it comes across, from a mask or a seed as well, and counts."""
    free = {
        str(size): (node, axis)
        for node in reversed(given)
        if isinstance(node.meta["val"], Tensor)
        for axis, size in enumerate(node.meta["val"].shape)
        if fixed_size(size) is None
    }
    last = next(node for node in reversed(graph.nodes) if node.op == "placeholder")
    named: dict[Any, fx.Node] = {}
    for node in list(graph.find_nodes(op="call_function", target=torch.ops.aten.sym_size.int)):
        place = free.get(str(node.meta["val"]), tuple(node.args))
        if place not in named:
            with graph.inserting_after(last) if place[0].op == "placeholder" else graph.inserting_before(node):
                # vmap knows this one
                named[place] = graph.create_node(
                    "call_function", torch.Tensor.size, place, name=f"size_of_{place[0].name}_{place[1]}"
                )
            named[place].meta = dict(node.meta)
        node.replace_all_uses_with(named[place])
        graph.erase_node(node)
    return {node for (source, _), node in named.items() if source in given}


def _size_once(graph: fx.Graph) -> None:
    """Compute each size once: a recorder does so for each operator that asks for it."""
    known: dict[Any, fx.Node] = {}
    for node in list(graph.nodes):
        if node.op == "call_function" and isinstance(node.meta.get("val"), torch.SymInt):
            first = known.setdefault(expression(node.meta["val"]), node)
            if first is not node:
                node.replace_all_uses_with(first)
                graph.erase_node(node)


def _number(graph: fx.Graph) -> None:
    """Name the operators after what they are and count them: a recorder counts what it leaves out as well."""
    counts: dict[str, int] = {}
    for node in graph.nodes:
        if node.op == "call_function" and node.target is not torch.Tensor.size:
            stem = operator_name(node.target)
            # `sum` is a name of Python's, which FX would take another for, where a program is cut out
            number = counts[stem] = counts.get(stem, 0 if hasattr(builtins, stem) else -1) + 1
            node.name = f"{stem}_{number}" if number else stem


def function(found: Recording, inputs: Sequence[fx.Node], result: Any) -> fx.GraphModule:
    """What computes `result` from `inputs`, as a function of its own; values are freed after their last use.

    What of the forward pass is computed again behind it, is so where it is first read.
    """
    wanted: list[fx.Node] = []
    map_arg(result, wanted.append)
    needed, given = set(wanted), set(inputs)
    for node in reversed(found.graph.nodes):
        if node in needed and node not in given:
            needed |= set(node.all_input_nodes)
    new = fx.Graph()
    env = {node: new.placeholder(node.name) for node in inputs}
    order = [node for node in found.graph.nodes if node in needed and node not in given]
    for node in [n for n in order if n not in found.predicting] + [n for n in order if n in found.predicting]:
        for one in _until(node, env):
            env[one] = new.node_copy(one, env.__getitem__)
    new.output(map_arg(result, env.__getitem__))
    new.lint()
    return fx.GraphModule(found.module, new)


def _until(node: fx.Node, there: Mapping[fx.Node, fx.Node]) -> list[fx.Node]:
    """What is computed before a node, and it itself, that is not there yet."""
    ahead, found = [node], set()
    while ahead:
        if (one := ahead.pop()) not in there and one not in found:
            found.add(one)
            ahead += one.all_input_nodes
    return sorted(found)


def consuming(module: fx.GraphModule) -> fx.GraphModule:
    """The same function of one list, which it empties, so that each value is freed after its last use."""
    new, env = fx.Graph(), {}
    values = new.placeholder("values")
    for node in module.graph.nodes:
        given = node.op == "placeholder"
        env[node] = new.call_method("pop", (values, 0)) if given else new.node_copy(node, env.__getitem__)
    new.lint()
    return fx.GraphModule(module, new)
