"""Layer-wise relevance propagation as pure functions: trace -> canonize -> relprop -> relevance."""

from lrp import composites, rules
from lrp.canonize import canonize
from lrp.composites import Composite, MissingRule
from lrp.dataset import SampleError, attribute_dataset
from lrp.explain import Explainer, explainer
from lrp.graph import Graph, rewrite
from lrp.ops import Op
from lrp.relprop import Program, relprop
from lrp.rules import Rule
from lrp.trace import TraceError, trace

__all__ = [
    "Composite",
    "Explainer",
    "Graph",
    "MissingRule",
    "Op",
    "Program",
    "Rule",
    "SampleError",
    "TraceError",
    "attribute_dataset",
    "canonize",
    "composites",
    "explainer",
    "relprop",
    "rewrite",
    "rules",
    "trace",
]
