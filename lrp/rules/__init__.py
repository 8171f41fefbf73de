"""LRP rules: pure functions that share the relevance of an operator's output among its inputs.

Every rule is `R_i = sum_j n_ij / D_j R_j` and obeys `sum_i R_i = sum_j kappa_j R_j`, `kappa_j = sum_i n_ij / D_j`.
Notation: `z_j = sum_i w_ij a_i + b_j`; `x+ = max(x, 0)`, `x- = min(x, 0)`; `stab(z) = z + epsilon sign z`, with
`sign 0 = 1` and `sign -0 = -1`. Sources: Bach et al. 2015 (doi:10.1371/journal.pone.0130140), Montavon et al. 2017
(doi:10.1016/j.patcog.2016.11.008), Montavon et al. 2019 (doi:10.1007/978-3-030-28954-6_10).

A rule for linear layers says only what its numerators are: a list of `Term`s. One function, `share`, does the rest.

Options shared by all factories:
    stabilizer: keeps denominators away from zero, a number or a `Stabilizer` or any `z -> stab(z)`.
    zero_params: names of parameters to take as zero, `"bias"` or `["bias"]`: then no bias absorbs relevance.

Example, a rule of your own (here LRP-epsilon with the weights doubled in the numerators):
    >>> from lrp.rules import Part, Term, from_terms
    >>> def terms(op, weights, inputs, output):
    ...     return [Term([Part(weights, inputs, 2.0)], output)]
    >>> from_terms(terms, stabilizer=1e-6).name
    'custom'
"""

from collections.abc import Callable

from lrp.rules.branches import absolute, frozen_gate, half_and_half, signal_takes_all, uniform
from lrp.rules.first_layer import flat, w_square, z_box
from lrp.rules.linear import alpha_beta, epsilon, gamma, norm, z_plus
from lrp.rules.normalization import frozen_statistics, softmax_taylor
from lrp.rules.relu import relu_beta_smooth, relu_deconvnet, relu_guided_backprop
from lrp.rules.rule import Part, Rule, Shares, Term, factory, from_terms, share
from lrp.rules.stabilizer import Stabilize, Stabilizer, stabilize
from lrp.rules.unchanged import exact, lookup, pass_through
from lrp.rules.weighting import attention, constant

RULES: dict[str, Callable[..., Rule]] = {
    rule.__name__: rule
    for rule in (
        absolute,
        alpha_beta,
        attention,
        constant,
        epsilon,
        exact,
        flat,
        frozen_statistics,
        gamma,
        frozen_gate,
        half_and_half,
        lookup,
        norm,
        pass_through,
        relu_beta_smooth,
        relu_deconvnet,
        relu_guided_backprop,
        signal_takes_all,
        softmax_taylor,
        uniform,
        w_square,
        z_box,
        z_plus,
    )
}
"""Every rule by its name: what a composite's JSON form refers to."""

__all__ = [
    "RULES",
    "Part",
    "Rule",
    "Shares",
    "Stabilize",
    "Stabilizer",
    "Term",
    "absolute",
    "alpha_beta",
    "attention",
    "constant",
    "epsilon",
    "exact",
    "factory",
    "flat",
    "from_terms",
    "frozen_gate",
    "frozen_statistics",
    "gamma",
    "half_and_half",
    "lookup",
    "norm",
    "pass_through",
    "relu_beta_smooth",
    "relu_deconvnet",
    "relu_guided_backprop",
    "share",
    "signal_takes_all",
    "softmax_taylor",
    "stabilize",
    "uniform",
    "w_square",
    "z_box",
    "z_plus",
]
