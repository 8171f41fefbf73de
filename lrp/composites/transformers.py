"""Composites for transformers, state space models and gated networks: AttnLRP, CP-LRP, RelP, MambaLRP, gamma for ViTs.

They act on operators, whoever wrote the model: attention in one call or in its parts, RMS norm and GELU in any
spelling, grouped heads, gated MLPs. In the coefficient form (R = a c for each value a; Arras et al. 2025,
arXiv:2502.15886) they are gradient times input of a network in which some factors are held fixed.
"""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from lrp import rules
from lrp.composites.presets import base
from lrp.composites.table import Composite, Row, named
from lrp.composites.table import Pattern as Name
from lrp.rules import Rule, Stabilize

SOFTMAX: Mapping[str, tuple[float, float, float]] = {
    "taylor": (0.25, 0.25, 0.5),
    "constant": (0.0, 0.0, 1.0),
    "gradient": (1.0, 1.0, 1.0),
}
"""What a softmax does, and by it the shares of query, key and value."""

GATE: Mapping[str, str] = {"uniform": "statistic", "signal": "activation"}
"""How a product of two signals is shared, and what is held fixed in it at least."""


def attn_lrp(
    *,
    epsilon: Stabilize = 1e-9,
    gamma_conv: float | None = None,
    gamma_linear: float | None = None,
    softmax: str = "taylor",
    gate: str = "uniform",
) -> Composite:
    """AttnLRP (Achtibat et al. 2024, arXiv:2402.05602): products half and half, the softmax by its Taylor expansion.

    - Linear layers and sums: R_i = a_i sum_j w_ij R_j / stab(z_j), or the gamma rule.
    - O = A V and S = Q K^T: R_A_ji = sum_p A_ji V_ip R_jp / stab(2 O_jp), and so for the other (Prop. 3.3).
    - s = softmax(x): R_x_i = x_i (R_i - s_i sum_k R_k) (Prop. 3.1); the three in one, see `rules.attention`.
    - y = a b: R / 2 each (Prop. 3.2). Activations keep their relevance (Eq. 9).
    - Normalizations with sigma as a constant, RMS norm in any spelling: R_x = R_y (Prop. 3.4).

    Args:
        epsilon: Of every denominator. 1e-6 costs 4e-3 of an element's relevance in a real BERT.
        gamma_conv, gamma_linear: Gamma in place of epsilon for convolutions, and for dense layers.
        softmax: "taylor"; "constant", which holds attention weights fixed, as every softmax (`cp_lrp`); or "gradient",
            where each factor of a product that sums keeps all of its gradient (`rel_p`).
        gate: What a product of two signals does: "uniform", half each; or "signal", where all goes to the factor that
            is no activation (`up` of a gated MLP).

    Example:
        >>> from lrp import composites
        >>> composites.attn_lrp()
        attention      attention(query=0.25, key=0.25, value=0.5, stabilizer=1e-09)
        gate           signal_takes_all(least='statistic')
        activation     pass_through()
        batch norm     pass_through()
        residual       norm(stabilizer=1e-09)
        sum            norm(stabilizer=1e-09)
        normalization  frozen_statistics(stabilizer=1e-09)
        bilinear       half_and_half(stabilizer=1e-09)
        convolution    epsilon(epsilon=1e-09, zero_params=None)
        dense          epsilon(epsilon=1e-09, zero_params=None)
    """
    rows = _products(epsilon, softmax, gate)
    return rows + Composite([("convolution", _linear(epsilon, gamma_conv)), ("dense", _linear(epsilon, gamma_linear))])


def cp_lrp(*, epsilon: Stabilize = 1e-9, gate: str = "signal") -> Composite:
    """CP-LRP (Ali et al. 2022, arXiv:2202.07304): attention weights and the sigma of normalizations as constants.

    R_V_ip = sum_j A_ji V_ip R_jp / stab(O_jp), and nothing for A, Q and K. As in LXT the gate of a gated MLP is held as
    well, so that all goes through `up`. Without biases it conserves exactly.

    Args:
        epsilon: Of every denominator.
        gate: See `attn_lrp`.
    """
    return attn_lrp(epsilon=epsilon, softmax="constant", gate=gate)


