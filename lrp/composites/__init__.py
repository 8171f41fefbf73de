"""Composites, tables of `(match, rule)`: the named ones, what they are made of, and their JSON."""

from lrp.composites.presets import (
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
from lrp.composites.registry import COMPOSITES
from lrp.composites.serialize import from_json, to_json
from lrp.composites.table import Composite, Match, Row, Where, depth, first, last, mix, named, nth
from lrp.composites.transformers import attn_lrp, cp_lrp, mamba_lrp, rel_p, vit_cp_gamma
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
    "attn_lrp",
    "base",
    "beta_smooth",
    "cp_lrp",
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
    "mamba_lrp",
    "mix",
    "named",
    "nth",
    "rel_p",
    "to_json",
    "vit_cp_gamma",
]
