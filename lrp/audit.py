"""Where relevance went: the plan as a table, conservation accounts node by node, relevance of weights."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import torch
import xarray as xr
from torch import Tensor, fx

from lrp.assign import assign, shape
from lrp.composite import Row
from lrp.graph.aten import arguments
from lrp.graph.graph import Example, Graph, check_input
from lrp.graph.op import Op
from lrp.passes import Weights, backward, forward
from lrp.relprop import Program
from lrp.rules import Rule, Term, stabilize
from lrp.rules.rule import unstacked


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
        columns = {c: ("node", [row[c] for row in self]) for c in self.COLUMNS[1:]}
        return xr.Dataset(columns, coords={"node": [row["node"] for row in self]})


def plan(graph: Graph, composite: Iterable[Row]) -> PlanTable:
    """Which rule each operator gets, from the input to the output.

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
    return PlanTable(_row(decided.ops[node], rule) for node, rule in decided.rules.items())


def _row(op: Op, rule: Rule) -> dict[str, str]:
    known = [
        ("input >= 0", bool(op.nonnegative) and all(op.nonnegative)),
        ("gate", any(op.gates)),
        ("relevance cut", op.cut),
    ]
    facts = ", ".join(word for word, holds in known if holds)
    values = (op.node.name, op.layer, op.name, op.kind or "?", str(rule), shape(op), facts)
    return dict(zip(PlanTable.COLUMNS, values, strict=True))


def audit(program: Program, weights: Weights, x: Example, seed: Tensor) -> xr.Dataset:
    """Account for relevance node by node: what arrives at a node's output, is passed on, and is absorbed.

    The identity `sum R_input + sum absorbed == sum seed` holds for every sample, whatever the rules: absorbed is the
    difference of arrived and passed, split into what the bias and constants take, what the stabilizer takes, and the
    rest, dropped (by a rule that shares only a part, such as alpha-beta where all contributions have one sign).

    Args:
        seed: Relevance of the output, of its shape.

    Returns:
        Dataset over `node` (data-flow order) and `sample`: `arrived`, `passed`, `bias`, `stabilizer`, `dropped`; and
        over `sample`: `seed`, `input` (relevance of all inputs), `residual` (what the identity is off by) and `scale`
        (the sum of the absolute terms, to compare it with). Coordinates `layer`, `operator`, `rule`.

    Example:
        >>> import torch, lrp
        >>> model = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.ReLU(), torch.nn.Linear(4, 2)).eval().double()
        >>> graph = lrp.trace(model, torch.zeros(1, 3, dtype=torch.float64))
        >>> program = lrp.relprop(graph, lrp.composites.epsilon_plus())
        >>> x = torch.randn(5, 3, dtype=torch.float64)
        >>> account = lrp.audit(program, program.prepare(graph.params), x, torch.ones(5, 2, dtype=torch.float64))
        >>> bool(abs(account.residual).max() < 1e-9)
        True
    """
    samples = list(_one_by_one(program.graph, check_input(program.graph, x), seed))
    if not samples:
        raise ValueError("an audit needs at least one sample, got an empty batch")
    return xr.concat([_account(program, weights, *sample) for sample in samples], "sample")


def _one_by_one(graph: Graph, inputs: list[Tensor], seed: Tensor) -> Iterator[tuple[list[Tensor], Tensor]]:
    """Each sample's inputs and seed. Inside a model the batch may be part of any axis, so no sum there tells samples
    apart; and a model that is tied to its batch size runs on all of it, with the seed of one."""
    for i in range(len(seed)):
        if graph.batch is None:
            yield [value[i : i + 1] for value in inputs], seed[i : i + 1]
        else:
            yield inputs, torch.zeros_like(seed).index_copy(0, torch.tensor([i], device=seed.device), seed[i : i + 1])


def _account(program: Program, weights: Weights, inputs: list[Tensor], seed: Tensor) -> xr.Dataset:
    graph, decided = program.graph, program.plan
    rows: dict[fx.Node, dict[str, Tensor]] = {}
    with torch.no_grad():
        env, bound = forward(graph, decided, weights, inputs)
        watched = {node: _watched(rule, rows, decided.ops[node]) for node, rule in decided.rules.items()}
        observed = type(decided)(decided.facts, decided.ops, watched)
        relevance = backward(graph, observed, weights, env, bound, seed)
    received = sum(_total(r) for r in relevance if r is not None)
    return _dataset(decided.rules, decided.ops, rows, received, _total(seed))  # type: ignore[arg-type]


def _total(x: Tensor) -> Tensor:
    return x.double().sum()


