"""From a graph and a composite to a program: which rule where, the loops, and what is recorded of them."""

from lrp.transform.assignment import MissingRule, Plan, assign
from lrp.transform.passes import Weights
from lrp.transform.program import Program, relprop
from lrp.transform.recorded import Hidden, Passes, Pullback

__all__ = ["Hidden", "MissingRule", "Passes", "Plan", "Program", "Pullback", "Weights", "assign", "relprop"]
