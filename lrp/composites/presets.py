"""Composites by name, with the parameters and defaults of Zennit (Anders et al. 2021, arXiv:2106.13200)."""

from __future__ import annotations

from torch import Tensor

from lrp import rules
from lrp.composites.table import Composite, first
from lrp.rules import Stabilize
from lrp.rules.weights import ZeroParams

DEFAULT = Composite(
    [
        ("movement", rules.exact()),
        ("preparation", rules.pass_through()),
        ("lookup", rules.lookup()),
        ("winner", rules.exact()),
        ("sum", rules.norm()),
        ("activation", rules.pass_through()),
        ("batch norm", rules.pass_through()),
        ("normalization", rules.frozen_statistics()),
        ("gate", rules.signal_takes_all()),
        ("division", rules.signal_takes_all()),
        ("bilinear", rules.half_and_half()),
        ("softmax", rules.softmax_taylor()),
    ]
)
"""What relevance does where a composite has no row. Linear layers are not here: their rule is the user's choice."""


def stabilized(stabilizer: Stabilize) -> Composite:
    """The rows of `DEFAULT` whose rules have a stabilizer, with this one: a composite's reaches every denominator."""
    taking = [(match, rule, dict(rule.options)) for match, rule in DEFAULT]
    return Composite(
        (match, rules.RULES[rule.name](**options | {"stabilizer": stabilizer}))
        for match, rule, options in taking
        if "stabilizer" in options
    )


def base(stabilizer: Stabilize = 1e-6, residual: str = "norm") -> Composite:
    """Rows that the LRP composites share: activations and batch norm pass, sums and average pooling by norm.

    The rows that every composite ends with (`DEFAULT`) are among them where they have a stabilizer: normalizations,
    products of two signals.

    Args:
        stabilizer: Of every denominator but those that a composite names an epsilon for.
        residual: Rule for sums of branches: "norm" as in Zennit, "absolute" (bounded where they cancel), "uniform".
    """
    branches = {"norm": rules.norm(stabilizer), "absolute": rules.absolute(stabilizer), "uniform": rules.uniform()}
    if residual not in branches:
        raise ValueError(f"residual must be one of {', '.join(branches)}, got {residual!r}")
    return Composite(
        [
            ("activation", rules.pass_through()),
            ("batch norm", rules.pass_through()),
            ("residual", branches[residual]),
            *stabilized(stabilizer),
        ]
    )


def epsilon_gamma_box(
    low: float | Tensor,
    high: float | Tensor,
    *,
    epsilon: Stabilize = 1e-6,
    gamma: float = 0.25,
    stabilizer: Stabilize = 1e-6,
    zero_params: ZeroParams = None,
    residual: str = "norm",
) -> Composite:
    """z_box for the first convolution, gamma for all others, epsilon for dense layers.

    Args:
        low, high: Bounds of the input as the model sees it, `(batch, channel, height, width)` or broadcastable: for
            images in [0, 1] normalized by mean and std, `(0 - mean) / std` and `(1 - mean) / std`.

    Example:
        >>> from lrp import composites
        >>> composites.epsilon_gamma_box(low=-1, high=1, stabilizer=1e-9)
        activation         pass_through()
        batch norm         pass_through()
        residual           norm(stabilizer=1e-09)
        sum                norm(stabilizer=1e-09)
        normalization      frozen_statistics(stabilizer=1e-09)
        bilinear           half_and_half(stabilizer=1e-09)
        first convolution  z_box(low=-1, high=1, stabilizer=1e-09, zero_params=None)
        convolution        gamma(gamma=0.25, stabilizer=1e-09, zero_params=None)
        dense              epsilon(epsilon=1e-06, zero_params=None)
    """
    return base(stabilizer, residual) + [
        first(("convolution", rules.z_box(low, high, stabilizer, zero_params))),
        ("convolution", rules.gamma(gamma, stabilizer, zero_params)),
        ("dense", rules.epsilon(epsilon, zero_params)),
    ]


def epsilon_plus(
    *,
    epsilon: Stabilize = 1e-6,
    stabilizer: Stabilize = 1e-6,
    zero_params: ZeroParams = None,
    residual: str = "norm",
) -> Composite:
    """z_plus for convolutions, epsilon for dense layers."""
    return base(stabilizer, residual) + [
        ("convolution", rules.z_plus(stabilizer, zero_params)),
        ("dense", rules.epsilon(epsilon, zero_params)),
    ]


def epsilon_alpha2_beta1(
    *,
    epsilon: Stabilize = 1e-6,
    stabilizer: Stabilize = 1e-6,
    zero_params: ZeroParams = None,
    residual: str = "norm",
) -> Composite:
    """alpha_beta(2, 1) for convolutions, epsilon for dense layers."""
    return base(stabilizer, residual) + [
        ("convolution", rules.alpha_beta(2.0, 1.0, stabilizer, zero_params)),
        ("dense", rules.epsilon(epsilon, zero_params)),
    ]


def epsilon_plus_flat(
    *,
    epsilon: Stabilize = 1e-6,
    stabilizer: Stabilize = 1e-6,
    zero_params: ZeroParams = None,
    residual: str = "norm",
) -> Composite:
    """As epsilon_plus, with flat for the first linear layer, convolution or dense."""
    rest = epsilon_plus(epsilon=epsilon, stabilizer=stabilizer, zero_params=zero_params, residual=residual)
    return [first(("linear", rules.flat(stabilizer)))] + rest


def epsilon_alpha2_beta1_flat(
    *,
    epsilon: Stabilize = 1e-6,
    stabilizer: Stabilize = 1e-6,
    zero_params: ZeroParams = None,
    residual: str = "norm",
) -> Composite:
    """As epsilon_alpha2_beta1, with flat for the first linear layer, convolution or dense."""
    rest = epsilon_alpha2_beta1(epsilon=epsilon, stabilizer=stabilizer, zero_params=zero_params, residual=residual)
    return [first(("linear", rules.flat(stabilizer)))] + rest


def excitation_backprop(*, stabilizer: Stabilize = 1e-6, zero_params: ZeroParams = None) -> Composite:
    """z_plus for every linear layer, norm for sums (Zhang et al. 2018, doi:10.1007/s11263-017-1059-x).

    As in Zennit, activations and batch norm keep their gradient.
    """
    return Composite(
        [
            ("linear", rules.z_plus(stabilizer, zero_params)),
            ("activation", rules.exact()),
            ("batch norm", rules.exact()),
            *stabilized(stabilizer),
        ]
    )


GRADIENT = Composite([("lookup", rules.lookup()), ("any", rules.exact())])
"""The plain gradient, for those who ask: of every operator that PyTorch can differentiate, known here or not."""


def guided_backprop() -> Composite:
    """The gradient with guided ReLUs (Springenberg et al. 2015, arXiv:1412.6806)."""
    return [("relu", rules.relu_guided_backprop())] + GRADIENT


def deconvnet() -> Composite:
    """The gradient with the deconvnet's ReLUs (Zeiler & Fergus 2014, doi:10.1007/978-3-319-10590-1_53)."""
    return [("relu", rules.relu_deconvnet())] + GRADIENT


def beta_smooth(*, beta_smooth: float = 10.0) -> Composite:
    """The gradient with ReLUs smoothed to softplus (Dombrowski et al. 2019, arXiv:1906.07983)."""
    return [("relu", rules.relu_beta_smooth(beta_smooth))] + GRADIENT
