"""The transform: Graph + composite -> relevance program. Transpose loop in the shape of JAX's, emitted as flat ATen."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.experimental.proxy_tensor import get_proxy_mode, make_fx
from torch.fx.node import map_arg
from torch.utils import _pytree as pytree

from lrp.composites import Composite, Plan, Row, assign
from lrp.graph import Graph, check_input, evaluate
from lrp.ops import Op

Weights = Mapping[str, Mapping[str, Any]]
"""For each node its own constant arguments ("params") and what its rule made of them ("rule")."""

Pullback = Callable[[Tensor], Tensor]


@dataclass(frozen=True, eq=False)
class Program:
    """A model and its relevance pass as two flat ATen programs; made by `relprop`.

    `forward` maps weights and input to the output and to the values that `backward` needs again; `backward` maps those
    and the seed to the input's relevance. Both are plain functions of tensors, so `torch.func.vmap`, `grad`, `jvp` and
    `torch.compile(fullgraph=True)` go through. `print(program.code)` shows them.
    """

    graph: Graph
    composite: Composite
    plan: Plan
    forward: fx.GraphModule
    backward: fx.GraphModule

    def prepare(self, params: Mapping[str, Tensor]) -> Weights:
        """Make all modified weights, once per model; differentiable in `params` (names as in `graph.params`)."""
        return prepare(self.graph, self.plan, params)

    def __call__(self, weights: Weights, x: Tensor) -> tuple[Tensor, Pullback]:
        """Predict, and keep what is needed to explain.

        Args:
            weights: From `prepare`.
            x: Input of the traced shape, any batch size.

        Returns:
            The model's output and `pullback`: seed, of the output's shape -> relevance, of the input's shape. It is
            linear in the seed, and may be called many times or under `torch.func.vmap`.
        """
        check_input(self.graph, x)
        flat = _tensors(weights)
        output, *kept = self.forward(*flat, x)
        return output, partial(self._pull, flat, x, output.shape, kept)

    def _pull(self, flat: list[Any], x: Tensor, shape: torch.Size, kept: list[Any], seed: Tensor) -> Tensor:
        if seed.shape != shape:
            raise ValueError(f"the seed must have the output's shape {tuple(shape)}, got {tuple(seed.shape)}")
        return self.backward(*flat, x, *kept, seed)

    @property
    def code(self) -> str:
        """Source of both programs."""
        return f"# forward\n{self.forward.code.strip()}\n\n# backward\n{self.backward.code.strip()}\n"


def relprop(graph: Graph, composite: Iterable[Row]) -> Program:
    """Turn a graph into a program that predicts and explains; every rule is decided here.

    Args:
        graph: From `trace`, usually after `canonize`.
        composite: Rows of (match, rule), the first match wins.

    Raises:
        MissingRule: Operators without a rule, all listed.

    Example:
        >>> import torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()
        >>> graph = lrp.canonize(lrp.trace(model, torch.zeros(1, 3)))
        >>> program = lrp.relprop(graph, lrp.composites.epsilon_plus())
        >>> weights = program.prepare(graph.params)
        >>> output, pullback = program(weights, torch.randn(5, 3))
        >>> pullback(output).shape
        torch.Size([5, 3])
    """
    rows = Composite(composite)
    plan = assign(graph, rows)
    forward, backward = _emit(graph, plan)
    return Program(graph, rows, plan, forward, backward)


def prepare(graph: Graph, plan: Plan, params: Mapping[str, Tensor]) -> Weights:
    """Evaluate all that depends on parameters alone, and let each rule make its modified weights."""
    absent = sorted(set(graph.parameters) - set(params))
    if absent:
        raise KeyError(
            f"params lack {', '.join(absent[:5])}{' ...' if len(absent) > 5 else ''}; start from graph.params"
        )
    env: dict[fx.Node, Any] = {node: params[name] for name, node in graph.parameters.items()}
    for node in graph.fx.nodes:
        if node.op == "call_function" and node in plan.facts.static:
            env[node] = evaluate(node, env)
    weights: dict[str, dict[str, Any]] = {}
    for node, op in plan.ops.items():
        own = {role: env[source] for role, source in op.roles.items() if source in env}
        prepared = {"rule": plan.rules[node].prepare(op, own)} if node in plan.rules else {}
        weights[node.name] = {"params": own, **prepared}
    return weights


def _forward(graph: Graph, plan: Plan, weights: Weights, x: Tensor) -> tuple[dict[fx.Node, Any], dict[fx.Node, Op]]:
    """Values of all nodes, and operators bound to what is known only at run time."""
    env: dict[fx.Node, Any] = {graph.input: x}
    bound: dict[fx.Node, Op] = {}
    for node, op in plan.ops.items():
        bound[node] = op = op.bind(env)
        run = partial(op, weights[node.name]["params"])
        inputs = [env[source] for source in op.inputs]
        if op.kind == "winner" and node in plan.rules:
            # the winners' positions are kept from here, not searched again
            env[node], saved, *_ = torch.func.vjp(run, *inputs)
            bound[node] = replace(op, saved=saved)
        else:
            env[node] = run(*inputs)
    return env, bound


def _backward(graph: Graph, plan: Plan, weights: Weights, env: Mapping, bound: Mapping, seed: Tensor) -> Tensor:
    """Walk the nodes backwards; look the rule up; add where paths meet."""
    relevance: dict[fx.Node, Tensor] = {graph.output: seed}
    for node, rule in reversed(list(plan.rules.items())):
        if node not in relevance:
            continue
        op = bound[node]
        inputs = tuple(env[source] for source in op.inputs)
        shares = rule.propagate(op, weights[node.name]["rule"], inputs, env[node], relevance.pop(node))
        for source, share in zip(op.inputs, shares, strict=True):
            if share is not None:
                relevance[source] = relevance[source] + share if source in relevance else share
    return relevance[graph.input] if graph.input in relevance else torch.zeros_like(env[graph.input])


def _emit(graph: Graph, plan: Plan) -> tuple[fx.GraphModule, fx.GraphModule]:
    """Run both passes once on fake tensors, record the ATen operators, and cut the record in two."""
    fake = {name: node.meta["val"] for name, node in graph.parameters.items()}
    x = graph.input.meta["val"]
    with x.fake_mode, torch.no_grad():
        leaves, spec = pytree.tree_flatten(prepare(graph, plan, fake))
        seed = torch.empty_like(graph.output.meta["val"])
    border: list[fx.Node] = []

    def joint(x: Tensor, seed: Tensor, *tensors: Tensor) -> tuple[Tensor, Tensor]:
        given = iter(tensors)
        weights = pytree.tree_unflatten([next(given) if isinstance(v, Tensor) else v for v in leaves], spec)
        env, bound = _forward(graph, plan, weights, x)
        mode = get_proxy_mode()
        assert mode is not None
        border.append(next(iter(reversed(mode.tracer.graph.nodes))))
        return env[graph.output], _backward(graph, plan, weights, env, bound, seed)

    with torch.no_grad():
        recorded = make_fx(joint, tracing_mode="symbolic")(x, seed, *_tensors(leaves))
    return _cut(recorded, border[0])


def _tensors(weights: Any) -> list[Tensor]:
    return [leaf for leaf in pytree.tree_leaves(weights) if isinstance(leaf, Tensor)]


def _cut(recorded: fx.GraphModule, border: fx.Node) -> tuple[fx.GraphModule, fx.GraphModule]:
    """Cut a record (x, seed, *weights) -> (output, relevance) after `border`.

    Returns `(*weights, x) -> (output, *kept)` and `(*weights, x, *kept, seed) -> relevance`.
    """
    graph = recorded.graph
    before: set[fx.Node] = set()
    for node in graph.nodes:
        before.add(node)
        if node is border:
            break
    # autograd's own detach nodes would cut second derivatives
    for node in graph.find_nodes(op="call_function", target=torch.ops.aten.detach.default):
        node.replace_all_uses_with(node.args[0])
    graph.eliminate_dead_code()
    x, seed, *weights = graph.find_nodes(op="placeholder")
    results: Any = graph.output_node().args[0]
    output, relevance = results
    work = [n for n in graph.nodes if n.op not in ("placeholder", "output")]
    first, second = [n for n in work if n in before], [n for n in work if n not in before]
    kept = [n for n in first if any(user not in before for user in n.users if user.op != "output") or n is relevance]
    forward = _subgraph(recorded, [*weights, x], first, [output, *kept])
    return forward, _subgraph(recorded, [*weights, x, *kept, seed], second, relevance)


def _subgraph(
    owner: fx.GraphModule, inputs: list[fx.Node], nodes: list[fx.Node], result: fx.Node | list[fx.Node]
) -> fx.GraphModule:
    """`nodes` as a function of `inputs`; values are freed after their last use."""
    new = fx.Graph()
    env = {node: new.placeholder(node.name) for node in inputs}
    for node in nodes:
        env[node] = new.node_copy(node, env.__getitem__)
    new.output(map_arg(result, env.__getitem__))
    new.lint()
    return fx.GraphModule(owner, new)
