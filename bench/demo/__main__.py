"""Projects with a planted Clever Hans, from data that packages carry, and a viewer that serves them.

`python -m bench.demo` builds letters over photographs, texts, a table and heartbeats in the folder `demo`, prints how
well the clusters agree with what was planted, and serves all of them; `--no-serve` stops before that, `--only text`
builds one. What is built already is not built again, and what was interrupted goes on.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from urllib.parse import urlencode

from bench.demo.build import VERDICT, Found, build
from bench.demo.projects import DEMOS, SHOWN
from spray._tables import table
from viewer.cli import main as serve
from viewer.door import tokens

SEED = 0  # one of those that the demo was made with, 0 to 2; published numbers are of 10 to 12
HEAD = (
    "project",
    "kind",
    "samples",
    "accuracy",
    "reliance",
    "clustering",
    "AMI",
    "AMI of the verdict",
    "cue in its group",
    "suspected",
)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m bench.demo", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", action="append", choices=list(DEMOS), help="this project; may be repeated")
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder of the projects (default: demo)")
    parser.add_argument("--seed", type=int, default=SEED, help=f"of data and training (default: {SEED})")
    parser.add_argument("--no-serve", action="store_true", help="stop before serving")
    parser.add_argument("--port", type=int, default=5006)
    given = parser.parse_args()
    names = given.only or list(SHOWN)
    started, results = time.monotonic(), {}
    for at, name in enumerate(names, 1):
        print(f"\n[{at}/{len(names)}] {DEMOS[name].title} -> {given.out / name}", flush=True)
        results[name] = build(DEMOS[name], given.out / name, given.seed)
    print(f"\n{report(results)}\n\n{len(names)} projects in {time.monotonic() - started:.0f} s")
    paths = [str(given.out / name) for name in names]
    if given.no_serve:
        print("\nwhat to see:", *(f"{name}: {DEMOS[name].see}" for name in names), sep="\n  ")
        print(f"serve them with: lrp-viewer {' '.join(paths)}")
        return
    token = os.environ.setdefault(tokens.VARIABLE, tokens.new())
    print("\nwhat to see, once the viewer runs:")
    for name in names:
        place = {"project": name, "analysis": VERDICT, "category": results[name].poisoned, "view": "clusters"}
        print(f"  {name}: {DEMOS[name].see}")
        print(f"    http://localhost:{given.port}/viewer?{urlencode({'token': token, **place})}", flush=True)
    serve([*paths, "--port", str(given.port), "--no-show"])


def report(results: dict[str, Found]) -> str:
    """The table, within the class that the cue was planted in: agreement of the default clusters and of the verdict's
    with the cue, and how many of the samples in the group that the verdict points at carry it."""
    rows = []
    for name, found in results.items():
        shares = (f"{found.accuracy:.1%}", f"{found.reliance:.1%}")
        pure = f"{found.pure:.0%}" if found.pure == found.pure else "-"
        scores = (found.clustering, f"{found.ami:.2f}", f"{found.verdict:.2f}", pure, found.suspected)
        rows.append((name, found.kind, str(found.samples), *shares, *scores))
    return table(rows, HEAD)


if __name__ == "__main__":
    main()
