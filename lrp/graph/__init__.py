"""A model as data: tracing, the graph, rewriting, and all that is known of an operator by its name."""

from lrp.graph.aten import arguments, operator_name
from lrp.graph.cutting import Call, Inserted, insert, since, until
from lrp.graph.graph import Example, Graph, check_input, computed, is_floating
from lrp.graph.op import Inputs, Op, Params
from lrp.graph.rewriting import Builder, Replace, rewrite
from lrp.graph.tracing import Selector, TraceError, trace

__all__ = [
    "Builder",
    "Call",
    "Example",
    "Graph",
    "Inputs",
    "Inserted",
    "Op",
    "Params",
    "Replace",
    "Selector",
    "TraceError",
    "arguments",
    "check_input",
    "computed",
    "insert",
    "is_floating",
    "operator_name",
    "rewrite",
    "since",
    "trace",
    "until",
]
