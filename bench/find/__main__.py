"""`python -m bench.find --quick`: plants artefacts, trains, attributes, and ranks the classes by every score.

The development split only: what the verdict was made with. The reporting split of `bench.find.data` is left alone until
a change is published. Trials are kept in a folder, one file each, so that a run that was killed goes on.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from bench.find.data import DEVELOPMENT
from bench.find.ranking import pointed_at, rank_of, scored
from bench.find.trial import Trial, made
from spray._tables import table
from spray.files import write_text

CHANCE = 0.3  # a model of less accuracy, with ten classes, has learnt nothing: such a trial is refused and counted


@dataclass(frozen=True)
class Plan:
    """Which trials."""

    shares: tuple[float, ...]
    seeds: int
    each: int
    epochs: int

    def trials(self) -> list[Trial]:
        cases = [(artefact, share) for artefact in DEVELOPMENT for share in self.shares]
        planted = [
            Trial(artefact, share, (3 * number + seed) % 10, 100 * seed + number, self.each, self.epochs)
            for seed in range(self.seeds)
            for number, (artefact, share) in enumerate(cases)
        ]
        clean = [Trial("corner", 0.0, 0, 100 * seed + 90, self.each, self.epochs) for seed in range(self.seeds)]
        return [*planted, *clean]


PLANS = {"quick": Plan((0.3,), 1, 150, 8), "full": Plan((0.1, 0.2, 0.4), 3, 400, 12)}


def result(trial: Trial, folder: Path) -> dict[str, Any]:
    """What one trial gave, from its file if it is there."""
    file = folder / f"{trial}.json"
    if file.exists():
        return json.loads(file.read_text())
    attributions, facts = made(trial)
    found: dict[str, Any] = {"trial": trial._asdict(), **facts}
    if facts["accuracy"] > CHANCE:
        scores = scored(attributions)
        found["scores"] = scores
        if trial.share:
            found["ranks"] = {name: rank_of(values, str(trial.of)) for name, values in scores.items()}
            found["f1"], found["reasons"] = pointed_at(attributions, str(trial.of))
    folder.mkdir(parents=True, exist_ok=True)
    write_text(file, json.dumps(found, indent=1), folder)
    return found


def report(results: list[dict[str, Any]]) -> str:
    """A row a planted trial, then how often each score is right, then the clean models."""
    planted = [one for one in results if "ranks" in one]
    names = list(planted[0]["ranks"]) if planted else []
    head = ["artefact", "share", "reliance", "accuracy", *names, "suspicion", "F1"]
    rows = [
        [one["trial"]["artefact"], one["trial"]["share"], one["reliance"], one["accuracy"]]
        + [one["ranks"][name] for name in names]
        + [one["scores"]["verdict"][str(one["trial"]["of"])], one["f1"]]
        for one in planted
    ]
    first = [f"{sum(one['ranks'][name] == 1 for one in planted)}/{len(planted)}" for name in names]
    clean = [max(one["scores"]["verdict"].values()) for one in results if "ranks" not in one and "scores" in one]
    refused = sum("scores" not in one for one in results)
    return "\n".join(
        [
            "Rank of the poisoned class among ten (development split: the verdict was made with these artefacts)",
            table([*rows, ["first of ten", "", "", "", *first, "", ""]], head),
            f"largest suspicion in {len(clean)} unpoisoned models: {', '.join(f'{value:.2f}' for value in clean)}",
            f"refused, for training failed: {refused}",
        ]
    )


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.find", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="four trials in some minutes, not 30 in hours")
    parser.add_argument("--out", type=Path, default=Path("experiment/find"), help="folder of the trials")
    given = parser.parse_args()
    torch.set_num_threads(1)  # as fast for small networks, and the same result however many cores there are
    plan = "quick" if given.quick else "full"
    results = []
    for trial in PLANS[plan].trials():
        results.append(result(trial, given.out / plan))
        print(f"{trial}: {results[-1].get('reasons', 'no plant')}", flush=True)
    print(report(results))


if __name__ == "__main__":
    main()
