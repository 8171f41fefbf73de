"""EGEM: weights that the accepted data do not need are shrunk, whatever an artefact would send through them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, fx

from lrp.correct.samples import Samples
from lrp.graph.aten import arguments, operator_name
from lrp.graph.graph import Graph, computed
from lrp.graph.operators import has


def prune(
    graph: Graph, data: Samples, strength: float = 0.1, *, only: Callable[[str], bool] | None = None, batch: int = 64
) -> dict[str, Tensor]:
    """w_ij <- w_ij E[a_i^2 rho_j^2] / (E[a_i^2 rho_j^2] + lambda E[rho_j^2]), rho_j = dy / dz_j of the class's logit y.

    The ridge solution that keeps each neuron's explanation on data whose predictions a person accepts and minimizes its
    exposure elsewhere (after Linhardt et al. 2024, arXiv:2304.14463): an input a_i that is small on the accepted data
    counts less, so `strength` is in units of the layer's mean a_i^2. Of dense layers; the biases stay.

    Args:
        data: Accepted samples: of all classes, without the artefact.
        strength: lambda, as a share of the layer's mean squared input.
        only: Which weights, by name. Default: those of all dense layers.

    Returns:
        All parameters, those weights changed.

    Raises:
        ValueError: There is no such layer.
    """
    found = [
        node for node in graph.fx.nodes
        if node.op == "call_function" and has(operator_name(node.target), "dense")
        and isinstance(weight := arguments(node)["weight"], fx.Node) and weight.meta.get("learned")
        and (only is None or only(weight.meta["param"]))
    ]  # fmt: skip
    if not found:
        raise ValueError("the model has no dense layer of that name: there is nothing to prune")
    both, alone, square = ({node: torch.zeros(()) for node in found} for _ in range(3))
    for rows in torch.arange(len(data)).split(batch):
        given = graph.given(graph.params, data.x[rows])
        given = {node: v.clone().requires_grad_() if node in graph.inputs else v for node, v in given.items()}
        with torch.enable_grad():
            values = computed(graph.fx.nodes, given)
            logits = values[graph.output].gather(1, data.y[rows, None]).sum()
            slopes = torch.autograd.grad(logits, [values[node] for node in found], allow_unused=True)
        for node, rho in zip(found, slopes, strict=True):
            a = values[arguments(node)["input"]].detach().flatten(0, -2).square()
            r = (torch.zeros_like(values[node]) if rho is None else rho).flatten(0, -2).square()
            both[node], alone[node] = both[node] + r.T @ a, alone[node] + r.sum(0)
            square[node] = square[node] + a.sum() / a.shape[1] / len(data) * len(rows) / len(a)
    changed = {}
    for node in found:
        name = arguments(node)["weight"].meta["param"]
        exposure = strength * square[node] * alone[node][:, None]
        factor = both[node] / (both[node] + exposure).clamp(min=torch.finfo(exposure.dtype).tiny)
        changed[name] = graph.params[name] * factor
    return {**graph.params, **changed}
