"""Composites as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor

from lrp.composites.table import Composite, Match, Row, Where, word
from lrp.rules import RULES, Rule, Stabilizer


def to_json(composite: Iterable[Row]) -> str:
    """The composite as JSON, for the attributes of the files it made.

    Raises:
        ValueError: A row has a predicate or a rule of your own, which only Python code can name.
    """
    return json.dumps([{"match": _match_to_data(m), "rule": _rule_to_data(r)} for m, r in composite])


def from_json(text: str) -> Composite:
    """The inverse of `to_json`.

    Example:
        >>> from lrp import composites
        >>> table = composites.epsilon_gamma_box(low=-1.0, high=1.0)
        >>> composites.from_json(composites.to_json(table)) == table
        True
    """
    return Composite((_match_from_data(row["match"]), _rule_from_data(row["rule"])) for row in json.loads(text))


def _match_to_data(match: Match) -> Any:
    if isinstance(match, Where):
        return asdict(match) | {"match": _match_to_data(match.match)}
    if isinstance(match, str):
        return match
    raise ValueError(f"the predicate {word(match)} cannot be written as JSON; use words, first(...), named(...)")


def _match_from_data(data: Any) -> Match:
    return data if isinstance(data, str) else Where(**(data | {"match": _match_from_data(data["match"])}))


def _rule_to_data(rule: Rule) -> dict[str, Any]:
    if rule.name not in RULES:
        raise ValueError(f"the rule {rule} cannot be written as JSON: it is none of {', '.join(RULES)}")
    return {"name": rule.name, "options": {name: _option_to_data(rule, value) for name, value in rule.options}}


def _option_to_data(rule: Rule, value: Any) -> Any:
    if isinstance(value, Tensor):
        return {"tensor": value.tolist()}
    if isinstance(value, Stabilizer):
        return {"stabilizer": asdict(value)}
    if callable(value):
        raise ValueError(f"the function {value} of {rule.name} cannot be written as JSON; use a number or a Stabilizer")
    return value


def _rule_from_data(data: dict[str, Any]) -> Rule:
    if data["name"] not in RULES:
        raise ValueError(f"unknown rule {data['name']!r}; known ones: {', '.join(RULES)}")
    return RULES[data["name"]](**{name: _option_from_data(value) for name, value in data["options"].items()})


def _option_from_data(value: Any) -> Any:
    if not isinstance(value, dict):
        return tuple(value) if isinstance(value, list) else value
    if "tensor" in value:
        return torch.tensor(value["tensor"])
    given = value["stabilizer"]
    return Stabilizer(**(given | {"dim": None if given["dim"] is None else tuple(given["dim"])}))
