"""Tables as text: the one owner of how `spray` prints columns, numbers and sizes."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np


def table(rows: Iterable[Sequence[Any]], head: Sequence[str] = ()) -> str:
    """Columns aligned by blanks.

    >>> print(table([["ant", 0.25], ["bumblebee", float("nan")]], ["name", "score"]))
    name       score
    ant        0.250
    bumblebee  -
    """
    lines = [*([list(head)] if head else []), *([cell(value) for value in row] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    return "\n".join("  ".join(f"{text:<{w}}" for text, w in zip(line, widths, strict=True)).rstrip() for line in lines)


def cell(value: Any) -> str:
    """One number or text of a table; "-" for what is not known."""
    if isinstance(value, float | np.floating):
        return "-" if np.isnan(value) else f"{value:g}" if float(value).is_integer() else f"{value:.3f}"
    return str(value)


def readable(size: float) -> str:
    """Bytes in a unit that makes them readable.

    >>> readable(1500)
    '1.5 kB'
    """
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.3g} {unit}"
        size /= 1000
    return f"{size:.3g} TB"
