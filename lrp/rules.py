"""LRP rules: pure functions that share the relevance of an operator's output among its inputs.

Every rule is `R_i = sum_j n_ij / D_j R_j` and obeys `sum_i R_i = sum_j kappa_j R_j`, `kappa_j = sum_i n_ij / D_j`.
Notation: `z_j = sum_i w_ij a_i + b_j`; `x+ = max(x, 0)`, `x- = min(x, 0)`; `stab(z) = z + epsilon sign z`, with
`sign 0 = 1`. Sources: Bach et al. 2015 (doi:10.1371/journal.pone.0130140), Montavon et al. 2017
(doi:10.1016/j.patcog.2016.11.008), Montavon et al. 2019 (doi:10.1007/978-3-030-28954-6_10).

Options shared by all factories:
    stabilizer: keeps denominators away from zero: a number added in the direction of the sign, or `z -> stab(z)`.
    zero_params: names of parameters to take as zero, `"bias"` or `["bias"]`: then no bias absorbs relevance.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any

import torch
from torch import Tensor

from lrp.ops import Inputs, Op, Params

Stabilizer = float | Callable[[Tensor], Tensor]
Shares = tuple[Tensor | None, ...]
"""Relevance of each input, None where an input receives none by definition."""


def _own_params(op: Op, params: Params) -> Params:
    del op
    return params


@dataclass(frozen=True)
class Rule:
    """A pair of pure functions; made by the factories below, or by hand for a rule of your own.

    propagate: `(op, weights, inputs, output, relevance) -> relevance of each input`.
    prepare: `(op, params) -> weights`, once per model: the modified weights that propagate needs.
    name, options: what the rule is called and was made with; two rules of equal name and options are equal.
    """

    propagate: Callable[[Op, Any, Inputs, Tensor, Tensor], Shares] = field(compare=False, repr=False)
    prepare: Callable[[Op, Params], Any] = field(default=_own_params, compare=False, repr=False)
    name: str = "custom"
    options: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{k}={_short(v)}' for k, v in self.options)})"


def _short(value: Any) -> str:
    return f"tensor{tuple(value.shape)}" if isinstance(value, Tensor) else f"{value!r}"


def factory(make: Callable[..., Rule]) -> Callable[..., Rule]:
    """Name the rule that `make` returns after `make` and the arguments it was called with."""

    @wraps(make)
    def named(*args: Any, **kwargs: Any) -> Rule:
        call = inspect.signature(make).bind(*args, **kwargs)
        call.apply_defaults()
        options = tuple((k, tuple(v) if isinstance(v, list) else v) for k, v in call.arguments.items())
        return replace(make(*args, **kwargs), name=make.__name__, options=options)

    return named


def stabilize(z: Tensor, stabilizer: Stabilizer) -> Tensor:
    """`z + epsilon sign z` with `sign 0 = 1`, or whatever a callable stabilizer makes of `z`."""
    if callable(stabilizer):
        return stabilizer(z)
    # zero counts as positive, else dead units divide by zero
    return torch.where(z < 0, z - stabilizer, z + stabilizer)


def _zeroed(params: Params, names: str | Iterable[str] | None) -> Params:
    """`params` with those of `names` taken as zero; a bias is left out altogether."""
    chosen = {names} if isinstance(names, str) else set(names or ())
    kept = {k: v for k, v in params.items() if k != "bias" or k not in chosen}
    return {k: torch.zeros_like(v) if k in chosen else v for k, v in kept.items()}


def _mapped(params: Params, function: Callable[[Tensor], Tensor], bias: bool = True) -> Params:
    """Weight and bias under `function`; without bias where a term carries none."""
    return {k: function(v) for k, v in params.items() if bias or k != "bias"}


def _positive(x: Tensor) -> Tensor:
    return x.clamp(min=0)


def _negative(x: Tensor) -> Tensor:
    return x.clamp(max=0)


def _only(op: Op, inputs: Inputs) -> Tensor:
    """The single input of a linear layer."""
    assert len(inputs) == 1, f"{op.name} has {len(inputs)} inputs, a rule for linear layers takes one"
    return inputs[0]


@factory
def epsilon(epsilon: Stabilizer = 1e-6, zero_params: str | Iterable[str] | None = None) -> Rule:
    """LRP-epsilon: R_i = a_i sum_j w_ij R_j / stab(z_j) (Bach et al. 2015, Eq. 58). `epsilon=0` is LRP-0.

    Conserves up to bias and stabilizer: kappa_j = (z_j - b_j) / stab(z_j).
    """

    def prepare(op: Op, params: Params) -> Params:
        del op
        return _zeroed(params, zero_params)

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        z = op(weights, *inputs) if zero_params else output
        cotangents = op.transpose(weights, inputs, relevance / stabilize(z, epsilon))
        return tuple(a * c for a, c in zip(inputs, cotangents, strict=True))

    return Rule(propagate, prepare)


@factory
def norm(stabilizer: Stabilizer = 1e-6) -> Rule:
    """Share in proportion to each input's part of the output: sums, residual connections, average pooling.

    R_k = x_k (dz/dx_k)^T R / stab(z): LRP-epsilon without parameters. Conserves: kappa = z / stab(z).
    """
    return epsilon(stabilizer)


@factory
def gamma(gamma: float = 0.25, stabilizer: Stabilizer = 1e-6, zero_params: str | Iterable[str] | None = None) -> Rule:
    """Generalized LRP-gamma (Andeol et al. 2021; for a >= 0 Montavon et al. 2019, Sec. 10.2.3).

    Contributions of the sign of z_j are raised by gamma: with p_ij, m_ij the positive and negative w_ij a_i and P_j,
    N_j their sums (bias included), n_ij = w_ij a_i + gamma p_ij and D_j = z_j + gamma P_j where z_j > 0; with m_ij and
    N_j where z_j < 0; nothing where z_j = 0. |z_j / D_j| <= 1 always.

    Computed from Q_j = sum_i |w_ij| |a_i| + |b_j|, since P = (z + Q) / 2 and N = (z - Q) / 2: the terms of
    |D_j| = (1 + gamma / 2) |z_j| + gamma / 2 Q_j are all positive, so nothing cancels.
    """

    def prepare(op: Op, params: Params) -> tuple[Params, Params]:
        del op
        kept = _zeroed(params, zero_params)
        return kept, _mapped(kept, torch.abs)

    def propagate(op: Op, weights: tuple[Params, Params], inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        a, (kept, absolute) = _only(op, inputs), weights
        z = op(kept, a) if zero_params else output
        magnitude = a if op.nonnegative[0] else a.abs()
        raised = z * (1 + gamma / 2) + z.sign() * op(absolute, magnitude) * (gamma / 2)
        s = torch.where(z == 0, 0, relevance / stabilize(raised, stabilizer))
        (plain,) = op.transpose(kept, inputs, s)
        (spread,) = op.transpose(absolute, (magnitude,), s * z.sign())
        return (a * plain * (1 + gamma / 2) + magnitude * spread * (gamma / 2),)

    return Rule(propagate, prepare)


def _signed_parts(
    op: Op, weights: tuple[Params, Params, Params, Params], a: Tensor, sign: int
) -> tuple[Tensor, Callable[[Tensor], Tensor]]:
    """Sum of the contributions of one sign, bias included, and how their relevance goes back to `a`."""
    same, other = (weights[0], weights[1]) if sign > 0 else (weights[2], weights[3])
    if op.nonnegative[0]:
        return op(same, a), lambda s: a * op.transpose(same, (a,), s)[0]
    up, down = _positive(a), _negative(a)

    def back(s: Tensor) -> Tensor:
        return up * op.transpose(same, (up,), s)[0] + down * op.transpose(other, (down,), s)[0]

    return op(same, up) + op(other, down), back


def _sign_split(op: Op, params: Params) -> tuple[Params, Params, Params, Params]:
    """(W+, b+), (W-), (W-, b-), (W+): weights of the positive contributions of a+, a-, then of the negative ones."""
    del op
    return (
        _mapped(params, _positive),
        _mapped(params, _negative, bias=False),
        _mapped(params, _negative),
        _mapped(params, _positive, bias=False),
    )


@factory
def alpha_beta(
    alpha: float = 2.0,
    beta: float = 1.0,
    stabilizer: Stabilizer = 1e-6,
    zero_params: str | Iterable[str] | None = None,
) -> Rule:
    """LRP-alpha-beta: R_i = sum_j (alpha p_ij / stab(P_j) - beta m_ij / stab(N_j)) R_j (Bach et al. 2015, Eq. 60).

    p_ij, m_ij are the positive and negative parts of w_ij a_i; P_j, N_j their sums with b+ and b-.
    kappa_j = alpha (P_j - b_j+) / stab(P_j) - beta (N_j - b_j-) / stab(N_j): a unit with no negative contributions
    passes on alpha times its relevance.

    Raises:
        ValueError: alpha or beta is negative, or alpha - beta is not 1.
    """
    if alpha < 0 or beta < 0 or abs(alpha - beta - 1) > 1e-9:
        raise ValueError(f"alpha - beta must be 1 and both nonnegative to conserve relevance, got {alpha=}, {beta=}")

    def prepare(op: Op, params: Params) -> tuple[Params, Params, Params, Params]:
        return _sign_split(op, _zeroed(params, zero_params))

    def propagate(
        op: Op,
        weights: tuple[Params, Params, Params, Params],
        inputs: Inputs,
        output: Tensor,
        relevance: Tensor,
    ) -> Shares:
        del output
        a = _only(op, inputs)
        positive, back = _signed_parts(op, weights, a, +1)
        result = alpha * back(relevance / stabilize(positive, stabilizer))
        if beta:
            negative, back = _signed_parts(op, weights, a, -1)
            result = result - beta * back(relevance / stabilize(negative, stabilizer))
        return (result,)

    return Rule(propagate, prepare)


@factory
def z_plus(stabilizer: Stabilizer = 1e-6, zero_params: str | Iterable[str] | None = None) -> Rule:
    """LRP-z+: R_i = sum_j p_ij / stab(P_j) R_j, the positive contributions only; alpha_beta(1, 0).

    (Montavon et al. 2017, Eq. 16.) kappa_j = (P_j - b_j+) / stab(P_j): 0 where no contribution is positive.
    """
    return alpha_beta(1.0, 0.0, stabilizer, zero_params)


@factory
def z_box(
    low: float | Tensor,
    high: float | Tensor,
    stabilizer: Stabilizer = 1e-6,
    zero_params: str | Iterable[str] | None = None,
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

    def prepare(op: Op, params: Params) -> dict[str, Any]:
        del op
        kept = _zeroed(params, zero_params)
        weight = kept["weight"]
        return {
            "positive": _mapped(kept, _positive, bias=False),
            "negative": _mapped(kept, _negative, bias=False),
            "low": torch.as_tensor(low, dtype=weight.dtype, device=weight.device),
            "high": torch.as_tensor(high, dtype=weight.dtype, device=weight.device),
        }

    def propagate(op: Op, weights: dict[str, Any], inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        del output
        a = _only(op, inputs)
        above, below = a - weights["low"], a - weights["high"]
        z = op(weights["positive"], above) + op(weights["negative"], below)
        s = relevance / stabilize(z, stabilizer)
        (up,) = op.transpose(weights["positive"], (above,), s)
        (down,) = op.transpose(weights["negative"], (below,), s)
        return (above * up + below * down,)

    return Rule(propagate, prepare)


def _input_independent(modify: Callable[[Tensor], Tensor], stabilizer: Stabilizer, zero_params: Any = None) -> Rule:
    """R_i = sum_j v_ij R_j / stab(sum_i v_ij) with v = modify(w), whatever the input."""

    def prepare(op: Op, params: Params) -> Params:
        del op
        return _mapped(_zeroed(params, zero_params), modify, bias=False)

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        del output
        # the same for every sample, so one sample's worth is enough
        ones = tuple(torch.ones_like(a[:1]) for a in inputs)
        return op.transpose(weights, inputs, relevance / stabilize(op(weights, *ones), stabilizer))

    return Rule(propagate, prepare)


@factory
def flat(stabilizer: Stabilizer = 1e-6) -> Rule:
    """LRP-flat: R_i = sum_j R_j / n_j over the n_j inputs that are connected to j (Lapuschkin et al. 2019).

    The padding of a convolution is no input and does not count (doi:10.1038/s41467-019-08987-4).
    """
    return _input_independent(torch.ones_like, stabilizer)


@factory
def w_square(stabilizer: Stabilizer = 1e-6, zero_params: str | Iterable[str] | None = None) -> Rule:
    """LRP-w2: R_i = sum_j w_ij^2 / sum_i w_ij^2 R_j (Montavon et al. 2017, Eq. 12). The bias takes no part."""
    return _input_independent(torch.square, stabilizer, zero_params)


@factory
def pass_through() -> Rule:
    """R_i = R_i of the output, element by element: activations. Conserves exactly."""

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        del weights, output
        assert inputs[0].shape == relevance.shape, f"{op.name} changes the shape, so it cannot pass relevance through"
        return (relevance, *[None] * (len(inputs) - 1))

    return Rule(propagate)


@factory
def exact() -> Rule:
    """R = J^T R: values that are only moved, selected, copied or cropped carry their relevance along."""

    def propagate(op: Op, weights: Params, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        del output
        return op.transpose(weights, inputs, relevance)

    return Rule(propagate)
