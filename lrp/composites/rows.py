"""What is a composite, and what to write in place of something that is none."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from torch import nn

from lrp.composites.registry import COMPOSITES
from lrp.composites.table import Composite, Where, word
from lrp.rules import RULES, Rule


def checked(composite: Any) -> Composite:
    """The composite of these rows, each looked at.

    Raises:
        TypeError: This is no composite, or a row of it is no row; the message says what to write.
    """
    if reason := _no_composite(composite):
        raise TypeError(reason)
    rows = composite if isinstance(composite, Composite) else Composite(composite)
    for number, row in enumerate(rows, 1):
        if reason := _no_row(row):
            raise TypeError(f"row {number} of the composite {reason}")
    return rows


def _no_composite(given: Any) -> str | None:
    if isinstance(given, str):
        name = _nearest(given, COMPOSITES)
        return f"the composite is a name, {given!r}; write {_call(name) if name else 'one of ' + ', '.join(COMPOSITES)}"
    if isinstance(given, Rule):
        return f'the composite is one rule, {given}; write [("linear", rules.{given})], a list of rows (match, rule)'
    if isinstance(given, Mapping):
        return "the composite is a mapping; write list(mapping.items()), a list of rows (match, rule)"
    if callable(given):
        name = getattr(given, "__name__", type(given).__name__)
        return f"the composite is a function that was not called; write {_call(name)}"
    if not isinstance(given, Iterable):
        return f"the composite is {_shown(given)}; write a list of rows (match, rule), or composites.epsilon_plus()"
    if isinstance(given, tuple) and not isinstance(given, Composite) and _is_row(given):
        return f"the composite is one row; write it in a list, [({word(given[0])!r}, {given[1]})]"
    return None


def _call(name: str) -> str:
    return f"composites.{name}({'low=..., high=...' if name == 'epsilon_gamma_box' else ''})"


def _is_row(given: Any) -> bool:
    return isinstance(given, tuple) and len(given) == 2 and isinstance(given[1], Rule) and _no_match(given[0]) is None


def _no_row(row: Any) -> str | None:
    """What is wrong with a row, behind `row 2 of the composite`."""
    if isinstance(row, str) or not isinstance(row, (tuple, list)) or len(row) != 2:
        return (
            f"is {_shown(row)}, not a pair (match, rule); "
            "write a composite as a list of pairs, also for one row: [(match, rule)]"
        )
    match, rule = row
    if isinstance(match, Rule) and not isinstance(rule, Rule):
        return f"is (rule, match); write the match first: ({_shown(rule)}, {match})"
    if reason := _no_match(match):
        return reason
    return None if isinstance(rule, Rule) else _no_rule(rule)


def _no_rule(rule: Any) -> str:
    name = rule if isinstance(rule, str) else getattr(rule, "__name__", "")
    if callable(rule) and name in RULES:
        return f"has a rule that was not called; write rules.{name}()"
    if isinstance(rule, str) and (near := _nearest(rule, RULES)):
        return f"has a name in place of a rule, {rule!r}; write rules.{near}()"
    return f"has {_shown(rule)} in place of a rule; write one of lrp.rules, such as rules.epsilon(), or rules.Rule(...)"


def _no_match(match: Any) -> str | None:
    if isinstance(match, Where):
        return _no_match(match.match)
    if isinstance(match, (list, tuple, set, frozenset)):
        return next(filter(None, map(_no_match, match)), None) if match else "has an empty list as its match"
    if isinstance(match, nn.Module):
        kind = type(match).__name__
        return f"has a module as its match; write its class, {kind}, or named(its name, (match, rule))"
    if isinstance(match, type) and not issubclass(match, nn.Module):
        return f"has the class {match.__name__} as its match; write a class of modules, such as nn.Conv2d"
    if isinstance(match, (str, re.Pattern)) or callable(match):
        return None
    return (
        f"has {_shown(match)} as its match; write a word (convolution), a class of modules (nn.Conv2d), "
        "a compiled regular expression, a list of them, a function of Op, or first(...), named(...)"
    )


def _shown(value: Any) -> str:
    text = " ".join(repr(value).split())
    return f"{text[:60]}..." if len(text) > 63 else text


def _nearest(name: str, known: Iterable[str]) -> str:
    return next(iter(difflib.get_close_matches(name, known, n=1)), "")