def _watched(rule: Rule, rows: dict[fx.Node, dict[str, Tensor]], planned: Op) -> Rule:
    """The same rule, writing its account as it propagates."""

    def propagate(op: Op, weights: Any, inputs: Any, output: Tensor, relevance: Tensor) -> Any:
        shares = rule.propagate(op, weights, inputs, output, relevance)
        arrived = _total(relevance)
        passed = sum((_total(s) for s in shares if s is not None), torch.zeros_like(arrived))
        terms = rule.terms(op, weights, inputs, output) if rule.terms is not None else []
        # what is moved in from a constant, such as a class token, takes its relevance with it
        moved_in = arrived - passed if op.kind == "movement" and planned.roles else torch.zeros_like(arrived)
        bias = sum((_bias(op, term, rule, relevance) for term in terms), moved_in)
        stabilizer = sum((_stabilizer(term, rule, relevance) for term in terms), torch.zeros_like(arrived))
        dropped = arrived - passed - bias - stabilizer
        columns = {"arrived": arrived, "passed": passed, "bias": bias, "stabilizer": stabilizer, "dropped": dropped}
        rows[planned.node] = columns
        return shares

    return Rule(propagate, rule.prepare, rule.receives, name=rule.name, options=rule.options)


def _live(term: Term, amount: Tensor) -> Tensor:
    amount = amount * term.factor
    return _total(amount if term.live is None else torch.where(term.live, amount, 0))


def _bias(op: Op, term: Term, rule: Rule, relevance: Tensor) -> Tensor:
    """What no input owns of the denominator: its value where all inputs are zero."""
    own = [op(p.params, *(torch.zeros_like(a) for a in p.inputs)) * p.factor for p in term.parts]
    return _live(term, sum(own[1:], own[0]) / stabilize(term.total, rule.stabilizer) * relevance)


def _stabilizer(term: Term, rule: Rule, relevance: Tensor) -> Tensor:
    stable = stabilize(term.total, rule.stabilizer)
    return _live(term, (stable - term.total) / stable * relevance)


def _dataset(rules: Any, ops: Any, rows: Any, received: Tensor, seed: Tensor) -> xr.Dataset:
    nodes = [node for node in rules if node in rows]
    names = ("arrived", "passed", "bias", "stabilizer", "dropped")
    columns = {name: ("node", torch.stack([rows[n][name] for n in nodes]).cpu().numpy()) for name in names}
    table = xr.Dataset(
        columns,
        coords={
            "node": [n.name for n in nodes],
            "layer": ("node", [ops[n].layer for n in nodes]),
            "operator": ("node", [ops[n].name for n in nodes]),
            "rule": ("node", [str(rules[n]) for n in nodes]),
        },
    )
    absorbed = table.bias + table.stabilizer + table.dropped
    table["seed"], table["input"] = seed.item(), received.item()
    table["residual"] = table.input + absorbed.sum("node") - table.seed
    table["scale"] = abs(table.input) + abs(absorbed).sum("node") + abs(table.seed)
    return table


def weight_relevance(program: Program, weights: Weights, x: Example, seed: Tensor, layer: str) -> dict[str, Tensor]:
    """R_w of a layer: the relevance that passes through each weight, summed over samples and positions.

    R_w_ij = sum w_ij a_i R_j / D_j, with the numerators and denominators of the layer's rule. `sum R_w` is the
    relevance that the layer passes on to its input.

    Args:
        layer: Module path or node name of a layer whose rule is made of terms (every rule for linear layers).

    Returns:
        By parameter name ("weight"), of its shape; for one sample at a time, call with batches of one.
    """
    graph, decided = program.graph, program.plan
    node = _parametric(graph, decided.rules, layer)
    rule, seen = decided.rules[node], {}
    with torch.no_grad():
        env, bound = forward(graph, decided, weights, check_input(graph, x))
        backward(graph, decided, weights, env, bound, seed, lambda n, r: seen.setdefault(n, r))
    op, inputs = bound[node], tuple(env[source] for source in bound[node].inputs)
    total: dict[str, Tensor] = {}
    assert rule.terms is not None
    for term in rule.terms(op, weights[node.name]["rule"], inputs, env[node]):
        s = seen[node] / stabilize(term.total, rule.stabilizer) * term.factor
        s = s if term.live is None else torch.where(term.live, s, 0)
        for part in term.parts:
            w = {"weight": part.params["weight"]}
            if term.alike:
                w = {"weight": w["weight"].expand_as(weights[node.name]["params"]["weight"])}
            _, pull = torch.func.vjp(lambda w, part=part: op({**part.params, **w}, *part.inputs), w)[:2]
            (cotangent,) = pull(s * part.factor)
            share = {k: unstacked(v * cotangent[k], part.stacked and 1) for k, v in w.items()}
            total = {k: total[k] + v if k in total else v for k, v in share.items()}
    return total


def _parametric(graph: Graph, rules: Any, layer: str) -> fx.Node:
    node = graph.find(layer)
    if node not in rules or rules[node].terms is None or arguments(node).get("weight") is None:
        raise ValueError(f"{layer!r} ({node.name}) has no weights that relevance passes; name a linear layer")
    return node
