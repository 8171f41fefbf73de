"""What an operator is where its name does not say it: the same name with other options is another operator.

An example: folding patches that lie side by side moves values, folding patches that overlap adds them up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from torch import fx

from lrp.graph.aten import arguments, each_axis, operator_name, overload
from lrp.graph.operators import kind_of

Given = Mapping[str, Any]
"""The arguments of an operator under their schema names; nodes where they are computed."""


def _fold(given: Given) -> str:
    kernel, dilation, stride = (each_axis(given[name], 2) for name in ("kernel_size", "dilation", "stride"))
    apart = all(d % s == 0 and k == 1 for k, d, s in zip(kernel, dilation, stride, strict=True))
    beside = all(s >= d * (k - 1) + 1 for k, d, s in zip(kernel, dilation, stride, strict=True))
    return "movement" if apart or beside else "sum"


def _puts(given: Given) -> str | None:
    """`index_put` and `scatter`: values that replace are moved, values that are added are summed."""
    if given.get("reduce") is not None:
        return "sum" if given["reduce"] == "add" else None
    return "sum" if given.get("accumulate") else "movement"


def _norm(given: Given) -> str | None:
    """|x|_p is homogeneous of degree one for every p above zero; the one of p = 0 counts."""
    order = 2 if given["ord"] is None else given["ord"]
    return "sum" if isinstance(order, (int, float)) and order > 0 else None


def _division(given: Given) -> str | None:
    return None if given.get("rounding_mode") is not None else "division"


def _power(given: Given) -> str | None:
    return "activation" if not all(isinstance(given[name], fx.Node) for name in ("self", "exponent")) else "power"


MODES: Mapping[str, Callable[[Given], str | None]] = {
    "fold": _fold,
    "puts": _puts,
    "norm": _norm,
    "division": _division,
    "power": _power,
}
"""For each kind of the table that the options decide: the kind by the arguments."""


def kind_of_node(node: fx.Node) -> str | None:
    """The kind of a node's operator, its options considered; None for one without."""
    kind = kind_of(operator_name(node.target)) if node.op == "call_function" else None
    decide = MODES.get(kind or "")
    return kind if decide is None or overload(node.target) is None else decide(arguments(node))
