"""DeepLift: differences from a baseline, shared among the inputs operator by operator."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, fx

from lrp._torch import pytree
from lrp.attribution.inputs import Baseline, at_baseline
from lrp.attribution.methods import method
from lrp.explain.one_call import Explainer
from lrp.explain.target import Target, seed_of
from lrp.graph.facts import Facts, facts
from lrp.graph.graph import Graph, is_floating
from lrp.graph.op import Inputs, Op
from lrp.graph.operators import has
from lrp.transform.passes import add

SMALLEST = 1e-10  # a difference below this is none: the gradient stands for the quotient
POINTS = 16


@method
def deep_lift(source: Explainer | Graph, *, baseline: Baseline = 0.0):
    """A = m (x - b), DeepLift's rescale rule (Shrikumar et al. 2017, arXiv:1704.02685): multipliers m pass backwards,
    m_in = J^T m_out, J averaged over the straight line between an operator's two inputs.

    That average is the difference quotient (f(x) - f(b)) / (x - b) for an activation, the gradient at the middle for
    a product of two signals, the operator itself if it is linear: these are exact. Max pooling gives the part up to
    max(f(x), f(b)) to the winner at x, the rest to the winner at b. All other operators (softmax, normalization,
    quotients, products of three signals, those that `lrp` has no kind for) are integrated *numerically*, by
    Gauss-Legendre of 16 points: exact to rounding where they are smooth on the line, an approximation where they have a
    kink there. So the sum is output(x) - output(b); `lrp.attribution.completeness_error` tells how exactly. Through a
    lookup nothing passes: integers have no differences.

    Args:
        source: An explainer, or a graph from `lrp.trace`.

    Example:
        >>> import torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()
        >>> explain, x = deep_lift(lrp.trace(model, torch.zeros(1, 3))), torch.randn(5, 3)
        >>> output, attribution = explain(x, 0)
        >>> torch.allclose(attribution.sum(1), output[:, 0] - model(torch.zeros(1, 3))[0, 0], atol=1e-5)
        True
    """
    graph = source.program.graph if isinstance(source, Explainer) else source
    known = facts(graph)

    def run(x: Any, target: Target = None) -> tuple[Tensor, Any]:
        base = at_baseline(x, baseline)
        with torch.no_grad():
            here, there = (graph.values(graph.params, given) for given in (x, base))
            output = here[graph.output]
            found = _multipliers(graph, known, here, there, seed_of(output, target))
            shares = [
                (here[node] - there[node]) * found.get(node, 0.0) if is_floating(here[node]) else None
                for node in graph.inputs
            ]
            return output, pytree.tree_unflatten(shares, graph.structure)

    return run


def _multipliers(graph: Graph, known: Facts, here: Mapping, there: Mapping, start: Tensor) -> dict[fx.Node, Tensor]:
    """Walk the nodes backwards; add where paths meet. What is left are the inputs'."""
    found: dict[fx.Node, Tensor] = {graph.output: start}
    for node in reversed(graph.fx.nodes):
        if node not in found or node in graph.inputs or node not in known.signals:
            continue
        op = known.op(node)
        if op.kind == "lookup" or not is_floating(here[node]):
            continue  # integers have no differences
        params = {role: here[provider] for role, provider in op.roles.items()}
        x, base = (tuple(env[n] for n in op.inputs) for env in (here, there))
        for n, share in zip(op.inputs, _passed(op, params, x, base, found.pop(node)), strict=True):
            add(found, n, share)
    return found


def _passed(op: Op, params: Mapping[str, Any], here: Inputs, there: Inputs, m: Tensor) -> Inputs:
    """Multipliers of an operator's inputs from that of its output."""
    if op.kind in ("linear", "sum", "movement") or op.family == "batch norm":
        return op.transpose(params, here, m)
    if op.kind == "winner":
        return _winners(op, params, here, there, m)
    if op.kind == "activation":
        ((x,), (b,)) = here, there
        quotient = m * (op(params, x) - op(params, b)) / _nonzero(x - b)
        return (torch.where(_is_zero(x - b), op.transpose(params, here, m)[0], quotient),)
    return _averaged(op, params, here, there, m, 1 if op.kind in ("gate", "bilinear") and len(here) == 2 else POINTS)


def _averaged(op: Op, params: Mapping[str, Any], here: Inputs, there: Inputs, m: Tensor, points: int) -> Inputs:
    """J^T m, J averaged over the line from `there` to `here` by Gauss-Legendre; one point is exact for products."""
    nodes, weights = np.polynomial.legendre.leggauss(points)
    total = [torch.zeros_like(x) for x in here]
    for node, weight in zip(nodes.tolist(), weights.tolist(), strict=True):
        between = tuple(b + (node + 1) / 2 * (x - b) for x, b in zip(here, there, strict=True))
        total = [t + weight / 2 * share for t, share in zip(total, op.transpose(params, between, m), strict=True)]
    return tuple(total)


def _winners(op: Op, params: Mapping[str, Any], here: Inputs, there: Inputs, m: Tensor) -> Inputs:
    y, y_there = op(params, *here), op(params, *there)
    cross = torch.minimum(y, y_there) if has(op.name, "least") else torch.maximum(y, y_there)
    at_here = op.transpose(params, here, m * (cross - y_there))
    at_there = op.transpose(params, there, m * (y - cross))
    plain = op.transpose(params, here, m)
    deltas = [x - b for x, b in zip(here, there, strict=True)]
    return tuple(
        torch.where(_is_zero(delta), gradient, (first + second) / _nonzero(delta))
        for delta, gradient, first, second in zip(deltas, plain, at_here, at_there, strict=True)
    )


def _is_zero(delta: Tensor) -> Tensor:
    return delta.abs() < SMALLEST


def _nonzero(delta: Tensor) -> Tensor:
    return torch.where(_is_zero(delta), torch.ones_like(delta), delta)
