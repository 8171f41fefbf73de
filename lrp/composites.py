"""Composites: tables of (match, rule). Rows add, the first match wins.

A match is a word, which fits an operator's kind ("linear", "sum", "activation", ...), family ("convolution",
"dense") or name ("conv2d", "add", ...); or a predicate `Op -> bool`; or `first(...)`'s.

Named composites and their defaults are those of Zennit (Anders et al. 2021, arXiv:2106.13200).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from torch import Tensor, fx

from lrp import rules
from lrp.facts import Facts, facts
from lrp.graph import Graph
from lrp.ops import KIND, Op
from lrp.rules import Rule, Stabilizer


@dataclass(frozen=True)
class First:
    """Matches the first operator in data-flow order that `match` fits."""

    match: Match

    def __str__(self) -> str:
        return f"first {self.match}"


Match = str | Callable[[Op], bool] | First
Row = tuple[Match, Rule]


class Composite(tuple[Row, ...]):
    """A tuple of rows that prints as a table and stays a composite when rows are added."""

    __slots__ = ()

    def __add__(self, rows: Iterable[Row]) -> Composite:  # type: ignore[override]
        return Composite((*self, *rows))

    def __radd__(self, rows: Iterable[Row]) -> Composite:
        return Composite((*rows, *self))

    def __repr__(self) -> str:
        names = [(getattr(m, "__name__", None) or str(m), str(rule)) for m, rule in self]
        width = max((len(match) for match, _ in names), default=0)
        return "\n".join(f"{match:<{width}}  {rule}" for match, rule in names)


def first(row: Row) -> Row:
    """The row, for the first operator in data-flow order that it matches.

    Example:
        >>> from lrp import composites, rules
        >>> Composite([composites.first(("convolution", rules.flat())), ("linear", rules.epsilon())])
        first convolution  flat(stabilizer=1e-06)
        linear             epsilon(epsilon=1e-06, zero_params=None)
    """
    match, rule = row
    return First(match), rule


DEFAULT = Composite(
    [
        ("movement", rules.exact()),
        ("winner", rules.exact()),
        ("sum", rules.norm()),
        ("activation", rules.pass_through()),
        ("batch_norm", rules.pass_through()),
    ]
)
"""What relevance does where a composite has no row: rows for all that has no parameters worth a choice."""


def base(stabilizer: Stabilizer = 1e-6) -> Composite:
    """Rows that the named composites share: sums and average pooling by norm, activations and batch norm pass."""
    return Composite(
        [("activation", rules.pass_through()), ("sum", rules.norm(stabilizer)), (_is_batch_norm, rules.pass_through())]
    )


def _is_batch_norm(op: Op) -> bool:
    return "batch_norm" in op.name


_is_batch_norm.__name__ = "batch norm"
ZeroParams = str | Iterable[str] | None


def epsilon_gamma_box(
    low: float | Tensor,
    high: float | Tensor,
    *,
    epsilon: Stabilizer = 1e-6,
    gamma: float = 0.25,
    stabilizer: Stabilizer = 1e-6,
    zero_params: ZeroParams = None,
) -> Composite:
    """z_box for the first convolution, gamma for all others, epsilon for dense layers.

    Args:
        low, high: Bounds of the input as the model sees it, `(batch, channel, height, width)` or broadcastable: for
            images in [0, 1] normalized by mean and std, `(0 - mean) / std` and `(1 - mean) / std`.
    """
    return base(stabilizer) + [
        first(("convolution", rules.z_box(low, high, stabilizer, zero_params))),
        ("convolution", rules.gamma(gamma, stabilizer, zero_params)),
        ("dense", rules.epsilon(epsilon, zero_params)),
    ]


def epsilon_plus(
    *, epsilon: Stabilizer = 1e-6, stabilizer: Stabilizer = 1e-6, zero_params: ZeroParams = None
) -> Composite:
    """z_plus for convolutions, epsilon for dense layers."""
    return base(stabilizer) + [
        ("convolution", rules.z_plus(stabilizer, zero_params)),
        ("dense", rules.epsilon(epsilon, zero_params)),
    ]


def epsilon_alpha2_beta1(
    *, epsilon: Stabilizer = 1e-6, stabilizer: Stabilizer = 1e-6, zero_params: ZeroParams = None
) -> Composite:
    """alpha_beta(2, 1) for convolutions, epsilon for dense layers."""
    return base(stabilizer) + [
        ("convolution", rules.alpha_beta(2.0, 1.0, stabilizer, zero_params)),
        ("dense", rules.epsilon(epsilon, zero_params)),
    ]


def epsilon_plus_flat(
    *, epsilon: Stabilizer = 1e-6, stabilizer: Stabilizer = 1e-6, zero_params: ZeroParams = None
) -> Composite:
    """As epsilon_plus, with flat for the first linear layer, convolution or dense."""
    rest = epsilon_plus(epsilon=epsilon, stabilizer=stabilizer, zero_params=zero_params)
    return [first(("linear", rules.flat(stabilizer)))] + rest


def epsilon_alpha2_beta1_flat(
    *, epsilon: Stabilizer = 1e-6, stabilizer: Stabilizer = 1e-6, zero_params: ZeroParams = None
) -> Composite:
    """As epsilon_alpha2_beta1, with flat for the first linear layer, convolution or dense."""
    rest = epsilon_alpha2_beta1(epsilon=epsilon, stabilizer=stabilizer, zero_params=zero_params)
    return [first(("linear", rules.flat(stabilizer)))] + rest


COMPOSITES: dict[str, Callable[..., Composite]] = {
    "epsilon_gamma_box": epsilon_gamma_box,
    "epsilon_plus": epsilon_plus,
    "epsilon_plus_flat": epsilon_plus_flat,
    "epsilon_alpha2_beta1": epsilon_alpha2_beta1,
    "epsilon_alpha2_beta1_flat": epsilon_alpha2_beta1_flat,
}


def fits(match: Match, op: Op) -> bool:
    """Whether a row applies to `op`, its place in the network aside."""
    if isinstance(match, First):
        return fits(match.match, op)
    return match in (op.kind, op.family, op.name) if isinstance(match, str) else match(op)


class MissingRule(LookupError):
    """Operators that no row matches; the message lists every one of them."""


@dataclass(frozen=True, eq=False)
class Plan:
    """A composite decided for a graph."""

    facts: Facts
    ops: Mapping[fx.Node, Op]
    """Every operator that is computed anew for each input, in data-flow order."""
    rules: Mapping[fx.Node, Rule]
    """The rule of each node that relevance can reach, in data-flow order."""


def assign(graph: Graph, composite: Iterable[Row]) -> Plan:
    """Decide the rule of each node that relevance can reach.

    Raises:
        MissingRule: Some nodes have no rule; all of them are listed.
    """
    known = facts(graph)
    table = Composite(composite) + DEFAULT
    ops = {n: known.op(n) for n in graph.fx.nodes if n.op == "call_function" and n not in known.static}
    taken: set[int] = set()
    found: dict[fx.Node, Rule] = {}
    missing: list[Op] = []
    for node in _reached(graph, known):
        op = ops[node]
        for position, (match, rule) in enumerate(table):
            if position not in taken and op.kind is not None and fits(match, op):
                taken |= {position} if isinstance(match, First) else set()
                found[node] = rule
                break
        else:
            missing.append(op)
    if missing:
        raise MissingRule(_describe(missing))
    return Plan(known, ops, found)


def _reached(graph: Graph, known: Facts) -> list[fx.Node]:
    """Signal nodes on a path from the input to the output, in data-flow order."""
    live = {graph.output}
    for node in reversed(graph.fx.nodes):
        if node in live:
            live |= set(node.all_input_nodes)
    return [n for n in graph.fx.nodes if n.op == "call_function" and n in live and n in known.signals]


def _describe(missing: list[Op]) -> str:
    lines = [
        f"  {op.node.name}: {op.name} in layer {op.layer or '(top)'}, output {_shape(op)}, {_reason(op)}"
        for op in missing
    ]
    return f"no rule for {len(missing)} of the operators that relevance passes:\n" + "\n".join(lines)


def _shape(op: Op) -> str:
    return f"(batch, {', '.join(map(str, op.shape[1:]))})" if len(op.shape) > 1 else "(batch,)"


def _reason(op: Op) -> str:
    if op.kind is None and op.name not in KIND:
        return f'unknown operator; if you know how its relevance passes, add a row ("{op.name}", rule) to the composite'
    kind: Any = op.kind or KIND[op.name]
    return f'kind {kind}; add a row ("{kind}", rule) or ("{op.name}", rule) to the composite, or canonize it away'
