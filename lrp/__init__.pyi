# The public names: __init__.py loads each at its first use, and type checkers read this file.
from . import (
    accounting,
    attribution,
    canonizers,
    cli,
    colormap,
    composites,
    concepts,
    correct,
    dataset,
    evaluate,
    explain,
    graph,
    heatmap,
    process,
    rules,
    testing,
    transform,
)
from .accounting import audit, plan, weight_relevance
from .canonizers import canonize
from .composites import Composite
from .concepts import basis, conditions
from .correct import as_module
from .dataset import Kept, Normalization, SampleError, attribute_dataset, open_data, open_images
from .explain import Explainer, Explanation, explainer
from .graph import Graph, Op, TraceError, insert, rewrite, since, trace, until
from .rules import Rule, Stabilizer
from .transform import Hidden, MissingRule, Program, Pullback, relprop

__all__ = [
    "Composite",
    "Explainer",
    "Explanation",
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
    "accounting",
    "as_module",
    "attribute_dataset",
    "attribution",
    "audit",
    "basis",
    "canonize",
    "canonizers",
    "cli",
    "colormap",
    "composites",
    "concepts",
    "conditions",
    "correct",
    "dataset",
    "evaluate",
    "explain",
    "explainer",
    "graph",
    "heatmap",
    "insert",
    "open_data",
    "open_images",
    "plan",
    "process",
    "relprop",
    "rewrite",
    "rules",
    "since",
    "testing",
    "trace",
    "transform",
    "until",
    "weight_relevance",
]
