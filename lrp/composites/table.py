"""What a composite is: a table of (match, rule). Rows add, the first match wins.

A match is one of these, or a list of them, any of which may fit:

- a word, which fits an operator's kind ("linear", "sum", "activation", ...: see `lrp.graph.operators`), its family
  ("convolution", "dense", "batch norm", "residual" for sums of several branches) or its name ("conv2d", "add", ...);
  "any" fits all, also those that `lrp` knows nothing of;
- a compiled regular expression, searched for in the same words; layers are found by `named`;
- a class of modules (`nn.Conv2d`), which fits what modules of that class and its subclasses compute themselves, not
  what modules inside them do. Where they also move values (the padding of a convolution), that is left out;
- a predicate `Op -> bool`;
- a `Where` made by `first`, `last`, `nth`, `depth` or `named`.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import nn

from lrp.graph.op import Op
from lrp.rules import Rule


@dataclass(frozen=True)
class Where:
    """Operators that `match` fits, narrowed by layer name, then by position among those, in data-flow order.

    name: glob on the layer's module path (`features.*`), a regular expression if it is compiled or starts with `^`, or
        a tuple of them, any of which may fit.
    start, stop: positions as in a slice; negative ones count from the end.
    shallow, deep: fractions of depth, 0 at the input, 1 at the output: `shallow <= position / count < deep`.
    """

    match: Match
    name: Pattern | tuple[Pattern, ...] | None = None
    start: int | None = None
    stop: int | None = None
    shallow: float = 0.0
    deep: float = 1.0

    def __str__(self) -> str:
        words = [word(self.match)]
        if (self.start, self.stop) == (0, 1):
            words.insert(0, "first")
        elif (self.start, self.stop) == (-1, None):
            words.insert(0, "last")
        elif (self.start, self.stop) != (None, None):
            words.append(f"[{'' if self.start is None else self.start}:{'' if self.stop is None else self.stop}]")
        if (self.shallow, self.deep) != (0.0, 1.0):
            words.append(f"at depth {self.shallow:g} to {self.deep:g}")
        return " ".join([*words, f"in {word(self.name)}"] if self.name is not None else words)


Pattern = str | re.Pattern[str]
Match = Pattern | type[nn.Module] | Callable[[Op], bool] | Where | Sequence["Match"]
Row = tuple[Match, Rule]


def word(match: Any) -> str:
    """A match as people read it."""
    if isinstance(match, (str, Where)):
        return str(match)
    if isinstance(match, re.Pattern):
        return f"/{match.pattern}/"
    if isinstance(match, (list, tuple, set, frozenset)):
        return " or ".join(map(word, match))
    return getattr(match, "__name__", None) or repr(match)


class Composite(tuple[Row, ...]):
    """A tuple of rows that prints as a table and stays a composite when rows are added before or behind."""

    behind: int = 0
    """How many rows at the end were added behind others, where they are meant to fit what those leave."""

    def __add__(self, rows: Iterable[Row]) -> Composite:  # type: ignore[override]
        new = Composite((*self, *(added := tuple(rows))))
        # a composite behind another one serves what that one leaves, if anything
        new.behind = 0 if isinstance(rows, Composite) else self.behind + len(added)
        return new

    def __radd__(self, rows: Iterable[Row]) -> Composite:
        return Composite((*rows, *self))

    def __repr__(self) -> str:
        names = [(word(match), str(rule)) for match, rule in self]
        width = max((len(word) for word, _ in names), default=0)
        return "\n".join(f"{word:<{width}}  {rule}" for word, rule in names)


def first(row: Row) -> Row:
    """The row, for the first operator in data-flow order that it matches."""
    return nth(row, 0, 1)


def last(row: Row) -> Row:
    """The row, for the last operator in data-flow order that it matches."""
    return nth(row, -1, None)


def nth(row: Row, start: int | None, stop: int | None) -> Row:
    """The row, for the operators it matches at positions `start:stop` in data-flow order."""
    match, rule = _pair(row, "nth")
    return Where(match, start=start, stop=stop), rule


def depth(row: Row, shallow: float, deep: float) -> Row:
    """The row, for the operators it matches in a range of depth, 0 at the input and 1 at the output."""
    match, rule = _pair(row, "depth")
    return Where(match, shallow=shallow, deep=deep), rule


def named(pattern: Pattern | Sequence[Pattern], row: Row) -> Row:
    """The row, for layers whose module path fits a glob, or a regular expression: compiled, or with `^` in front.

    Args:
        pattern: Of the whole path as a glob (`features.*`), of any part of it as a regular expression; or a list of
            patterns, any of which may fit.

    Example:
        >>> from lrp import composites, rules
        >>> composites.Composite([composites.named("features.?", ("convolution", rules.flat()))])
        convolution in features.?  flat(stabilizer=1e-06)
    """
    match, rule = _pair(row, "named")
    return Where(match, name=pattern if isinstance(pattern, (str, re.Pattern)) else tuple(pattern)), rule


def _pair(row: Row, where: str) -> Row:
    if isinstance(row, str) or not isinstance(row, (tuple, list)) or len(row) != 2:
        raise TypeError(f'{where} narrows one row (match, rule), such as ("convolution", rules.flat()); got {row!r}')
    return row


def mix(parts: Mapping[str, Iterable[Row]]) -> Composite:
    """One composite for several parts of a model: `mix({"features.*": epsilon_plus(), "*": epsilon_gamma_box(0, 1)})`.

    Positions (`first`, ...) then count within the part. The first pattern that fits a layer and has a row for it wins.
    """
    return Composite(named(pattern, row) for pattern, rows in parts.items() for row in rows)


ANY = "any"
"""The word that fits every operator, one that nothing is known of too."""


def select(match: Match, ops: list[Op]) -> list[Op]:
    """The operators that a row applies to; `ops` are all of them, in data-flow order."""
    if isinstance(match, Where):
        # a name narrows first, so that positions count within the part of the model that it names
        within = ops if match.name is None else [op for op in ops if fits(match.name, op.layer)]
        found = select(match.match, within)[match.start : match.stop]
        return [op for i, op in enumerate(found) if match.shallow <= i / len(found) < match.deep]
    if isinstance(match, str):
        return [op for op in ops if match == ANY or match in words(op)]
    if isinstance(match, re.Pattern):
        return [op for op in ops if any(match.search(found) for found in words(op))]
    if isinstance(match, type):
        return _computed_by(match, ops)
    if callable(match):
        return [op for op in ops if op.kind is not None and _says(match, op)]
    chosen = {op.node for part in match for op in select(part, ops)}
    return [op for op in ops if op.node in chosen]


def words(op: Op) -> list[str]:
    """What a word may call an operator: by kind, family and name."""
    return [found for found in (op.kind, op.family, op.name) if found is not None]


def fits(pattern: Pattern | tuple[Pattern, ...], layer: str) -> bool:
    """Whether a layer's module path fits a pattern, or one of several."""
    if isinstance(pattern, tuple):
        return any(fits(part, layer) for part in pattern)
    if isinstance(pattern, re.Pattern) or pattern.startswith("^"):
        return bool(re.search(pattern, layer))
    return fnmatch.fnmatchcase(layer, pattern)


def _computed_by(module: type[nn.Module], ops: list[Op]) -> list[Op]:
    names = names_of(module)
    found = [op for op in ops if op.node.meta.get("module") in names]
    return [op for op in found if op.kind != "movement"] or found


def names_of(module: type) -> set[str]:
    """How a trace calls a class of modules and its subclasses."""
    below = (name for part in type.__subclasses__(module) for name in names_of(part))
    return {f"{module.__module__}.{module.__qualname__}", *below}


def _says(match: Callable[[Op], bool], op: Op) -> bool:
    try:
        return bool(match(op))
    except Exception as error:
        raise TypeError(
            f"the match {word(match)} failed at {op.name} (layer {op.layer or 'top'}) with {type(error).__name__}: "
            f"{error}; a function as a match takes an Op and returns True or False, an operator is matched by its name"
        ) from error
