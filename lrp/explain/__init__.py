"""One call from a model to an explainer, what it explains, and what comes out."""

from lrp.explain.explanation import Explanation
from lrp.explain.generation import Generated, generated
from lrp.explain.one_call import Explainer, explainer
from lrp.explain.target import Target, contrast, logit, seed_of

__all__ = [
    "Explainer",
    "Explanation",
    "Generated",
    "Target",
    "contrast",
    "explainer",
    "generated",
    "logit",
    "seed_of",
]
