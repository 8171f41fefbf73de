"""Composites, tables of `(match, rule)`: the named ones, what they are made of, and their JSON."""

from lrp.composites.presets import (
    COMPOSITES,
    DEFAULT,
    GRADIENT,
    base,
    beta_smooth,
    deconvnet,
    epsilon_alpha2_beta1,
    epsilon_alpha2_beta1_flat,
    epsilon_gamma_box,
    epsilon_plus,
    epsilon_plus_flat,
    excitation_backprop,
    guided_backprop,
)
from lrp.composites.serialize import from_json, to_json
from lrp.composites.table import Composite, Match, Row, Where, depth, first, last, mix, named, nth
from lrp.composites.unfit import UnusedRow

__all__ = [
    "COMPOSITES",
    "DEFAULT",
    "GRADIENT",
    "Composite",
    "Match",
    "Row",
    "UnusedRow",
    "Where",
    "base",
    "beta_smooth",
    "deconvnet",
    "depth",
    "epsilon_alpha2_beta1",
    "epsilon_alpha2_beta1_flat",
    "epsilon_gamma_box",
    "epsilon_plus",
    "epsilon_plus_flat",
    "excitation_backprop",
    "first",
    "from_json",
    "guided_backprop",
    "last",
    "mix",
    "named",
    "nth",
    "to_json",
]
