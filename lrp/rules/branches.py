"""Rules for sums with cancellation, products, softmax, normalization, and the ReLU rules of gradient methods."""

from __future__ import annotations

import torch
from torch import Tensor

from lrp.graph.aten import arguments
from lrp.graph.facts import GATES
from lrp.graph.op import Inputs, Op, Params
from lrp.rules.rule import Rule, Shares, factory, never
from lrp.rules.stabilizer import Stabilize, divide


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
        s = divide(relevance, sum(magnitudes, torch.zeros_like(relevance)), stabilizer)
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

    return Rule(propagate, drops=never)


def _signals(op: Op, least: str = "squash") -> tuple[bool, ...]:
    """Which factor of a product is the signal: the one that is least surely a scale; both, if they are alike."""
    if op.kind == "division":
        numerator = arguments(op.node)["self"]
        return tuple(node is numerator for node in op.inputs)
    gates = [gate if gate >= GATES[least] else 0 for gate in op.gates]
    return tuple(gate == min(gates) for gate in gates)


@factory
def signal_takes_all(least: str = "squash") -> Rule:
    """y = gate * x: R_x = R, R_gate = 0; y = x / scale likewise. Conserves exactly.

    The gate is the factor that comes out of a sigmoid, a softmax or the like (squeeze-excitation, gated units; Arras et
    al. 2017, doi:10.18653/v1/W17-5221), beside these a tanh is a signal; or it is a statistic, such as 1 / sigma of an
    RMS norm (Achtibat et al. 2024, arXiv:2402.05602, Prop. 3.4; `lrp.graph.facts.GATES`). Of two factors that are alike
    each receives half.

    Args:
        least: What is taken for a gate at least: "activation" (of any kind, such as the SiLU of a gated MLP, beside
            what comes out of none), "squash" (a tanh), "gate" (a sigmoid), or "statistic", beside which all products
            are shared half and half (Achtibat et al. 2024, Prop. 3.2).
    """
    if least not in GATES:
        raise ValueError(f"least must be one of {', '.join(GATES)}, got {least!r}")

    def receives(op: Op) -> tuple[bool, ...]:
        return _signals(op, least)

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        del weights, output
        if op.kind == "bilinear":
            raise ValueError(f"signal_takes_all is for products value by value, {op.name} sums: frozen_gate is for it")
        chosen = receives(op)
        part = relevance / sum(chosen)
        return tuple(_sum_to(part, x) if taken else None for x, taken in zip(inputs, chosen, strict=True))

    return Rule(propagate, receives=receives, drops=never)


@factory
def half_and_half(stabilizer: Stabilize = 1e-6) -> Rule:
    """Products of k signals, such as `A @ V`: each receives 1 / k of the relevance in proportion to its terms.

    R_A_ji = sum_p A_ji V_ip R_jp / (2 stab(O_jp)) and the same for V (Achtibat et al. 2024, arXiv:2402.05602, Prop.
    3.3). Conserves up to the stabilizer.
    """

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        cotangents = op.transpose(weights, inputs, divide(relevance, output, stabilizer))
        return tuple(a * c / op.degree for a, c in zip(inputs, cotangents, strict=True))

    return Rule(propagate, stabilizer=stabilizer, proportional=True)


@factory
def frozen_gate(stabilizer: Stabilize = 1e-6) -> Rule:
    """Products that sum, such as `A @ V`, with the gate as a constant: R_V_ip = sum_j A_ji V_ip R_jp / stab(O_jp).

    `("bilinear", frozen_gate())` holds attention weights fixed (CP-LRP; Ali et al. 2022, arXiv:2202.07304): the softmax
    and what is before it receive nothing. What a gate is, see `signal_takes_all`; where neither factor is one (`Q @ K`)
    it is `half_and_half`. Conserves up to the stabilizer.
    """

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        chosen = _signals(op)
        count = op.degree if all(chosen) else sum(chosen)
        cotangents = op.transpose(weights, inputs, divide(relevance, output, stabilizer))
        parts = zip(inputs, cotangents, chosen, strict=True)
        return tuple(x * cotangent / count if taken else None for x, cotangent, taken in parts)

    return Rule(propagate, receives=_signals, stabilizer=stabilizer, proportional=True)
