"""What an explanation costs: times the plain gradient and times the peers, interleaved in one run, medians.

`python -m bench.attribution` measures everything, for hours; `python -m bench.attribution times --models resnet50
--composites epsilon_plus --batch 8 --compile` one line. Parts: times (seconds, and setup = trace + canonize + relprop +
prepare), memory (peak of a fresh process), accuracy (float32 against our own float64), classes (ten of one input),
dataset (attribute_dataset against the bare loop), report (the table, page and plot of what `--out` holds).
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from bench.attribution import report
from bench.attribution.checks import accuracy_row, classes_row, dataset_row
from bench.attribution.runs import COMPOSITES, MODELS
from bench.attribution.times import memory_row, time_row

PARTS = ["times", "memory", "accuracy", "classes", "dataset", "report"]


def measure(part: str, given: Any) -> list[dict[str, Any]]:
    """All rows of one part, each printed and saved as it is there."""
    each = [(m, c) for m in given.models for c in given.composites]
    batches = [(m, c, b) for m, c in each for b in given.batch]
    jobs: dict[str, list[tuple[Any, ...]]] = {
        "times": [(time_row, *job) for job in batches],
        "memory": [(memory_row, m, c, max(given.batch)) for m, c in each],
        "accuracy": [(accuracy_row, m, c) for m, c in each],
        "classes": [(classes_row, "resnet50", "epsilon_gamma_box")],
        "dataset": [(dataset_row, "resnet50", "epsilon_gamma_box")],
    }
    rows = []
    for run, *arguments in jobs[part]:
        row = run(*arguments, given)
        rows.append(row)
        print(part, _shown(row), flush=True)
        if given.out:
            report.save(given.out, {part: [row]})
    return rows


def _shown(row: dict[str, Any]) -> str:
    """A row in words: names, then each figure and how many times the first it is."""
    words = []
    for key, value in row.items():
        if isinstance(value, dict):
            base = next(iter(value.values()))
            words += [f"{who} {figure:.3g} ({figure / base:.2f}x)" for who, figure in value.items()]
        else:
            words.append(f"{key} {value:.1f} s" if key == "setup" else str(value))
    return "  ".join(words)


def show(given: Any, results: dict[str, Any]) -> None:
    """Print the table of bounds; with `--page`, write it, all times and a plot."""
    table = [("measured", "asked", "found", "kept"), *report.verdicts(results)]
    widths = [max(len(row[i]) for row in table) for i in range(4)]
    print("\n".join("  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)) for row in table))
    if given.page:
        name = given.page.with_suffix("").name
        report.plot(results, given.page.parent / "images" / f"{name}.png")
        given.page.write_text(report.page(results, table, f"images/{name}.png"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=PARTS, metavar="PART", help=f"of {', '.join(PARTS)}")
    parser.add_argument("--models", nargs="+", default=MODELS)
    parser.add_argument("--composites", nargs="+", default=COMPOSITES, choices=COMPOSITES, metavar="NAME")
    parser.add_argument("--batch", nargs="+", type=int, default=[1, 8])
    parser.add_argument("--rounds", type=int, default=3, help="each of two calls, the second timed")
    parser.add_argument("--compile", action="store_true", help="compiled too: minutes for a deep model")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--out", type=Path, help="JSON file to keep results in; rows measured again are replaced")
    parser.add_argument("--page", type=Path, help="Markdown file for the report, with a plot beside it")
    given = parser.parse_args()
    wrong = set(given.parts) - set(PARTS)
    if wrong:
        parser.error(f"unknown part {', '.join(sorted(wrong))}; there are {', '.join(PARTS)}")
    results: dict[str, Any] = {part: measure(part, given) for part in given.parts if part != "report"}
    kept = (
        json.loads(given.out.read_text()) if given.out and given.out.exists() else results | {"facts": report.facts()}
    )
    show(given, kept)


if __name__ == "__main__":
    main()
