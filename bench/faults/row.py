"""What a row of the table is, and what it is given."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple


@dataclass(frozen=True)
class Setting:
    """Where and how much: the same seed draws the same faults."""

    folder: Path
    """An empty one, for this row alone; the user `nobody` may look into it."""
    quick: bool
    seed: int = 0

    def times(self, quick: int, full: int) -> int:
        """How often: the first with `--quick`, else the second."""
        return quick if self.quick else full

    def chance(self, name: str) -> random.Random:
        """Draws that depend on seed and name only."""
        return random.Random(f"{self.seed} {name}")


@dataclass
class Found:
    """A line of the table: how things ended, counted, and which of them should not have."""

    fault: str
    asked: str
    ends: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    skipped: str = ""
    """Why it could not be measured here."""
    note: str = ""

    def end(self, how: str, wrong: str = "") -> None:
        """Count a run; `wrong` says what should not have been."""
        self.ends["wrong" if wrong else how] += 1
        if wrong:
            self.wrong.append(wrong)

    @property
    def runs(self) -> int:
        return sum(self.ends.values())

    def __str__(self) -> str:
        """What was found, in a few words."""
        if self.skipped:
            return f"not measured: {self.skipped}"
        ends = ", ".join(f"{count} {how}" for how, count in sorted(self.ends.items(), key=lambda end: -end[1]))
        return f"{ends}; {self.note}" if self.note else ends


class Row(NamedTuple):
    """Lines of the table that are measured together."""

    name: str
    run: Callable[[Setting], Iterator[Found]]
