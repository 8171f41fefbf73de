"""Rules for softmax and for normalizations by the input's own statistics."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lrp.graph.aten import arguments
from lrp.graph.op import Inputs, Op, Params
from lrp.graph.operators import has
from lrp.rules.rule import Rule, Shares, factory
from lrp.rules.stabilizer import Stabilize, divide


@factory
def softmax_taylor() -> Rule:
    """s = softmax(x): R_i = x_i (R_i - s_i sum_k R_k) (Achtibat et al. 2024, arXiv:2402.05602, Prop. 3.1).

    A first-order Taylor expansion at x whose constant term absorbs the rest. Masked logits (-inf) count as 0. Not
    invariant under a shift of the logits, although the softmax is.
    """

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        del weights
        (x,) = inputs
        dim = arguments(op.node)["dim"]
        probability = output.exp() if "log" in op.name else output
        total = relevance.sum(dim, keepdim=True)
        return (torch.where(x.isinf(), 0, x) * (relevance - probability * total),)

    return Rule(propagate)


@factory
def frozen_statistics(stabilizer: Stabilize = 1e-6) -> Rule:
    """Layer, group, instance, RMS and batch norm with sigma as a constant: R_i = x_i sum_j M_ji R_j / stab(y_j).

    y = (x - mean) / sigma * w + b, M = diag(w / sigma) (I - 1 1^T / N) (Ali et al. 2022, arXiv:2202.07304; Achtibat et
    al. 2024, arXiv:2402.05602, Prop. 3.4). Conserves up to the bias: sum R_i = sum_j (1 - b_j / y_j) R_j.
    """

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        (x,) = inputs
        s = divide(relevance, output, stabilizer)
        if has(op.name, "batch norm"):  # its statistics are constants anyway
            return (x * op.transpose(weights, inputs, s)[0],)
        x = x.to(s.dtype)
        (cotangent,) = torch.func.vjp(_frozen(op, weights, x), x)[1](s)
        return (x * cotangent,)

    return Rule(propagate, stabilizer=stabilizer, proportional=True)


def _frozen(op: Op, params: Params, x: Tensor) -> Callable[[Tensor], Tensor]:
    """The normalization as a linear map of its input, with the scale that it has at `x`."""
    given = arguments(op.node)
    groups = given.get("num_groups", given.get("group")) or (x.shape[1] if op.name == "instance_norm" else None)
    shape = x.shape if groups is None else (x.shape[0], groups, -1)
    dims = tuple(range(-len(given["normalized_shape"]), 0)) if groups is None else (-1,)
    weight = params.get("weight")
    if weight is not None and groups is not None:
        weight = weight.view(-1, *[1] * (x.ndim - 2))
    centred = "rms" not in op.name
    # native operators return their epsilon under one name or the other
    eps = given.get("eps", given.get("epsilon"))
    parts = x.reshape(shape)
    centre = parts.mean(dims, keepdim=True) if centred else 0
    scale = (
        (parts - centre).square().mean(dims, keepdim=True) + (eps if eps is not None else torch.finfo(x.dtype).eps)
    ).rsqrt()

    def linear(x: Tensor) -> Tensor:
        parts = x.reshape(shape)
        centred_parts = parts - parts.mean(dims, keepdim=True) if centred else parts
        normalized = (centred_parts * scale).reshape(x.shape)
        return normalized if weight is None else normalized * weight

    return linear
