"""One call from a model to an explainer, what it explains, and what comes out."""

from lrp.explain.explanation import Explanation
from lrp.explain.one_call import Explainer, explainer
from lrp.explain.target import Target, seed_of

__all__ = ["Explainer", "Explanation", "Target", "explainer", "seed_of"]
