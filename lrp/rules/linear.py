"""Rules for linear layers and sums, each a list of terms; and the two that change nothing: pass_through and exact."""

from __future__ import annotations

import torch
from torch import Tensor

from lrp.graph.op import Inputs, Op, Params
from lrp.rules.rule import Part, Rule, Term, factory, from_terms
from lrp.rules.stabilizer import Stabilize, is_pointwise
from lrp.rules.weights import (
    Pair,
    ZeroParams,
    mapped,
    mixes_all_channels,
    negative_part,
    paired,
    parts_of,
    positive_part,
    total_of,
    zeroed,
)


@factory
def epsilon(epsilon: Stabilize = 1e-6, zero_params: ZeroParams = None) -> Rule:
    """LRP-epsilon: R_i = a_i sum_j w_ij R_j / stab(z_j) (Bach et al. 2015, Eq. 58).

    `epsilon=0` is LRP-0, where a unit with z_j = 0 shares nothing.

    Conserves up to bias and stabilizer: kappa_j = (z_j - b_j) / stab(z_j).
    """

    def prepare(op: Op, params: Params) -> Params:
        del op
        return zeroed(params, zero_params)

    def terms(op: Op, weights: Params, inputs: Inputs, output: Tensor) -> list[Term]:
        return [Term([Part(weights, inputs)], op(weights, *inputs) if zero_params else output)]

    return from_terms(terms, epsilon, prepare, proportional=True, relu_will_do=True)


@factory
def norm(stabilizer: Stabilize = 1e-6) -> Rule:
    """Share in proportion to each input's part of the output: sums, residual connections, average pooling.

    R_k = x_k (dz/dx_k)^T R / stab(z): LRP-epsilon without parameters. Conserves: kappa = z / stab(z).
    """
    return epsilon(stabilizer)


@factory
def gamma(gamma: float = 0.25, stabilizer: Stabilize = 1e-6, zero_params: ZeroParams = None) -> Rule:
    """Generalized LRP-gamma (Andeol et al. 2021; for a >= 0 Montavon et al. 2019, Sec. 10.2.3).

    Contributions of the sign of z_j are raised by gamma: with p_ij, m_ij the positive and negative w_ij a_i and P_j,
    N_j their sums (bias included), n_ij = w_ij a_i + gamma p_ij and D_j = z_j + gamma P_j where z_j > 0; with m_ij and
    N_j where z_j < 0; nothing where z_j = 0. |z_j / D_j| <= 1 always.

    Computed from Q_j = sum_i |w_ij| |a_i| + |b_j|, since P = (z + Q) / 2 and N = (z - Q) / 2: the terms of
    |D_j| = (1 + gamma / 2) |z_j| + gamma / 2 Q_j are all positive, so nothing cancels; and
    n_ij / D_j = (sign(z_j) (1 + gamma / 2) w_ij a_i + gamma / 2 |w_ij| |a_i|) / |D_j|. Where no relevance arrives at
    z_j <= 0 (a ReLU follows) and a >= 0, the weights w + gamma w+ do it all at once.
    """
    half = gamma / 2

    def is_one_sided(op: Op) -> bool:
        # without its bias, z may be negative where the ReLU let relevance through
        return op.cut and op.nonnegative[0] and not zero_params and is_pointwise(stabilizer)

    def prepare(op: Op, params: Params) -> tuple[Params, ...]:
        kept = zeroed(params, zero_params)
        if is_one_sided(op):
            return (mapped(kept, lambda w: w + gamma * positive_part(w)),)
        return kept, mapped(kept, lambda w: (1 + half) * w), mapped(kept, lambda w: half * w.abs())

    def terms(op: Op, weights: tuple[Params, ...], inputs: Inputs, output: Tensor) -> list[Term]:
        (a,) = inputs
        if is_one_sided(op):
            (raised,) = weights
            return [Term([Part(raised, inputs)], op(raised, a))]
        kept, signed, unsigned = weights
        z = op(kept, a) if zero_params else output
        magnitude = a if op.nonnegative[0] else a.abs()
        total = torch.add(op(unsigned, magnitude), z.abs(), alpha=1 + half)
        return [Term([Part(signed, inputs, z.sign()), Part(unsigned, (magnitude,))], total, live=z != 0)]

    return from_terms(terms, stabilizer, prepare, proportional=True, relu_will_do=True)


@factory
def alpha_beta(
    alpha: float = 2.0, beta: float = 1.0, stabilizer: Stabilize = 1e-6, zero_params: ZeroParams = None
) -> Rule:
    """LRP-alpha-beta: R_i = sum_j (alpha p_ij / stab(P_j) - beta m_ij / stab(N_j)) R_j (Bach et al. 2015, Eq. 60).

    p_ij, m_ij are the positive and negative parts of w_ij a_i; P_j, N_j their sums with b+ and b-.
    kappa_j = alpha (P_j - b_j+) / stab(P_j) - beta (N_j - b_j-) / stab(N_j): a unit with no negative contributions
    passes on alpha times its relevance.

    In dense layers and convolutions of nonnegative inputs N = z - P, which saves a convolution; its rounding error is
    that of P, so the second term is exact to about 1e-7 P_j / |N_j| in float32.

    Raises:
        ValueError: alpha or beta is negative, or alpha - beta is not 1.
    """
    if alpha < 0 or beta < 0 or abs(alpha - beta - 1) > 1e-9:
        raise ValueError(f"alpha - beta must be 1 and both nonnegative to conserve relevance, got {alpha=}, {beta=}")

    factors = [alpha] + ([-beta] if beta else [])

    def prepare(op: Op, params: Params) -> list[Pair]:
        kept = zeroed(params, zero_params)
        positive, negative = mapped(kept, positive_part), mapped(kept, negative_part)
        signs = [(positive, negative), (negative, positive)][: len(factors)]
        return [(same,) if op.nonnegative[0] else paired(op, same, other) for same, other in signs]

    def terms(op: Op, weights: list[Pair], inputs: Inputs, output: Tensor) -> list[Term]:
        (a,) = inputs
        # contributions w_ij a_i of one sign: W+ a+ and W- a-, or W- a+ and W+ a-
        if op.nonnegative[0]:
            parts = [[Part(pair[0], inputs)] for pair in weights]
        else:
            positive = positive_part(a)  # the rest is negative: a clamp takes five times as long to record
            parts = [parts_of(op, pair, positive, a - positive) for pair in weights]
        total = total_of(op, parts[0])
        is_rest = op.nonnegative[0] and not zero_params and mixes_all_channels(op)
        others = [-positive_part(total - output) if is_rest else total_of(op, part) for part in parts[1:]]
        return [Term(*each) for each in zip(parts, [total, *others], factors, strict=True)]

    return from_terms(terms, stabilizer, prepare, proportional=True, relu_will_do=True)


@factory
def z_plus(stabilizer: Stabilize = 1e-6, zero_params: ZeroParams = None) -> Rule:
    """LRP-z+: R_i = sum_j p_ij / stab(P_j) R_j, the positive contributions only; alpha_beta(1, 0).

    (Montavon et al. 2017, Eq. 16.) kappa_j = (P_j - b_j+) / stab(P_j): 0 where no contribution is positive.
    """
    return alpha_beta(1.0, 0.0, stabilizer, zero_params)
