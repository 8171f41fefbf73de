"""What a rule is, and the one mechanism that all rules for linear layers share."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import wraps
from typing import Any, NamedTuple, ParamSpec

import torch
from torch import Tensor

from lrp.graph.op import Inputs, Op, Params
from lrp.graph.operators import has
from lrp.rules.stabilizer import Stabilize, divide, is_pointwise

Shares = tuple[Tensor | None, ...]
"""Relevance of each input, None where an input receives none by definition."""


class Part(NamedTuple):
    """Numerators `factor_j w_ij a_i` with weights and inputs of its own choice."""

    params: Params
    inputs: Inputs
    factor: float | Tensor = 1.0
    stacked: int | None = None
    """The axis along which two versions of the input are stacked, so that one call does for both; their shares add."""


class Term(NamedTuple):
    """Relevance shared by the numerators of `parts` over one denominator: `sum_j factor n_ij / stab(total_j) R_j`."""

    parts: list[Part]
    total: Tensor
    factor: float = 1.0
    live: Tensor | None = None
    """Where relevance is shared; elsewhere it is dropped."""
    alike: bool = False
    """All channels of the output have the same numerators, given for one: their relevance is summed first."""


Terms = Callable[[Op, Any, Inputs, Tensor], list[Term]]
"""`(op, weights, inputs, output) -> terms`."""


def _own_params(op: Op, params: Params) -> Params:
    del op
    return params


def _all_inputs(op: Op) -> tuple[bool, ...]:
    return (True,) * len(op.inputs)


def never(op: Op) -> bool:
    """For no operator."""
    del op
    return False


def always(op: Op) -> bool:
    """For every operator."""
    del op
    return True


@dataclass(frozen=True)
class Rule:
    """A pair of pure functions; made by the factories in `lrp.rules`, or by hand for a rule of your own.

    propagate: `(op, weights, inputs, output, relevance) -> relevance of each input`; the output is the operator's own,
        unless the rule says `relu_will_do`.
    prepare: `(op, params) -> weights`, once per model: the modified weights that propagate needs.
    receives: `op -> which inputs receive relevance`; nodes behind the others need no rule.
    terms: for rules that are made of terms: what the audit reads bias and stabilizer from.
    proportional: an input that is zero receives no relevance.
    unchanged: `op -> whether` each value's relevance goes where the value came from, so that none goes to a zero where
        the output's zeros have none: movements, winners and ReLUs.
    drops: `op -> whether` the rule may keep less than it is given, beside what bias and stabilizer take. A rule by hand
        may, unless it says otherwise.
    relu_will_do: only units above zero matter to the rule, each alone. An example: of `relu(z)` the relevance at z < 0
        is zero, so LRP-epsilon may read `relu(z)` in place of z. It is kept in memory anyway, as the next layer's
        input; so such a rule is handed that where `op.cut`, and z otherwise.
    holds: the operator's output counts as a weight, not as a signal, see `lrp.rules.constant`.
    bounds: `(low, high)`, the box that the rule assumes its input in.
    name, options: what the rule is called and was made with; two rules of equal name and options are equal.
    """

    propagate: Callable[[Op, Any, Inputs, Tensor, Tensor], Shares] = field(compare=False, repr=False)
    prepare: Callable[[Op, Params], Any] = field(default=_own_params, compare=False, repr=False)
    receives: Callable[[Op], tuple[bool, ...]] = field(default=_all_inputs, compare=False, repr=False)
    terms: Terms | None = field(default=None, compare=False, repr=False)
    stabilizer: Stabilize = field(default=0.0, compare=False, repr=False)
    proportional: bool = field(default=False, compare=False, repr=False)
    unchanged: Callable[[Op], bool] = field(default=never, compare=False, repr=False)
    drops: Callable[[Op], bool] = field(default=always, compare=False, repr=False)
    relu_will_do: bool = field(default=False, compare=False, repr=False)
    holds: bool = field(default=False, compare=False, repr=False)
    bounds: tuple[Any, Any] | None = field(default=None, compare=False, repr=False)
    name: str = "custom"
    options: tuple[tuple[str, Any], ...] = ()

    def __str__(self) -> str:
        return f"{self.name}({', '.join(f'{k}={short(v)}' for k, v in self.options)})"


def short(value: Any) -> str:
    """An option as people read it; of a tensor the range of its values, and its shape.

    Example:
        >>> short(torch.tensor([[-1.0], [2.5]])), short(torch.zeros(())), short(0.5)
        ('-1 to 2.5 of shape (2, 1)', '0 of shape ()', '0.5')
    """
    if not isinstance(value, Tensor):
        return f"{value!r}"
    if not value.numel() or value.is_meta:
        return f"a tensor of shape {tuple(value.shape)}"
    low, high = value.min().item(), value.max().item()
    return f"{low:g}{f' to {high:g}' if low != high else ''} of shape {tuple(value.shape)}"


P = ParamSpec("P")


def factory(make: Callable[P, Rule]) -> Callable[P, Rule]:
    """Name the rule that `make` returns after `make` and the arguments it was called with."""

    @wraps(make)
    def named(*args: P.args, **kwargs: P.kwargs) -> Rule:
        call = inspect.signature(make).bind(*args, **kwargs)
        call.apply_defaults()
        return replace(
            make(*args, **kwargs), name=make.__name__, options=tuple(map(_comparable, call.arguments.items()))
        )

    return named


def _comparable(option: tuple[str, Any]) -> tuple[str, Any]:
    name, value = option
    return name, tuple(value) if isinstance(value, (list, set)) else value


def share(op: Op, terms: list[Term], stabilizer: Stabilize, relevance: Tensor) -> Shares:
    """R_i = sum over terms and parts of a_i sum_j w_ij factor_j R_j / stab(total_j)."""
    totals: list[Tensor | None] = [None] * len(op.inputs)
    # all divisions first: then neither denominators nor relevance take memory while the shares are computed
    for term, s in [(term, _per_unit(op, term, stabilizer, relevance)) for term in terms]:
        for part in term.parts:
            scaled = s if isinstance(part.factor, float) and part.factor == 1 else s * part.factor
            cotangents = op.transpose(part.params, part.inputs, scaled)
            shares = [unstacked(a * c, part.stacked) for a, c in zip(part.inputs, cotangents, strict=True)]
            totals = [new if old is None else old + new for old, new in zip(totals, shares, strict=True)]
    return tuple(totals)


def _per_unit(op: Op, term: Term, stabilizer: Stabilize, relevance: Tensor) -> Tensor:
    """factor R_j / stab(total_j)."""
    arrived = relevance.sum(channels(op), keepdim=True) if term.alike else relevance
    s = divide(arrived, term.total, stabilizer)
    s = s if term.factor == 1 else s * term.factor
    return s if term.live is None else torch.where(term.live, s, 0)


def channels(op: Op) -> int:
    """The axis of a linear layer's channels, of its input as of its output."""
    return -1 if has(op.name, "dense") else 1


