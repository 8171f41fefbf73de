"""An activation that is written out in pieces (GELU as tanh and products, hard sigmoid as clamp) is one activation.

Relevance passes an activation unchanged (Achtibat et al. 2024, arXiv:2402.05602, Eq. 9). Its pieces alone would share
it between a value and a function of the same value, and between values and constants: that of a GELU by tanh grows to a
hundred times what it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Set
from dataclasses import dataclass
from typing import Any

from torch import Tensor, fx
from torch.fx.node import map_arg

from lrp.graph.aten import operator_name
from lrp.graph.facts import facts, of_one_shape
from lrp.graph.graph import Graph
from lrp.graph.operators import has, kind_of
from lrp.graph.rewriting import Builder, rewrite


@dataclass(frozen=True)
class Value:
    """A place in an `Activation`: its argument of this number, and behind these the results of its steps."""

    number: int


@dataclass(frozen=True, eq=False)
class Activation:
    """Elementwise operators as one: `activation(x, *constants)`, each step a call of one of them.

    `gate` is how surely it is the scale of a product, see `lrp.graph.facts.GATES`.
    """

    steps: tuple[tuple[Callable[..., Any], Any, Any], ...]
    gate: int = 0

    def __call__(self, *values: Tensor) -> Tensor:
        found = list(values)
        for target, args, kwargs in self.steps:
            found.append(target(*_filled(args, found), **_filled(kwargs, found)))
        return found[-1]

    @property
    def __name__(self) -> str:
        return "activation"


def _filled(tree: Any, values: list[Any]) -> Any:
    if isinstance(tree, Value):
        return values[tree.number]
    if isinstance(tree, (tuple, list)):
        return type(tree)(_filled(entry, values) for entry in tree)
    if isinstance(tree, dict):
        return {key: _filled(entry, values) for key, entry in tree.items()}
    return tree


def one_activation(graph: Graph) -> Graph:
    """Join each set of elementwise operators between one source and one sink that is not linear.

    A set is joined where paths from its source meet again (`x * sigmoid(x)`), and where a constant moves the values
    before or behind a function that is no ReLU (`relu6(x + 3) / 6`). Constants are numbers and tensors of one value.
    What else reads a value inside a set still does.
    """
    known = facts(graph)
    source: dict[fx.Node, fx.Node] = {}
    curved: set[fx.Node] = set()
    sets: dict[fx.Node, fx.Node] = {}
    for node in graph.fx.nodes:
        given = _arguments_of_one_source(node, known.static)
        start = _meeting(given, source) if given is not None else None
        if given is None or start is None:
            continue
        source[node] = start
        inside = _between(start, node, source) if len(given) > 1 else [node]
        if any(_is_curved(n, known.static) or n in curved for n in inside):
            curved.add(node)
        if node not in known.signals:
            continue
        if len(given) > 1 and node in curved:
            sets[node] = start
        elif len(given) == 1 and (start := _moved_from(node, source, sets, known.static)) is not None:
            sets[node] = source[node] = start
    return _joined(graph, sets, source, known.gates) if sets else graph


def _arguments_of_one_source(node: fx.Node, static: Set[fx.Node]) -> list[fx.Node] | None:
    """The arguments of an elementwise operator that depend on the input, if all others are constants of one value."""
    if node.op != "call_function" or not has(operator_name(node.target), "elementwise"):
        return None
    found = list(node.all_input_nodes)
    varying = [n for n in found if n not in static]
    constants = [n for n in found if n in static]
    if not varying or any(not isinstance(n.meta["val"], Tensor) or n.meta["val"].numel() != 1 for n in constants):
        return None
    same = all(isinstance(n.meta["val"], Tensor) and of_one_shape(n.meta["val"], node.meta["val"]) for n in varying)
    return varying if same else None


def _meeting(signals: list[fx.Node], source: Mapping[fx.Node, fx.Node]) -> fx.Node | None:
    """The nearest value that all of them are functions of; None if there is none."""
    chains = [_chain(node, source) for node in signals]
    return next((node for node in chains[0] if all(node in chain for chain in chains[1:])), None)


def _chain(node: fx.Node, source: Mapping[fx.Node, fx.Node]) -> list[fx.Node]:
    """A value, what it is a function of, what that is a function of, ..."""
    chain = [node]
    while chain[-1] in source:
        chain.append(source[chain[-1]])
    return chain


def _between(start: fx.Node, end: fx.Node, source: Mapping[fx.Node, fx.Node]) -> list[fx.Node]:
    """Operators from `start` (without it) to `end`, in data-flow order."""
    found, waiting = {end}, [end]
    while waiting:
        for node in waiting.pop().all_input_nodes:
            if node is not start and node in source and node not in found:
                found.add(node)
                waiting.append(node)
    return [node for node in end.graph.nodes if node in found] if len(found) > 1 else [end]


def _is_curved(node: fx.Node, static: Set[fx.Node]) -> bool:
    """Whether an operator is no affine function of its arguments together."""
    name = operator_name(node.target)
    if name in ("mul", "div"):
        factors = [n for n in node.all_input_nodes if n not in static]
        return len(factors) > 1 or (name == "div" and node.args[0] not in factors)
    return kind_of(name) not in ("sum", "lerp")


def _moved_from(
    node: fx.Node, source: Mapping[fx.Node, fx.Node], sets: Mapping[fx.Node, fx.Node], static: Set[fx.Node]
) -> fx.Node | None:
    """Where a chain begins that `node` ends, if a constant moves values in it before or behind a function."""
    shift, curve, current = False, False, node
    while current in source and not has(operator_name(current.target), "relu"):
        if current in sets:
            curve, current = True, sets[current]
        elif len([n for n in current.all_input_nodes if n not in static]) > 1:
            return None
        else:
            shift |= has(operator_name(current.target), "shift")
            curve |= _is_curved(current, static)
            current = source[current]
        if shift and curve:
            return current
    return None


def _joined(
    graph: Graph, sets: Mapping[fx.Node, fx.Node], source: Mapping[fx.Node, fx.Node], gates: Mapping[fx.Node, int]
) -> Graph:
    def replacement(builder: Builder, node: fx.Node) -> fx.Node | None:
        if node not in sets:
            return None
        start, inside = sets[node], _between(sets[node], node, source)
        constants = list(dict.fromkeys(n for step in inside for n in step.all_input_nodes if n not in (start, *inside)))
        places: Any = {n: Value(i) for i, n in enumerate([start, *constants, *inside])}
        filled = places.__getitem__
        steps: Any = tuple((n.target, map_arg(n.args, filled), map_arg(dict(n.kwargs), filled)) for n in inside)
        new = [builder.env[n] for n in (start, *constants)]
        joined = builder.call(Activation(steps, gates.get(node, 0)), *new, like=node, shaped=node)  # type: ignore[arg-type]
        joined.meta["folded"] = tuple({n.meta.get("layer", "") for n in inside})
        return joined

    return rewrite(graph, replacement)
