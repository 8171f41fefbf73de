"""Rows that can fit nothing in a model, and what was probably meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection, Iterator
from typing import Any

from torch import nn

from lrp.composites.table import ANY, Composite, Match, Where, fits, select, word, words
from lrp.graph.modes import MODES
from lrp.graph.op import FAMILIES, Op
from lrp.graph.operators import KINDS, OPERATORS


class UnusedRow(UserWarning):
    """Rows of a composite that fit no operator of the model; the message names each, and the nearest words."""


KNOWN = (
    (KINDS - (MODES.keys() - {"division", "power"}) - {"resampling", "grouped", "constant"})
    | FAMILIES
    | OPERATORS.keys()
    | {ANY}
)
"""Words that fit something in some model. Kinds that an operator's options settle are none."""


def unfit(rows: Composite, signals: list[Op], layers: Collection[str]) -> list[str]:
    """One line for each row that is certainly a mistake, none for a row that fits in other models.

    A known word that this model has no operator for is none: composites are made for many models. These are: a word
    that fits in no model; a pattern that no layer fits, or whose rows all fit nothing; a position that is not there; a
    class of one's own, or a predicate, that fits nothing; a row behind rows that take all that it fits.

    Args:
        signals: The operators that relevance can pass, in data-flow order.
        layers: All module paths of the graph.
    """
    found = [select(match, signals) for match, _ in rows]
    fitting = {_patterns(match) for (match, _), ops in zip(rows, found, strict=True) if ops}
    taken: dict[Any, Match] = {}
    lines = []
    for number, ((match, rule), ops) in enumerate(zip(rows, found, strict=True)):
        reasons = list(_reasons(match, signals, layers))
        if not reasons and not ops and any(_patterns(match)) and _patterns(match) not in fitting:
            reasons = [f"those layers hold {_held(match, signals)}"]
        if not reasons and ops and number >= len(rows) - rows.behind:
            reasons = _behind(match, [taken[op.node] for op in ops if op.node in taken], len(ops))
        lines += [f"row {number + 1}, {word(match)}  {rule}: {reason}" for reason in reasons]
        for op in ops:
            taken.setdefault(op.node, match)
    return lines


def _reasons(match: Match, ops: list[Op], layers: Collection[str]) -> Iterator[str]:
    """Why a match, or a part of it, fits nothing."""
    if isinstance(match, Where):
        if match.name is not None and not any(fits(match.name, layer) for layer in layers):
            yield f"no layer is called {word(match.name)}; {_nearest(word(match.name), layers)}"
            return
        within = [op for op in ops if match.name is None or fits(match.name, op.layer)]
        yield from _reasons(match.match, within if match.name is None else ops, layers)
        fitting = select(match.match, within)
        if fitting and not select(match, ops):
            yield f"none at this place; {word(match.match)} fits {len(fitting)}"
    elif isinstance(match, str):
        if match not in KNOWN and not select(match, ops):
            yield _unknown(match, layers)
    elif isinstance(match, re.Pattern):
        if not any(match.search(known) for known in KNOWN) and not select(match, ops):
            yield f"{word(match)} is in no operator's kind, family or name; for layers write named(pattern, row)"
    elif isinstance(match, type):
        if not match.__module__.startswith("torch.nn.") and not select(match, ops):
            yield f"no module of this class computes anything here itself; {_inside(match)}"
    elif callable(match):
        if not select(match, ops):
            yield "it says yes to no operator"
    else:
        for part in match:
            yield from _reasons(part, ops, layers)


def _inside(module: type) -> str:
    return f"for what modules inside a {module.__name__} do write named(its name and .*, row)"


def _unknown(name: str, layers: Collection[str]) -> str:
    if any(fits(name, layer) for layer in layers):
        return f'it is the name of a layer; write named("{name}", ("linear", rule))'
    if isinstance(getattr(nn, name.removeprefix("nn."), None), type):
        return f"it is the name of a class; write the class itself, nn.{name.removeprefix('nn.')}"
    return f"no kind, family or operator is called {name}; {_nearest(name, [*KNOWN, *layers])}"


def _nearest(name: str, known: Collection[str]) -> str:
    close = difflib.get_close_matches(name.lower(), sorted(filter(None, set(known))), n=3, cutoff=0.6)
    close = close or sorted(filter(None, known))[:4]
    return f"the nearest: {', '.join(close)}" if close else "there are none"


def _held(match: Match, signals: list[Op]) -> str:
    held = {part for op in signals if all(fits(name, op.layer) for name in _patterns(match)) for part in words(op)}
    return f"{', '.join(sorted(held))} and nothing else" if held else "no operator that relevance passes (folded, say)"


def _patterns(match: Match) -> tuple[Any, ...]:
    """The patterns of layers that a match stands under."""
    if not isinstance(match, Where):
        return ()
    return ((match.name,) if match.name is not None else ()) + _patterns(match.match)


def _behind(match: Match, takers: list[Match], count: int) -> list[str]:
    """That every operator which a row fits is taken by rows before it, in this model as in others."""
    if len(takers) < count or not all(_covers(taker, match) for taker in takers):
        return []
    names = ", ".join(dict.fromkeys(map(word, takers)))
    return [f"it stands behind {names}, which takes all that it fits; put it in front: [row] + composite"]


def _covers(wide: Match, match: Match) -> bool:
    """Whether a row for `wide` is meant to leave nothing to one for `match` behind it, where both fit."""
    return wide == match or (isinstance(wide, str) and _width(wide) >= _width(match))


def _width(match: Match) -> int:
    if isinstance(match, Where):
        return _width(match.match)
    if isinstance(match, str):
        return 4 if match == ANY else 3 if match in KINDS else 2 if match in FAMILIES else 1
    return max(map(_width, match), default=0) if isinstance(match, (list, tuple, set, frozenset)) else 0
