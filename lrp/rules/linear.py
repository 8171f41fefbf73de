"""Rules for linear layers and sums, each a list of terms; and the two that change nothing: pass_through and exact."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor

from lrp.graph.aten import arguments
from lrp.graph.op import Inputs, Op, Params
from lrp.rules.rule import Part, Rule, Shares, Term, channels, factory, shared
from lrp.rules.stabilizer import Stabilize

ZeroParams = str | Iterable[str] | None
DENSE = {"linear", "conv1d", "conv2d", "conv3d"}


def _zeroed(params: Params, names: ZeroParams) -> Params:
    """`params` with those of `names` taken as zero; a bias is left out altogether."""
    chosen = {names} if isinstance(names, str) else set(names or ())
    kept = {k: v for k, v in params.items() if k != "bias" or k not in chosen}
    return {k: torch.zeros_like(v) if k in chosen else v for k, v in kept.items()}


def _mapped(params: Params, function: Callable[[Tensor], Tensor], bias: bool = True) -> Params:
    """Weight and bias under `function`; without bias where a term carries none."""
    return {k: function(v) for k, v in params.items() if bias or k != "bias"}


def _bare(params: Params) -> Params:
    return {k: v for k, v in params.items() if k != "bias"}


def _positive(x: Tensor) -> Tensor:
    return x.relu()


def _negative(x: Tensor) -> Tensor:
    return x.clamp(max=0)


@factory
def epsilon(epsilon: Stabilize = 1e-6, zero_params: ZeroParams = None) -> Rule:
    """LRP-epsilon: R_i = a_i sum_j w_ij R_j / stab(z_j) (Bach et al. 2015, Eq. 58). `epsilon=0` is LRP-0.

    Conserves up to bias and stabilizer: kappa_j = (z_j - b_j) / stab(z_j).
    """

    def prepare(op: Op, params: Params) -> Params:
        del op
        return _zeroed(params, zero_params)

    def terms(op: Op, weights: Params, inputs: Inputs, output: Tensor) -> list[Term]:
        return [Term([Part(weights, inputs)], op(weights, *inputs) if zero_params else output)]

    return shared(terms, epsilon, prepare, proportional=True)


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
        return op.cut and op.nonnegative[0] and not zero_params

    def prepare(op: Op, params: Params) -> tuple[Params, ...]:
        kept = _zeroed(params, zero_params)
        if is_one_sided(op):
            return (_mapped(kept, lambda w: w + gamma * _positive(w)),)
        return kept, _mapped(kept, lambda w: (1 + half) * w), _mapped(kept, lambda w: half * w.abs())

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

    return shared(terms, stabilizer, prepare, proportional=True)


Pair = tuple[Params, ...]
"""Weights for two inputs: of both stacked along the channels where the operator allows it, so that one call does for
both; else one after the other."""


def _mixes_all_channels(op: Op) -> bool:
    """Whether the weight's axes are (output channel, input channel, ...) and every one reads all."""
    return op.name in DENSE and arguments(op.node).get("groups", 1) == 1


def _pair(op: Op, first: Params, second: Params) -> Pair:
    if _mixes_all_channels(op):
        return ({**first, "weight": torch.cat([first["weight"], second["weight"]], 1)},)
    return first, _bare(second)


def _parts(op: Op, pair: Pair, x: Tensor, y: Tensor) -> list[Part]:
    """The contributions of `x` by the first weights and of `y` by the second."""
    if len(pair) == 1:
        return [Part(pair[0], (torch.cat([x, y], channels(op)),), stacked=channels(op))]
    return [Part(pair[0], (x,)), Part(pair[1], (y,))]


def _total(op: Op, parts: list[Part]) -> Tensor:
    first, *others = (op(part.params, *part.inputs) for part in parts)
    return sum(others, first)


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
        kept = _zeroed(params, zero_params)
        positive, negative = _mapped(kept, _positive), _mapped(kept, _negative)
        signs = [(positive, negative), (negative, positive)][: len(factors)]
        return [(same,) if op.nonnegative[0] else _pair(op, same, other) for same, other in signs]

    def terms(op: Op, weights: list[Pair], inputs: Inputs, output: Tensor) -> list[Term]:
        (a,) = inputs
        # contributions w_ij a_i of one sign: W+ a+ and W- a-, or W- a+ and W+ a-
        if op.nonnegative[0]:
            parts = [[Part(pair[0], inputs)] for pair in weights]
        else:
            positive = _positive(a)  # the rest is negative: a clamp takes five times as long to record
            parts = [_parts(op, pair, positive, a - positive) for pair in weights]
        total = _total(op, parts[0])
        is_rest = op.nonnegative[0] and not zero_params and _mixes_all_channels(op)
        others = [-_positive(total - output) if is_rest else _total(op, part) for part in parts[1:]]
        return [Term(*each) for each in zip(parts, [total, *others], factors, strict=True)]

    return shared(terms, stabilizer, prepare, proportional=True)


