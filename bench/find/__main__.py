"""`python -m bench.find --quick`: plants artefacts, trains, attributes, judges, counts how often the plant is found.

Trials are kept in a folder, one file each: a run that was killed goes on, and two processes, started twice, share
them. `--split development` is what views and thresholds were chosen by; `--split report` is run once a change that is
published.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from bench.find.ablation import ablation, left_out
from bench.find.data import NATURAL
from bench.find.plan import PLANS
from bench.find.ranking import effect_of, f1, members_of, older_scores, rank_of, verdicts
from bench.find.tables import report
from bench.find.trial import Trial, made
from spray.files import claim, make_folder, write_text

COMPARED = 10
"""Classes from which on other scores are asked, too."""


def result(trial: Trial, folder: Path, make: Callable[[Trial], dict[str, Any]] | None = None) -> dict[str, Any] | None:
    """What `make` gave of one trial, from its file if it is there; None while another process is at it."""
    file = folder / f"{trial}.json"
    make_folder(folder, folder)
    with claim(folder / f"{trial}.lock", 0) as ours:
        if not file.exists() and ours:
            write_text(file, json.dumps((make or _result)(trial), indent=1), folder)
    return json.loads(file.read_text()) if file.exists() else None


def _result(trial: Trial) -> dict[str, Any]:
    start = time.perf_counter()
    one = made(trial)
    found: dict[str, Any] = {"trial": trial._asdict(), **one.facts, "refused": not one.learnt}
    if found["refused"]:
        return found
    of, judged = str(trial.of), verdicts(one.attributions)
    suspicion = {name: float(each.attrs["suspicion"]) for name, each in judged.items()}
    found["scores"] = {"verdict": suspicion}
    first = max(suspicion, key=suspicion.__getitem__)
    wanted = {first, of} if trial.share else {first}
    found["effects"] = {name: effect_of(one, judged[name]) for name in sorted(wanted)}
    found["reasons"] = {name: judged[name].attrs["reasons"] for name in sorted(wanted)}
    if trial.share:
        truth = one.attributions.marked.sel(sample=judged[of].sample).values
        found["f1"] = f1(truth, members_of(judged[of]))
        if trial.artefact != NATURAL and trial.classes >= COMPARED:
            older, found["best_f1"] = older_scores(one.attributions, of)
            found["scores"] |= older
        found["ranks"] = {name: rank_of(values, of) for name, values in found["scores"].items()}
    return found | {"seconds": time.perf_counter() - start}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.find", description=__doc__)
    parser.add_argument("--split", choices=list(PLANS), default="development")
    parser.add_argument("--quick", action="store_true", help="five trials in some minutes: --split quick")
    parser.add_argument("--minutes", type=float, default=float("inf"), help="begin no trial after so many")
    parser.add_argument("--named", action="append", metavar="TEXT", help="trials whose name holds it, such as of-2")
    parser.add_argument("--out", type=Path, default=Path("experiment/find"), help="folder of the trials")
    parser.add_argument("--classes", type=int, help="only time the verdict on so many classes of 1300, 2000 features")
    parser.add_argument("--digits", action="store_true", help="only the verdict on two and three classes of digits")
    parser.add_argument("--kinds", action="store_true", help="only the verdict on texts, tables and signals")
    parser.add_argument("--ablation", action="store_true", help="views and steps left out, on the trials of the split")
    given = parser.parse_args()
    torch.set_num_threads(1)  # as fast for small networks, and the same result however many cores there are
    if given.classes:
        from bench.find.many import timed

        print(timed(given.classes))
        return
    if given.digits:
        from bench.find.few import measured

        print(measured())
        return
    if given.kinds:
        from bench.find.kinds import measured as of_kinds

        print(of_kinds())
        return
    split, start, results = "quick" if given.quick else given.split, time.perf_counter(), []
    folder = given.out / ("ablation" if given.ablation else "") / split
    one_result, told = (left_out, ablation) if given.ablation else (_result, report)
    for trial in PLANS[split]():
        if given.named and not any(text in str(trial) for text in given.named):
            continue
        known = (folder / f"{trial}.json").exists()
        if not known and time.perf_counter() - start > 60 * given.minutes:
            continue
        if (found := result(trial, folder, one_result)) is not None:
            results.append(found)
            print(f"{trial}: {found.get('ranks', {}).get('verdict', '-')}", flush=True)
    print(told(results, split))


if __name__ == "__main__":
    main()
