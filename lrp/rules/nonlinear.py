"""Rules for sums with cancellation, products, softmax, normalization, and the ReLU rules of gradient methods."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lrp.graph.aten import arguments
from lrp.graph.op import Inputs, Op, Params
from lrp.rules.rule import Rule, Shares, factory
from lrp.rules.stabilizer import Stabilize, stabilize


def _sum_to(x: Tensor, like: Tensor) -> Tensor:
    """The transpose of broadcasting: `x` summed to the shape of `like`."""
    extra = x.ndim - like.ndim
    x = x.sum(tuple(range(extra))) if extra else x
    stretched = tuple(d for d, (n, m) in enumerate(zip(x.shape, like.shape, strict=True)) if m == 1 and n != 1)
    return x.sum(stretched, keepdim=True) if stretched else x


@factory
def absolute(stabilizer: Stabilize = 1e-6) -> Rule:
    """For sums with two or more branches: R_k = |x_k| / sum_k |x_k| R.

    Conserves, and is bounded where branches cancel (the norm rule is not: there |x_k / sum x| grows without bound).
    """

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        del weights, output
        if op.name != "add" or len(inputs) < 2:
            raise ValueError(f"the rule absolute is for a sum of branches, {op.name} has {len(inputs)} input")
        magnitudes = [x.abs() for x in inputs]
        s = relevance / stabilize(sum(magnitudes, torch.zeros_like(relevance)), stabilizer)
        return tuple(_sum_to(m * s, x) for m, x in zip(magnitudes, inputs, strict=True))

    return Rule(propagate, stabilizer=stabilizer, proportional=True)


@factory
def uniform() -> Rule:
    """For sums and products of k branches: each receives R / k, whatever its value. Conserves exactly.

    (Products: Achtibat et al. 2024, arXiv:2402.05602, Prop. 3.2.)
    """

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        del op, weights, output
        return tuple(_sum_to(relevance / len(inputs), x) for x in inputs)

    return Rule(propagate)


def _signals(op: Op) -> tuple[bool, ...]:
    """Which factor of a product is the signal; both, if that cannot be told from where they come from."""
    if op.kind == "division":
        numerator = arguments(op.node)["self"]
        return tuple(node is numerator for node in op.inputs)
    return tuple(not gate for gate in op.gates) if sum(op.gates) == 1 else (True,) * len(op.inputs)


@factory
def signal_takes_all() -> Rule:
    """y = gate * x: R_x = R, R_gate = 0; y = x / scale likewise. Conserves exactly.

    The gate is the factor that comes out of a sigmoid, a softmax or the like (squeeze-excitation, gated units; Arras et
    al. 2017, doi:10.18653/v1/W17-5221). Where neither factor or both are gates, each receives half.
    """

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        del weights, output
        chosen = _signals(op)
        part = relevance / sum(chosen)
        return tuple(_sum_to(part, x) if taken else None for x, taken in zip(inputs, chosen, strict=True))

    return Rule(propagate, receives=_signals)


@factory
def half_and_half(stabilizer: Stabilize = 1e-6) -> Rule:
    """Products of k signals, such as `A @ V`: each receives 1 / k of the relevance in proportion to its terms.

    R_A_ji = sum_p A_ji V_ip R_jp / (2 stab(O_jp)) and the same for V (Achtibat et al. 2024, arXiv:2402.05602, Prop.
    3.3). Conserves up to the stabilizer.
    """

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        cotangents = op.transpose(weights, inputs, relevance / stabilize(output, stabilizer))
        return tuple(a * c / len(inputs) for a, c in zip(inputs, cotangents, strict=True))

    return Rule(propagate, stabilizer=stabilizer, proportional=True)


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
    """Layer, group, instance and RMS norm with sigma as a constant: R_i = x_i sum_j M_ji R_j / stab(y_j).

    y = (x - mean) / sigma * w + b, M = diag(w / sigma) (I - 1 1^T / N) (Ali et al. 2022, arXiv:2202.07304; Achtibat et
    al. 2024, arXiv:2402.05602, Prop. 3.4). Conserves up to the bias: sum R_i = sum_j (1 - b_j / y_j) R_j.
    """

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        (x,) = inputs
        s = relevance / stabilize(output, stabilizer)
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


@factory
def relu_deconvnet() -> Rule:
    """R_i = max(R, 0), the ReLU of the deconvnet (Zeiler & Fergus 2014, doi:10.1007/978-3-319-10590-1_53)."""

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        del op, weights, inputs, output
        return (relevance.clamp(min=0),)

    return Rule(propagate)


@factory
def relu_guided_backprop() -> Rule:
    """R_i = 1[x > 0] max(R, 0), the ReLU of guided backpropagation (Springenberg et al. 2015, arXiv:1412.6806)."""

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        del op, weights, inputs
        return (torch.where(output > 0, relevance.clamp(min=0), 0),)

    return Rule(propagate)


@factory
def relu_beta_smooth(beta_smooth: float = 10.0) -> Rule:
    """R_i = sigmoid(beta x) R, the gradient of a softplus of sharpness beta (Dombrowski et al. 2019, arXiv:1906.07983).

    Its second derivative, unlike the ReLU's, is not zero. Reads the ReLU's input also where the model works in place.
    """

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        del op, weights, output
        return (torch.sigmoid(beta_smooth * inputs[0]) * relevance,)

    return Rule(propagate)
