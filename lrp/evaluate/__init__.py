"""How good an explanation is: faithfulness by flipping, agreement with a mask, and sensitivity to the weights.

Flipping follows Samek et al. 2017 (doi:10.1109/TNNLS.2016.2599820), with the symmetric gain of Bluecher et al. 2024
(arXiv:2401.06654); localization Arras et al. 2022 (doi:10.1016/j.inffus.2021.11.008); randomization is in
`lrp.evaluate.randomize`.
"""

from lrp.evaluate.flipping import abpc, aopc, flipping_curve, srg
from lrp.evaluate.localization import mask_share, pointing_game, relevance_mass, relevance_rank
from lrp.evaluate.randomize import emprt, entropy, mprt
from lrp.evaluate.ranks import spearman
from lrp.evaluate.tokens import token_curve

__all__ = [
    "abpc",
    "aopc",
    "emprt",
    "entropy",
    "flipping_curve",
    "mask_share",
    "mprt",
    "pointing_game",
    "relevance_mass",
    "relevance_rank",
    "spearman",
    "srg",
    "token_curve",
]
