"""The passes themselves, as plain loops over a plan: prepare, forward, backward. Run under a recorder, or eagerly."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, fx

from lrp._torch import pytree
from lrp.graph.graph import Graph, computed
from lrp.graph.op import HALF, Op
from lrp.graph.operators import has
from lrp.transform.assignment import Plan, shape
from lrp.transform.steps import Step, each

Weights = Mapping[str, Mapping[str, Any]]
"""For each node its own constant arguments ("params") and what its rule made of them ("rule")."""

Tap = Callable[[fx.Node, Tensor], Tensor]
"""Sees the relevance of each node as it is complete, and returns what goes on."""


def tensors(weights: Any) -> list[Tensor]:
    """The tensors of a tree, in a fixed order."""
    return [leaf for leaf in pytree.tree_leaves(weights) if isinstance(leaf, Tensor)]


def prepare(
    graph: Graph, plan: Plan, params: Mapping[str, Tensor], store: Callable[[Any], Any] = lambda weight: weight
) -> Weights:
    """Evaluate all that depends on parameters alone, and let each rule make its modified weights; `store` is done to
    each of them."""
    absent = sorted(set(graph.parameters) - set(params))
    if absent:
        raise KeyError(
            f"params lack {', '.join(absent[:5])}{' ...' if len(absent) > 5 else ''}; start from graph.params"
        )
    env: dict[fx.Node, Any] = {node: params[name] for name, node in graph.parameters.items()}
    env = computed((node for node in graph.fx.nodes if node in plan.facts.static), env)
    weights: dict[str, dict[str, Any]] = {}
    for node, op in plan.ops.items():
        own = {role: env[source] for role, source in op.roles.items() if source in env}
        prepared = {"rule": plan.rules[node].prepare(op, own)} if node in plan.rules else {}
        weights[node.name] = pytree.tree_map(store, {"params": own, **prepared})
    return weights


def forward(
    graph: Graph, plan: Plan, weights: Weights, inputs: list[Tensor], step: Step = each
) -> tuple[dict[fx.Node, Any], dict[fx.Node, Op]]:
    """Values of all nodes, and operators bound to what is known only at run time."""
    env: dict[fx.Node, Any] = dict(zip(graph.inputs, inputs, strict=True))
    bound: dict[fx.Node, Op] = {}
    for node, op in plan.ops.items():
        bound[node] = op = op.bind(env)
        params, values = weights[node.name]["params"], [env[source] for source in op.inputs]
        if op.kind in ("winner", "attention") and node in plan.rules:
            # the winners' positions, and what attention's own backward needs, are kept from here, not computed again
            env[node], saved, *_ = torch.func.vjp(partial(op, params), *values)
            bound[node] = replace(op, saved=saved)
        else:
            env[node] = step(op, None, op, params, *values)
    return env, bound


def _same(plan: Plan, node: fx.Node) -> fx.Node:
    """What the rule is handed as the node's output: its own, or that of the ReLU that cuts it, where that will do."""
    if not (plan.ops[node].cut and plan.rules[node].relu_will_do):
        return node
    return next(user for user in node.users if user in plan.rules)


def add(found: dict[fx.Node, Tensor], node: fx.Node, share: Tensor) -> None:
    """Add what comes along one of several paths to a node."""
    found[node] = found[node] + share if node in found else share


def widened(
    plan: Plan, weights: Weights, env: Mapping[fx.Node, Any], bound: Mapping[fx.Node, Op]
) -> Mapping[fx.Node, Any]:
    """Values with sums in half precision once more in float32, and no zero where branches cancel.

    Two numbers of few digits often cancel to zero, whose relevance is zero whatever its coefficient, so that the
    branches would be left without theirs. That sum is known up to rounding, and is taken for half a rounding unit of a
    branch, u |x| / 2. Where all branches are zero it is zero.
    """
    found = dict(env)
    for node, op in bound.items():
        if node in plan.rules and op.kind == "sum" and has(op.name, "shift") and env[node].dtype in HALF:
            first, *rest = (found[source] for source in op.inputs)
            total = op(weights[node.name]["params"], first.float(), *rest)
            found[node] = torch.where(total == 0, torch.finfo(env[node].dtype).eps / 2 * first.abs(), total)
    return found


def backward(
    graph: Graph,
    plan: Plan,
    weights: Weights,
    env: Mapping[fx.Node, Any],
    bound: Mapping[fx.Node, Op],
    seed: Tensor,
    tap: Tap | None = None,
    gates: Collection[fx.Node] = (),
    step: Step = each,
) -> list[Tensor | None]:
    """Walk the nodes backwards; look the rule up; add where paths meet. Relevance of each input, None for indices.

    What does not pass through each of `gates` is dropped. Of a model in half precision relevance is float32: where a
    rule divides by a value that was multiplied with before, both are the same digits.
    """
    seed, env = seed.to(torch.promote_types(seed.dtype, torch.float32)), widened(plan, weights, env, bound)
    relevance: dict[fx.Node, Tensor] = {graph.output: seed}

    def complete(node: fx.Node) -> Tensor:
        own = relevance.pop(node)
        if node in gates:
            relevance.clear()  # what waits elsewhere came along paths beside this node
        return own if tap is None else tap(node, own)

    for node, rule in reversed(list(plan.rules.items())):
        if node not in relevance:
            continue
        op, prepared = bound[node], weights[node.name]["rule"]
        inputs = tuple(env[source] for source in op.inputs)
        try:
            values = prepared, inputs, env[_same(plan, node)], complete(node)
            shares = step(op, rule, partial(rule.propagate, op), *values)
        except Exception as error:
            place = f"{node.name} ({op.name} in layer {op.layer or '(top)'}, output {shape(op)})"
            raise ValueError(f"the rule {rule} does not fit {place}: {error}") from error
        for source, share in zip(op.inputs, shares, strict=True):
            if share is not None:
                add(relevance, source, share)
    return [
        complete(node) if node in relevance else nothing(env[node], seed) if node in plan.facts.signals else None
        for node in graph.inputs
    ]


def nothing(value: Tensor, seed: Tensor) -> Tensor:
    """No relevance of a value, of the type that relevance has."""
    return torch.zeros_like(value, dtype=torch.promote_types(seed.dtype, torch.float32))
