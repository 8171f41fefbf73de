"""Composites as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor, nn

from lrp.composites.table import Composite, Match, Row, Where, word
from lrp.rules import RULES, Rule, Stabilizer


def to_json(composite: Iterable[Row]) -> str:
    """The composite as JSON, for the attributes of the files it made.

    Raises:
        ValueError: A row has a predicate, a class or a rule of your own, which only Python code can name.
    """
    return json.dumps([{"match": _match_to_data(m), "rule": _rule_to_data(r)} for m, r in composite])


def from_json(text: str) -> Composite:
    """The inverse of `to_json`.

    Raises:
        ValueError: The text is no composite.

    Example:
        >>> from lrp import composites
        >>> table = composites.epsilon_gamma_box(low=-1.0, high=1.0)
        >>> composites.from_json(composites.to_json(table)) == table
        True
    """
    try:
        return Composite((_match_from_data(row["match"]), _rule_from_data(row["rule"])) for row in json.loads(text))
    except ValueError:  # JSON's own errors are such
        raise
    except Exception as error:  # a stranger's text, which may say anything
        raise ValueError(f"this is no composite as to_json writes it: {error!r}") from error


def _match_to_data(match: Match) -> Any:
    if isinstance(match, Where):
        name = match.name if match.name is None else _match_to_data(match.name)
        return asdict(replace(match, match="", name=None)) | {"match": _match_to_data(match.match), "name": name}
    if isinstance(match, str):
        return match
    if isinstance(match, re.Pattern):
        return {"expression": match.pattern, "flags": match.flags}
    if isinstance(match, type) and getattr(nn, match.__name__, None) is match:
        return {"class": match.__name__}
    if isinstance(match, type) or callable(match):
        raise ValueError(
            f"the {'class' if isinstance(match, type) else 'predicate'} {word(match)} cannot be written as JSON; "
            "use words, expressions, classes of torch.nn, first(...), named(...)"
        )
    return [_match_to_data(part) for part in match]


def _match_from_data(data: Any) -> Any:
    if data is None or isinstance(data, str):
        return data
    if isinstance(data, list):
        return tuple(map(_match_from_data, data))
    if "expression" in data:
        return re.compile(data["expression"], data["flags"])
    if "class" in data:
        found = getattr(nn, data["class"], None)
        if not (isinstance(found, type) and issubclass(found, nn.Module)):
            raise ValueError(f"torch.nn has no module {data['class']!r}")
        return found
    return Where(**(data | {name: _match_from_data(data[name]) for name in ("match", "name")}))


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
