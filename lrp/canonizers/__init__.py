"""Canonization: rewrites `Graph -> Graph` that keep the function and put it into the form that rules expect."""

from lrp.canonizers.attention import split_attention
from lrp.canonizers.batch_norm import fold_batch_norm
from lrp.canonizers.batch_norm_right import fold_batch_norm_right
from lrp.canonizers.chain import CANONIZERS, Rewrite, canonize
from lrp.canonizers.concatenations import nest_concatenations
from lrp.canonizers.constants import fold_factors, fold_shifts
from lrp.canonizers.identities import drop_identities
from lrp.canonizers.linear_chains import merge_linear

__all__ = [
    "CANONIZERS",
    "Rewrite",
    "canonize",
    "drop_identities",
    "fold_batch_norm",
    "fold_batch_norm_right",
    "fold_factors",
    "fold_shifts",
    "merge_linear",
    "nest_concatenations",
    "split_attention",
]