def unstacked(x: Tensor, axis: int | None) -> Tensor:
    """Shares of two inputs stacked along `axis`, or of their weights, added up."""
    return x if axis is None else torch.add(*x.split_with_sizes([x.shape[axis] // 2] * 2, axis))


def from_terms(
    terms: Terms,
    stabilizer: Stabilize,
    prepare: Callable[[Op, Params], Any] = _own_params,
    proportional: bool = False,
    relu_will_do: bool = False,
) -> Rule:
    """The rule with these terms.

    Args:
        terms: `(op, weights, inputs, output) -> list of Term`.
        stabilizer: Of all denominators.
        prepare: `(op, params) -> weights`.
        proportional: Promises that an input that is zero receives no relevance.
        relu_will_do: Promises that a unit's terms matter only where relevance arrives at it, see `Rule`. It holds for
            stabilizers that look at each unit alone.
    """

    def propagate(op: Op, weights: Any, inputs: Inputs, output: Tensor, relevance: Tensor) -> Shares:
        return share(op, terms(op, weights, inputs, output), stabilizer, relevance)

    return Rule(
        propagate,
        prepare,
        terms=terms,
        stabilizer=stabilizer,
        proportional=proportional,
        drops=never,
        relu_will_do=relu_will_do and is_pointwise(stabilizer),
    )
