"""Trials as the tables of docs/finding.md: counts with the interval that they leave."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from scipy.stats import binomtest

from bench.find.data import NATURAL
from spray._tables import table
from spray.verdict import LOOK

STRONG, WEAK = 0.15, 0.05  # reliance
Result = dict[str, Any]


def counted(hits: Sequence[bool]) -> str:
    """Hits of how many, with Wilson's 95 % interval (doi:10.1080/01621459.1927.10502953)."""
    if not len(hits):
        return "none tried"
    low, high = binomtest(int(np.sum(hits)), len(hits)).proportion_ci(method="wilson")
    return f"{int(np.sum(hits))} of {len(hits)} ({low:.2f} to {high:.2f})"


def area(poisoned: Sequence[float], clean: Sequence[float]) -> float:
    """The area under the curve: how often a poisoned class has the larger suspicion."""
    if not len(poisoned) or not len(clean):
        return float("nan")
    gap = np.subtract.outer(np.asarray(poisoned), np.asarray(clean))
    return float(np.mean((gap > 0) + 0.5 * (gap == 0)))


def report(results: Sequence[Result], split: str) -> str:
    """A row a trial, the summary, and what was refused."""
    good = [one for one in results if not one["refused"]]
    planted = [one for one in good if one["trial"]["share"] and one["trial"]["artefact"] != NATURAL]
    lines = [f"split {split}: {len(results)} trials, {len(results) - len(good)} refused, for training failed", ""]
    lines += [_trials(good), "", _summary(good, planted)]
    if ten := [one for one in planted if "best_f1" in one]:
        lines += ["", _scores(ten)]
    return "\n".join(lines)


def _trials(good: Sequence[Result]) -> str:
    head = [
        "network",
        "size",
        "classes",
        "artefact",
        "share",
        "accuracy",
        "reliance",
        "rank",
        "suspicion",
        "F1",
        "used",
    ]
    rows = []
    for one in good:
        trial, of = one["trial"], str(one["trial"]["of"])
        own = one["scores"]["verdict"]
        name = of if trial["share"] else max(own, key=own.__getitem__)
        rows.append(
            [trial[key] for key in ("network", "size", "classes")]
            + [trial["artefact"] if trial["share"] else "none", trial["share"], one["accuracy"]]
            + [one.get("reliance", float("nan")) if trial["share"] else float("nan")]
            + [one.get("ranks", {}).get("verdict", "-"), own[name], one.get("f1", float("nan"))]
            + ["yes" if one["effects"][name]["used"] else "no"]
        )
    return table(rows, head)


def _summary(good: Sequence[Result], planted: Sequence[Result]) -> str:
    clean = [one for one in good if not one["trial"]["share"]]
    natural = [one for one in good if one["trial"]["artefact"] == NATURAL]
    rows = []
    for name, fits in GROUPS.items():
        for band, low, high in (("reliance >= .15", STRONG, 9.0), (".05 to .15", WEAK, STRONG)):
            some = [one for one in planted if fits(one["trial"]) and low <= one["reliance"] < high]
            if not some:
                continue
            ranks = [one["ranks"]["verdict"] for one in some]
            rows.append([name, band, "first", counted([rank == 1 for rank in ranks])])
            rows.append([name, band, "first or second", counted([rank <= 2 for rank in ranks])])
            rows.append([name, band, "F1, mean", f"{np.mean([one['f1'] for one in some]):.2f}"])
            rows.append([name, band, "look here", counted([_own(one) >= LOOK for one in some])])
            rows.append([name, band, "used", counted([_effect(one) for one in some])])
        usual = [v for one in clean if fits(one["trial"]) for v in one["scores"]["verdict"].values()]
        strong = [_own(one) for one in planted if fits(one["trial"]) and one["reliance"] >= STRONG]
        if strong and usual:
            rows.append([name, "reliance >= .15", "area under the curve", f"{area(strong, usual):.3f}"])
    rows.append(["unpoisoned", "", "look here", counted([_largest(one) >= LOOK for one in clean])])
    firsts = [next(iter(one["effects"].values()))["used"] for one in clean]
    rows.append(["unpoisoned", "", "first class used", counted(firsts)])
    rows.append(["natural group", "", "look here", counted([_own(one) >= LOOK for one in natural])])
    rows.append(["natural group", "", "used", counted([_effect(one) for one in natural])])
    return table(rows, ["trials", "of", "what", "how many (95 %)"])


GROUPS: dict[str, Callable[[dict], bool]] = {
    "cnn, 32 pixels, ten classes": lambda t: (t["network"], t["size"], t["classes"]) == ("cnn", 32, 10),
    "residual, vit, 64 pixels": lambda t: t["classes"] == 10 and (t["network"] != "cnn" or t["size"] == 64),
    "two or three classes": lambda t: t["classes"] < 10,
}


def _scores(planted: Sequence[Result]) -> str:
    names = list(planted[0]["ranks"])
    strong = [one for one in planted if one["reliance"] >= STRONG]
    weak = [one for one in planted if WEAK <= one["reliance"] < STRONG]
    rows = [[name, *(counted([one["ranks"][name] == 1 for one in some]) for some in (strong, weak))] for name in names]
    best = [f"{np.mean([one['best_f1'] for one in some]):.2f}" if some else "-" for some in (strong, weak)]
    rows.append(["best F1 of any cluster", *best])
    return table(rows, ["first of ten, by", "reliance >= .15", ".05 to .15"])


def _own(one: Result) -> float:
    return one["scores"]["verdict"][str(one["trial"]["of"])]


def _effect(one: Result) -> bool:
    return one["effects"][str(one["trial"]["of"])]["used"]


def _largest(one: Result) -> float:
    return max(one["scores"]["verdict"].values())
