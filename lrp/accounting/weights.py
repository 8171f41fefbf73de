"""Relevance of weights: what passes through each."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx

from lrp.graph.aten import arguments
from lrp.graph.graph import Example, Graph, check_input
from lrp.rules.rule import unstacked
from lrp.rules.stabilizer import divide
from lrp.transform.passes import Weights, backward, forward
from lrp.transform.program import Program


def weight_relevance(program: Program, weights: Weights, x: Example, seed: Tensor, layer: str) -> dict[str, Tensor]:
    """R_w of a layer: the relevance that passes through each weight, summed over samples and positions.

    R_w_ij = sum w_ij a_i R_j / D_j, with the numerators and denominators of the layer's rule. `sum R_w` is the
    relevance that the layer passes on to its input.

    Args:
        layer: Module path or node name of a layer whose rule is made of terms (every rule for linear layers).

    Returns:
        By parameter name ("weight"), of its shape; for one sample at a time, call with batches of one.
    """
    graph, decided = program.graph, program.plan
    node = _parametric(graph, decided.rules, layer)
    rule, seen = decided.rules[node], {}
    with torch.no_grad():
        env, bound = forward(graph, decided, weights, check_input(graph, x))
        backward(graph, decided, weights, env, bound, seed, lambda n, r: seen.setdefault(n, r))
    op, inputs = bound[node], tuple(env[source] for source in bound[node].inputs)
    total: dict[str, Tensor] = {}
    assert rule.terms is not None
    for term in rule.terms(op, weights[node.name]["rule"], inputs, env[node]):
        s = divide(seen[node], term.total, rule.stabilizer) * term.factor
        s = s if term.live is None else torch.where(term.live, s, 0)
        for part in term.parts:
            w = {"weight": part.params["weight"]}
            if term.alike:
                w = {"weight": w["weight"].expand_as(weights[node.name]["params"]["weight"])}
            _, pull = torch.func.vjp(lambda w, part=part: op({**part.params, **w}, *part.inputs), w)[:2]
            (cotangent,) = pull((s * part.factor).to(env[node].dtype))
            share = {k: unstacked(v * cotangent[k], part.stacked and 1) for k, v in w.items()}
            total = {k: total[k] + v if k in total else v for k, v in share.items()}
    return total


def _parametric(graph: Graph, rules: Any, layer: str) -> fx.Node:
    node = graph.find(layer)
    if node not in rules or rules[node].terms is None or arguments(node).get("weight") is None:
        raise ValueError(f"{layer!r} ({node.name}) has no weights that relevance passes; name a linear layer")
    return node
