"""Tables of the trials, and what was asked beside what came out."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from bench.correct.criteria import ASKED, METHODS, SELECTIONS, Asked

SHOWN = {
    "clean": "clean", "worst clean": "worst clean class", "misled": "misled", "worst": "worst group",
    "mean": "mean group", "relevance": "relevance", "changed": "changed",
}  # fmt: skip


def table(results: Sequence[dict[str, Any]]) -> str:
    """Everything as Markdown."""
    parts = []
    for world in dict.fromkeys(one["trial"]["world"] for one in results):
        for selection in SELECTIONS:
            some = [one for one in results if (one["trial"]["world"], one["trial"]["selection"]) == (world, selection)]
            if some:
                parts.append(_world(world, selection, some))
    return "\n\n".join([*parts, _asked(results)])


def _world(world: str, selection: str, some: Sequence[dict[str, Any]]) -> str:
    facts = {key: _mean([one.get(key, math.nan) for one in some]) for key in ("precision", "recall", "auroc", "iou")}
    said = ", ".join(f"{key} {value:.2f}" for key, value in facts.items())
    defaults = ", ".join(dict.fromkeys(one.get("default", "none") for one in some))
    turned = sum(bool(one.get("turned")) for one in some)
    head = f"**{world}, selection {selection}** ({len(some)} seeds; {said}; default: {defaults}"
    lines = [head + (f"; turned in {turned})" if turned else ")"), ""]
    lines += ["| | " + " | ".join(SHOWN.values()) + " |", "|---" * (len(SHOWN) + 1) + "|"]
    for method in METHODS:
        cells = [_cell([one["methods"].get(method, {}).get(key, math.nan) for one in some]) for key in SHOWN]
        lines += ["| " + " | ".join([method, *cells]) + " |"] if any(cells) else []
    return "\n".join(lines)


def _mean(values: Sequence[float]) -> float:
    known = [v for v in values if not math.isnan(v)]
    return float(np.mean(known)) if known else math.nan


def _cell(values: Sequence[float]) -> str:
    known = [v for v in values if not math.isnan(v)]
    if not known:
        return ""
    spread = f" ({min(known):.3f} to {max(known):.3f})" if len(known) > 1 else ""
    return f"{np.mean(known):.3f}{spread}"


def _asked(results: Sequence[dict[str, Any]]) -> str:
    lines = ["| asked, with the selection spray | asked | came out | met |", "|---|---|---|---|"]
    for asked in ASKED:
        some = [r for r in results if (r["trial"]["world"], r["trial"]["selection"]) == (asked.world, "spray")]
        if some:
            value = _mean([_value(one, asked) for one in some])
            met = value >= asked.value if asked.at_least else value <= asked.value
            bound = "at least" if asked.at_least else "at most"
            lines.append(
                f"| {asked.world}, {asked.measure} | {bound} {asked.value:g} | {value:.3f} | {'yes' if met else 'no'} |"
            )
    return "\n".join(lines)


def _value(one: dict[str, Any], asked: Asked) -> float:
    found, before = one["methods"].get(asked.method), one["methods"]["before"]
    if found is None:
        return math.nan
    first, mark, second = asked.measure.partition(" ")
    first = "misled" if (asked.world, first) == ("digits", "worst") else first
    if not mark:
        return found[first]
    sign, other = second.split()
    against = before[first] if other == "before" else found[other]
    return found[first] - against if sign == "-" else found[first] / against