def rel_p(*, epsilon: Stabilize = 1e-9, gate: str = "uniform", softmax: str = "gradient") -> Composite:
    """RelP (Jafari et al. 2025, arXiv:2508.21258): relevance in place of the gradient in attribution patching.

    Normalizations have a fixed sigma, activations keep their relevance, products value by value give half to each; the
    products of attention keep their gradient, R_x = x dO/dx R / O for each of Q, K and V, so that relevance does not
    add up across them. Its coefficient at a layer, `hidden.relevance / hidden.activation` of `pullback(seed, at=...)`,
    is what a change of the activation is multiplied by.

    Args:
        epsilon: Of every denominator.
        gate: See `attn_lrp`.
        softmax: "constant" holds attention weights fixed (the paper's optional rule).
    """
    return attn_lrp(epsilon=epsilon, softmax=softmax, gate=gate)


def mamba_lrp(*, epsilon: Stabilize = 1e-9, selective: Name = "*x_proj", gate: str = "uniform") -> Composite:
    """MambaLRP (Jafari et al. 2024, arXiv:2406.07592): the selective parameters dt, A, B, C as constants.

    h_t = A_t h_(t-1) + B_t x_t, y_t = C_t h_t is then linear in x; SiLU keeps its relevance, y silu(z) gives half to
    each, normalizations have a fixed sigma. Without biases it conserves exactly.

    Args:
        epsilon: Of every denominator.
        selective: The layers that dt, B and C come from, as in `named`. A model that has none is an `UnusedRow`.
        gate: "uniform", or "signal", which holds silu(z) fixed too (Vision Mamba).
    """
    return [named(selective, ("linear", rules.constant()))] + attn_lrp(epsilon=epsilon, gate=gate)


def vit_cp_gamma(
    *, conv: float = 0.25, linear: float = 0.05, epsilon: Stabilize = 1e-9, projections: str = "gamma"
) -> Composite:
    """CP-LRP with gamma for convolutions and dense layers: vision transformers (Achtibat et al. 2024).

    Attention weights and sigma are constants, activations keep their relevance, n_ij = w_ij a_i + gamma p_ij where
    z_j > 0 and m_ij where z_j < 0 (`rules.gamma`).

    Args:
        conv, linear: Gamma of convolutions and of dense layers.
        epsilon: Of every denominator.
        projections: What the projections in and out of `nn.MultiheadAttention` have: "gamma", as other dense layers; or
            "epsilon", as in LXT, whose gamma does not reach them. Where they are layers of their own, they have gamma.
    """
    if projections not in ("gamma", "epsilon"):
        raise ValueError(f"projections must be gamma or epsilon, got {projections!r}")
    own: list[Row] = [(nn.MultiheadAttention, rules.epsilon(epsilon))] if projections == "epsilon" else []
    layers = [("convolution", _linear(epsilon, conv)), *own, ("dense", _linear(epsilon, linear))]
    return _products(epsilon, "constant", "signal") + Composite(layers)


def _products(epsilon: Stabilize, softmax: str, gate: str) -> Composite:
    """Rows for all but linear layers."""
    for name, given, known in (("softmax", softmax, SOFTMAX), ("gate", gate, GATE)):
        if given not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}, got {given!r}")
    further: dict[str, Row] = {
        "constant": ("softmax", rules.constant()),
        "gradient": ("bilinear", rules.norm(epsilon)),
    }
    held = [further[softmax]] if softmax in further else []
    attention: Row = ("attention", rules.attention(*SOFTMAX[softmax], epsilon))
    return [attention, *held, ("gate", rules.signal_takes_all(GATE[gate]))] + base(epsilon)


def _linear(epsilon: Stabilize, gamma: float | None) -> Rule:
    return rules.epsilon(epsilon) if gamma is None else rules.gamma(gamma, epsilon)
