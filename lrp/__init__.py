"""Layer-wise relevance propagation as pure functions: trace -> canonize -> relprop -> relevance."""

from lrp import composites, rules
from lrp.canonize import canonize
from lrp.composite import Composite
from lrp.dataset import SampleError, attribute_dataset
from lrp.explain import Explainer, explainer
from lrp.graph import Graph, rewrite, until
from lrp.ops import Op
from lrp.plan import MissingRule
from lrp.relprop import Hidden, Program, Pullback, relprop
from lrp.rules import Rule, Stabilizer
from lrp.trace import TraceError, trace

__all__ = [
    "Composite",
    "Explainer",
    "Graph",
    "Hidden",
    "MissingRule",
    "Op",
    "Program",
    "Pullback",
    "Rule",
    "SampleError",
    "Stabilizer",
    "TraceError",
    "attribute_dataset",
    "canonize",
    "composites",
    "explainer",
    "relprop",
    "rewrite",
    "rules",
    "trace",
    "until",
]