@factory
def z_plus(stabilizer: Stabilize = 1e-6, zero_params: ZeroParams = None) -> Rule:
    """LRP-z+: R_i = sum_j p_ij / stab(P_j) R_j, the positive contributions only; alpha_beta(1, 0).

    (Montavon et al. 2017, Eq. 16.) kappa_j = (P_j - b_j+) / stab(P_j): 0 where no contribution is positive.
    """
    return alpha_beta(1.0, 0.0, stabilizer, zero_params)


@factory
def z_box(
    low: float | Tensor, high: float | Tensor, stabilizer: Stabilize = 1e-6, zero_params: ZeroParams = None
) -> Rule:
    """LRP-zB for inputs in a box: n_ij = w_ij x_i - w_ij+ l_i - w_ij- h_i (Montavon et al. 2017, Eq. 17).

    Args:
        low, high: Bounds of the input as the model sees it, after normalization: `(0 - mean) / std` and
            `(1 - mean) / std`; numbers or tensors that broadcast to `(batch, channel, height, width)`.

    The bias cancels: D_j = sum_i n_ij >= 0 inside the box. Written as w+ (x - l) + w- (x - h), whose terms are all of
    one sign there.

    Raises:
        ValueError: low exceeds high.
    """
    if torch.any(torch.as_tensor(low) > torch.as_tensor(high)):
        raise ValueError(f"low must not exceed high, got {low=}, {high=}")

    def prepare(op: Op, params: Params) -> tuple[Any, ...]:
        kept = _bare(_zeroed(params, zero_params))
        bounds = [torch.as_tensor(b, dtype=kept["weight"].dtype, device=kept["weight"].device) for b in (low, high)]
        return _pair(op, _mapped(kept, _positive), _mapped(kept, _negative)), *bounds

    def terms(op: Op, weights: tuple[Any, ...], inputs: Inputs, output: Tensor) -> list[Term]:
        del output
        pair, least, most = weights
        parts = _parts(op, pair, inputs[0] - least, inputs[0] - most)
        return [Term(parts, _total(op, parts))]

    return shared(terms, stabilizer, prepare)


def _input_independent(
    modify: Callable[[Tensor], Tensor], stabilizer: Stabilize, bias: bool, names: ZeroParams, alike: bool = False
) -> Rule:
    """R_i = sum_j v_ij R_j / stab(sum_i v_ij) with v = modify(w), whatever the input; `alike` where v_ij is for all j
    the same, so that one channel of the output stands for all."""

    def prepare(op: Op, params: Params) -> Params:
        modified = _mapped(_zeroed(params, names), modify, bias)
        return _mapped(modified, lambda v: v[:1]) if alike and _mixes_all_channels(op) else modified

    def terms(op: Op, weights: Params, inputs: Inputs, output: Tensor) -> list[Term]:
        del output
        # the same for every sample, so one sample's worth is enough
        ones = tuple(torch.ones_like(a[:1]) for a in inputs)
        part = Part(weights, tuple(torch.ones_like(a) for a in inputs))
        return [Term([part], op(weights, *ones), alike=alike and _mixes_all_channels(op))]

    return shared(terms, stabilizer, prepare)


@factory
def flat(stabilizer: Stabilize = 1e-6) -> Rule:
    """LRP-flat: R_i = sum_j R_j / n_j over the n_j inputs that are connected to j (Lapuschkin et al. 2019).

    The padding of a convolution is no input and does not count (doi:10.1038/s41467-019-08987-4).
    """
    return _input_independent(torch.ones_like, stabilizer, bias=False, names=None, alike=True)


@factory
def w_square(stabilizer: Stabilize = 1e-6, zero_params: ZeroParams = None, bias: bool = False) -> Rule:
    """LRP-w2: R_i = sum_j w_ij^2 / sum_i w_ij^2 R_j (Montavon et al. 2017, Eq. 12).

    Args:
        bias: Count b_j^2 in the denominator, as Zennit does; it then absorbs its share. The paper has no bias.
    """
    return _input_independent(torch.square, stabilizer, bias, zero_params)


@factory
def pass_through() -> Rule:
    """R_i = R_i of the output, element by element: activations. Conserves exactly."""

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        del weights, output
        if inputs[0].shape != relevance.shape:
            raise ValueError(f"pass_through needs an output of the input's shape, {op.name} changes it")
        return (relevance, *[None] * (len(inputs) - 1))

    return Rule(propagate)


@factory
def exact() -> Rule:
    """R = J^T R: values that are only moved, selected, copied or cropped carry their relevance along.

    For the other operators this is the gradient's rule.
    """

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        del output
        return op.transpose(weights, inputs, relevance)

    return Rule(propagate)
