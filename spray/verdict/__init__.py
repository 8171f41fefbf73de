"""The verdict: which category holds a group that nothing in the other categories looks like, and what sets it apart.

Pure functions on arrays. What they are is in docs/explanation/spray.md.
"""

from spray.verdict.cells import cell_names
from spray.verdict.null import null_variance, simulated_null
from spray.verdict.reasons import judgement, sentence
from spray.verdict.score import odd_side, otsu, refined, split_variance
from spray.verdict.several import each_suspect, same_suspects, shared_gap
from spray.verdict.suspects import (
    LOOK,
    Suspect,
    Usual,
    Weighed,
    spaces_of,
    suspect,
    usual,
    verdict,
    weighed,
)
from spray.verdict.views import View, missing, views_of
from spray.verdict.whitening import Statistics, White, added, statistics, whiten, without

__all__ = [
    "LOOK",
    "Statistics",
    "Suspect",
    "Usual",
    "View",
    "Weighed",
    "White",
    "added",
    "cell_names",
    "each_suspect",
    "judgement",
    "missing",
    "null_variance",
    "odd_side",
    "otsu",
    "refined",
    "same_suspects",
    "sentence",
    "shared_gap",
    "simulated_null",
    "spaces_of",
    "split_variance",
    "statistics",
    "suspect",
    "usual",
    "verdict",
    "views_of",
    "weighed",
    "whiten",
    "without",
]
