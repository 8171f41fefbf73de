"""From a graph and a composite to a program: which rule where, the loops, and what is recorded of them."""

from lrp.transform.assignment import MissingRule, Plan, assign
from lrp.transform.passes import Weights
from lrp.transform.program import Hidden, Program, Pullback, relprop

__all__ = ["Hidden", "MissingRule", "Plan", "Program", "Pullback", "Weights", "assign", "relprop"]
