"""One call from a model to an explainer, what it explains, and what comes out."""

from lrp.explain.explanation import Explanation
from lrp.explain.one_call import Explainer, explainer
from lrp.explain.target import Target, contrast, logit, seed_of

__all__ = ["Explainer", "Explanation", "Target", "contrast", "explainer", "logit", "seed_of"]
