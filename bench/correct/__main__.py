"""`python -m bench.correct --quick`: plants artefacts, trains, selects, corrects by every method, and measures.

Trials are kept in a folder, one file each, so that a run that was killed goes on. `--report` prints what is there.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from bench.correct.criteria import METHODS, SEEDS, SELECTIONS
from bench.correct.results import table
from bench.correct.trial import Trial, run
from bench.correct.worlds import WORLDS
from spray.files import write_text


def kept(trial: Trial, folder: Path, quick: bool, methods: Sequence[str]) -> dict[str, Any]:
    """The result of a trial, read or made."""
    file = folder / f"{trial}.json"
    if file.exists():
        return json.loads(file.read_text(encoding="utf-8"))
    start = time.perf_counter()
    found = run(trial, quick, methods)
    found["seconds"] = round(time.perf_counter() - start, 1)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(file, json.dumps(found, indent=1), folder)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.correct", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer images, one seed: minutes")
    parser.add_argument("--worlds", nargs="+", choices=list(WORLDS), default=list(WORLDS))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(SEEDS))
    parser.add_argument("--selections", nargs="+", choices=SELECTIONS, default=list(SELECTIONS))
    parser.add_argument(
        "--methods", nargs="+", choices=METHODS, default=list(METHODS), help="kept in a folder of their own"
    )
    parser.add_argument("--report", action="store_true", help="print the tables of the trials that are there")
    parser.add_argument("--out", type=Path, default=Path("experiment/correct"), help="folder of the trials")
    given = parser.parse_args()
    torch.set_num_threads(1)
    folder = given.out / ("quick" if given.quick else "full")
    if given.methods != list(METHODS):
        folder = folder / "-".join(given.methods)
    seeds = given.seeds[:1] if given.quick else given.seeds
    plan = [Trial(world, seed, selection) for seed in seeds for world in given.worlds for selection in given.selections]
    results = []
    for trial in plan:
        if given.report and not (folder / f"{trial}.json").exists():
            continue
        results.append(kept(trial, folder, given.quick, given.methods))
        print(f"{trial}: {results[-1]['seconds']} s", flush=True)
    print(table(results))


if __name__ == "__main__":
    main()
