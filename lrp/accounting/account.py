"""Where relevance went: the plan as a table, conservation accounts node by node, relevance of weights."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, fx

from lrp.explain.pieces import samples_at_once
from lrp.graph.aten import operator_name
from lrp.graph.graph import Example, check_input
from lrp.graph.lookups import INDICES
from lrp.graph.op import Op
from lrp.rules import Part, Rule, Term, stabilize
from lrp.rules.stabilizer import divide
from lrp.transform.passes import Weights, backward, forward
from lrp.transform.program import Program

if TYPE_CHECKING:
    import xarray as xr


TAKERS = ("bias", "lookup", "constant", "moved_in", "stabilizer")
"""What may take relevance that no input owns."""


def audit(program: Program, weights: Weights, x: Example, seed: Tensor) -> xr.Dataset:
    """Account for relevance node by node: what arrives at a node's output, is passed on, and is absorbed.

    The identity `sum R_input + sum absorbed == sum seed` holds for every sample, whatever the rules: absorbed is the
    difference of arrived and passed, split by what takes it:

    - `bias`: the bias of a layer or a norm;
    - `lookup`: what is added from a table, but not by an input's own integers (positions);
    - `constant`: what else is added and does not depend on a floating-point input (a shift, a mask);
    - `moved_in`: what is put among the values from elsewhere, such as a class token;
    - `stabilizer`: what keeps a denominator from zero;
    - `dropped`: the rest, by a rule that shares only a part (alpha-beta where all contributions have one sign).

    Args:
        seed: Relevance of the output, of its shape.

    Returns:
        Dataset over `node` (data-flow order) and `sample`: `arrived`, `passed`, and the absorptions above; and over
        `sample`: `seed`, `input` (relevance of all inputs), `residual` (what the identity is off by) and `scale`
        (the sum of the absolute terms, to compare it with). Coordinates `layer`, `operator`, `rule`, and `drops`,
        whether the rule may drop relevance by definition.

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
    import xarray as xr

    samples = list(_one_by_one(program, check_input(program.graph, x), seed))
    if not samples:
        raise ValueError("an audit needs at least one sample, got an empty batch")
    return xr.concat([_account(program, weights, *sample) for sample in samples], "sample")


def _one_by_one(program: Program, inputs: list[Tensor], seed: Tensor) -> Iterator[tuple[list[Tensor], Tensor]]:
    """Each sample's inputs and seed. Inside a model the batch may be part of any axis, so no sum there tells samples
    apart; and a model whose samples are not independent runs on all of them, with the seed of one."""
    apart = samples_at_once(program.graph, program.plan) is not None
    for i in range(len(seed)):
        if apart and {len(value) for value in inputs} == {len(seed)}:
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
        own = planned.roles and op.kind == "movement"
        taken = {name: torch.zeros_like(arrived) for name in TAKERS} | {"moved_in": (arrived - passed) * bool(own)}
        if op.kind == "normalization" and rule.proportional:  # its scale held, it is a linear layer, with a bias
            terms = [Term([Part(weights, inputs)], output)]
        for term in terms:
            taken[_taker(planned)] += _bias(op, term, rule, relevance)
            taken["stabilizer"] += _stabilizer(term, rule, relevance)
        dropped = arrived - passed - sum(taken.values())
        columns = {"arrived": arrived, "passed": passed, **taken, "dropped": dropped}
        rows[planned.node] = columns
        return shares

    return replace(rule, propagate=propagate)


def _taker(op: Op) -> str:
    """What takes the share of no input: see `audit`."""
    if op.kind in ("linear", "normalization"):
        return "bias"
    return "lookup" if any(map(_looks_up, op.roles.values())) else "constant"


def _looks_up(node: fx.Node) -> bool:
    """Whether a value that carries no relevance is looked up, or made of such values."""
    ahead, seen = [node], set()
    while ahead:
        if (one := ahead.pop()) not in seen and one.op == "call_function":
            if operator_name(one.target) in INDICES:
                return True
            seen.add(one)
            ahead += one.all_input_nodes
    return False


def _live(term: Term, amount: Tensor) -> Tensor:
    amount = amount * term.factor
    return _total(amount if term.live is None else torch.where(term.live, amount, 0))


def _bias(op: Op, term: Term, rule: Rule, relevance: Tensor) -> Tensor:
    """What no input owns of the denominator: its value where all inputs are zero."""
    own = [op(p.params, *(torch.zeros_like(a) for a in p.inputs)) * p.factor for p in term.parts]
    return _live(term, sum(own[1:], own[0]) * divide(relevance, term.total, rule.stabilizer))


def _stabilizer(term: Term, rule: Rule, relevance: Tensor) -> Tensor:
    stable = stabilize(term.total, rule.stabilizer)
    return _live(term, (stable - term.total) * divide(relevance, term.total, rule.stabilizer))


def _dataset(rules: Any, ops: Any, rows: Any, received: Tensor, seed: Tensor) -> xr.Dataset:
    import xarray as xr

    nodes = [node for node in rules if node in rows]
    names = ("arrived", "passed", *TAKERS, "dropped")
    columns = {name: ("node", torch.stack([rows[n][name] for n in nodes]).cpu().numpy()) for name in names}
    table = xr.Dataset(
        columns,
        coords={
            "node": [n.name for n in nodes],
            "layer": ("node", [ops[n].layer for n in nodes]),
            "operator": ("node", [ops[n].name for n in nodes]),
            "rule": ("node", [str(rules[n]) for n in nodes]),
            "drops": ("node", [rules[n].drops(ops[n]) for n in nodes]),
        },
    )
    absorbed = table[[*TAKERS, "dropped"]].to_dataarray("column").sum("column")
    table["seed"], table["input"] = seed.item(), received.item()
    table["residual"] = table.input + absorbed.sum("node") - table.seed
    table["scale"] = abs(table.input) + abs(absorbed).sum("node") + abs(table.seed)
    return table
