"""Layer-wise relevance propagation as pure functions: trace -> canonize -> relprop -> relevance."""

from lrp import attribution, colormap, composites, evaluate, heatmap, rules
from lrp.accounting.account import audit
from lrp.accounting.table import plan
from lrp.accounting.weights import weight_relevance
from lrp.canonizers import canonize
from lrp.composites.table import Composite
from lrp.dataset import Kept, Normalization, SampleError, attribute_dataset
from lrp.dataset_sources import open_images
from lrp.explain import Explainer, explainer
from lrp.graph.graph import Graph
from lrp.graph.op import Op
from lrp.graph.rewriting import rewrite, until
from lrp.graph.tracing import TraceError, trace
from lrp.rules import Rule, Stabilizer
from lrp.transform.assignment import MissingRule
from lrp.transform.program import Hidden, Program, Pullback, relprop

__all__ = [
    "Composite",
    "Explainer",
    "Graph",
    "Hidden",
    "Kept",
    "MissingRule",
    "Normalization",
    "Op",
    "Program",
    "Pullback",
    "Rule",
    "SampleError",
    "Stabilizer",
    "TraceError",
    "attribute_dataset",
    "attribution",
    "audit",
    "canonize",
    "colormap",
    "composites",
    "evaluate",
    "explainer",
    "heatmap",
    "open_images",
    "plan",
    "relprop",
    "rewrite",
    "rules",
    "trace",
    "until",
    "weight_relevance",
]
