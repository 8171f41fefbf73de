"""The plan of a composite as a table: which rule each operator gets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from lrp.composites.table import Row
from lrp.graph.facts import GATES
from lrp.graph.graph import Graph
from lrp.graph.op import Op
from lrp.rules import Rule
from lrp.transform.assignment import assign, shape

if TYPE_CHECKING:
    import xarray as xr


class PlanTable(tuple[dict[str, str], ...]):
    """Rows of text that print as a table; `to_dataframe()` and `to_xarray()` for anything else."""

    __slots__ = ()
    COLUMNS = ("node", "layer", "operator", "kind", "rule", "output", "facts")

    def __repr__(self) -> str:
        rows = [dict(zip(self.COLUMNS, self.COLUMNS, strict=True)), *self]
        widths = {c: max(len(row[c]) for row in rows) for c in self.COLUMNS}
        return "\n".join("  ".join(f"{row[c]:<{widths[c]}}" for c in self.COLUMNS).rstrip() for row in rows)

    def to_dataframe(self) -> Any:
        """A pandas DataFrame, one row a node."""
        import pandas as pd

        return pd.DataFrame(list(self), columns=list(self.COLUMNS))

    def to_xarray(self) -> xr.Dataset:
        """A Dataset over `node`."""
        import xarray as xr

        columns = {c: ("node", [row[c] for row in self]) for c in self.COLUMNS[1:]}
        return xr.Dataset(columns, coords={"node": [row["node"] for row in self]})


def plan(graph: Graph, composite: Iterable[Row]) -> PlanTable:
    """Which rule each operator gets, from the input to the output; those that are held constant among them.

    Raises:
        MissingRule: Operators without a rule, all listed.

    Example:
        >>> import torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval()
        >>> lrp.plan(lrp.trace(model, torch.zeros(1, 3)), lrp.composites.epsilon_plus())
        node      layer  operator  kind        rule                                    output      facts
        linear    0      linear    linear      epsilon(epsilon=1e-06, zero_params=None)  (batch, 4)  relevance cut
        relu      1      relu      activation  pass_through()                            (batch, 4)
        linear_1  2      linear    linear      epsilon(epsilon=1e-06, zero_params=None)  (batch, 2)  input >= 0
    """
    decided = assign(graph, composite)
    rules = {**decided.rules, **decided.constants}
    return PlanTable(_row(op, rules[node]) for node, op in decided.ops.items() if node in rules)


def _row(op: Op, rule: Rule) -> dict[str, str]:
    known = [
        ("input >= 0", bool(op.nonnegative) and all(op.nonnegative)),
        ("gate", any(gate > GATES["activation"] for gate in op.gates)),
        ("relevance cut", op.cut),
    ]
    facts = ", ".join(word for word, holds in known if holds)
    values = (op.node.name, op.layer, op.name, op.kind or "?", str(rule), shape(op), facts)
    return dict(zip(PlanTable.COLUMNS, values, strict=True))
