"""Where relevance went: the plan as a table, the audit of each node, relevance of weights."""

from lrp.accounting.account import audit
from lrp.accounting.table import PlanTable, plan
from lrp.accounting.weights import weight_relevance

__all__ = ["PlanTable", "audit", "plan", "weight_relevance"]
