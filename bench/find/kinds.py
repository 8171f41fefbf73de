"""The verdict on texts, tables and signals: the demo's data and networks, other seeds, fewer samples with the cue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from bench.data.planted import Planted
from bench.demo.projects import DEMOS
from bench.find.few import judged
from bench.find.ranking import rank_of
from bench.find.tables import STRONG, counted
from spray._tables import table
from spray.verdict import LOOK

KINDS = ("table", "heartbeats", "text")
SHARES = (0.5, 0.2)
FIRST, ROUNDS = 30, 3  # seeds; the demo's are 0 to 2, and its published ones 10 to 12


def fewer(data: Planted, share: float) -> Planted:
    """Without so many of the samples with the cue that they are this share of their class; the others stay."""
    members = np.flatnonzero(data.marked)
    plain = int((data.label == data.poisoned).sum()) - len(members)
    kept = np.ones(len(data.label), bool)
    kept[members[round(share / (1 - share) * plain) :]] = False
    return replace(data, inputs=data.inputs[kept], label=data.label[kept], marked=data.marked[kept])


def cases() -> Iterator[tuple[str, float, int]]:
    """Kind, share, seed: in rounds, so that a run that ends early has some of each."""
    for seed in range(FIRST, FIRST + ROUNDS):
        yield from ((kind, share, seed) for kind in KINDS for share in SHARES)


def measured() -> str:
    """A row a model, and how often the class with the cue was first."""
    rows, ranks, flagged = [], {}, {}
    for kind, share, seed in cases():
        data = fewer(DEMOS[kind].data(seed), share)
        found = judged(data, DEMOS[kind], seed)
        suspicion, of = found["suspicion"], str(data.poisoned)
        others = max(value for name, value in suspicion.items() if name != of)
        rank = rank_of(suspicion, of)
        rows.append([kind, share, found["accuracy"], found["reliance"], rank, suspicion[of], others, found["f1"]])
        print(*rows[-1], flush=True)
        if found["reliance"] >= STRONG:
            ranks.setdefault(kind, []).append(rank == 1)
            flagged.setdefault(kind, []).append(suspicion[of] >= LOOK)
    head = ["kind", "share", "accuracy", "reliance", "rank", "suspicion", "largest of others", "F1"]
    summary = [[kind, counted(ranks[kind]), counted(flagged[kind])] for kind in ranks]
    return f"{table(rows, head)}\n\n{table(summary, ['reliance >= .15', 'first', 'look here'])}"
