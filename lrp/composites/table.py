"""What a composite is: a table of (match, rule). Rows add, the first match wins.

A match is a word, a predicate `Op -> bool`, or a `Where` made by `first`, `last`, `nth`, `depth` or `named`. A word
fits an operator's kind ("linear", "sum", "activation", ...: see `lrp.graph.operators`), its family ("convolution",
"dense", "batch norm", "residual" for sums of several branches) or its name ("conv2d", "add", ...).
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from lrp.graph.op import Op
from lrp.rules import Rule


@dataclass(frozen=True)
class Where:
    """Operators that `match` fits, narrowed by layer name, then by position among those, in data-flow order.

    name: glob on the layer's module path (`features.*`), or a regular expression if it starts with `^`.
    start, stop: positions as in a slice; negative ones count from the end.
    shallow, deep: fractions of depth, 0 at the input, 1 at the output: `shallow <= position / count < deep`.
    """

    match: Match
    name: str | None = None
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
        return " ".join([*words, f"in {self.name}"] if self.name is not None else words)


Match = str | Callable[[Op], bool] | Where
Row = tuple[Match, Rule]


def word(match: Match) -> str:
    return match if isinstance(match, str) else str(match) if isinstance(match, Where) else match.__name__


class Composite(tuple[Row, ...]):
    """A tuple of rows that prints as a table and stays a composite when rows are added before or behind."""

    __slots__ = ()

    def __add__(self, rows: Iterable[Row]) -> Composite:  # type: ignore[override]
        return Composite((*self, *rows))

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
    return Where(row[0], start=start, stop=stop), row[1]


def depth(row: Row, shallow: float, deep: float) -> Row:
    """The row, for the operators it matches in a range of depth, 0 at the input and 1 at the output."""
    return Where(row[0], shallow=shallow, deep=deep), row[1]


def named(pattern: str, row: Row) -> Row:
    """The row, for layers whose module path fits a glob, or a regular expression that starts with `^`.

    Example:
        >>> from lrp import composites, rules
        >>> composites.Composite([composites.named("features.?", ("convolution", rules.flat()))])
        convolution in features.?  flat(stabilizer=1e-06)
    """
    return Where(row[0], name=pattern), row[1]


def mix(parts: Mapping[str, Iterable[Row]]) -> Composite:
    """One composite for several parts of a model: `mix({"features.*": epsilon_plus(), "*": epsilon_gamma_box(0, 1)})`.

    Positions (`first`, ...) then count within the part. The first pattern that fits a layer and has a row for it wins.
    """
    return Composite(named(pattern, row) for pattern, rows in parts.items() for row in rows)


def select(match: Match, ops: list[Op]) -> list[Op]:
    """The operators that a row applies to; `ops` are all of them, in data-flow order."""
    if isinstance(match, str):
        return [op for op in ops if match in (op.kind, op.family, op.name)]
    if not isinstance(match, Where):
        return [op for op in ops if op.kind is not None and match(op)]
    # a name narrows first, so that positions count within the part of the model that it names
    within = ops if match.name is None else [op for op in ops if _fits(match.name, op.layer)]
    found = select(match.match, within)[match.start : match.stop]
    return [op for i, op in enumerate(found) if match.shallow <= i / len(found) < match.deep]


def _fits(pattern: str, layer: str) -> bool:
    return bool(re.search(pattern, layer)) if pattern.startswith("^") else fnmatch.fnmatchcase(layer, pattern)
