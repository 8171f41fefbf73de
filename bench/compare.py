"""Two results of one bench side by side: `nox -s bench -- compare A B`, each a commit or a JSON file.

`compare HEAD~5 HEAD` reads docs/benchmarks-attribution.json as it is in two commits, `--file` names another one. Times
and memory are paired by the words of their rows (model, composite, batch, ...), whatever the order; the rest, such as
errors and facts, is left out. Ends with 1 if something became worse by more than 10 %. Times of two machines do not
compare: look at "facts" of both files.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

FILE = Path("docs/benchmarks-attribution.json")
TOLERANCE = 0.1
MEASURES = {"seconds", "times", "setup", "megabytes", "gigabytes"}  # a field of this name, or ending so, is measured
ENDINGS = ("_s", "_seconds", "_mb", "_megabytes", "_gigabytes")
COUNTS = {"batch", "classes", "images", "samples", "categories", "size"}  # numbers that name a row, as its words do


class Pair(NamedTuple):
    what: str
    before: float | None
    after: float | None

    @property
    def ratio(self) -> float | None:
        return self.after / self.before if self.before and self.after is not None else None


def measures(results: Any) -> dict[str, float]:
    """Each measured number of a result by its place.

    >>> measures({"times": [{"model": "vgg16", "batch": 8, "setup": 1.5, "seconds": {"ours": 2.0}, "residual": 0.1}]})
    {'times, vgg16, batch 8, setup': 1.5, 'times, vgg16, batch 8, seconds, ours': 2.0}
    """
    found: dict[str, float] = {}
    for place, value in _leaves(results, ()):
        what = ", ".join(place)
        if what in found:
            raise ValueError(f"two rows are {what!r}: a word or a count of the row must tell them apart")
        found[what] = value
    return found


def pairs(before: Any, after: Any) -> list[Pair]:
    """What is in either result, in the order of the first; a number that one lacks is None."""
    old, new = measures(before), measures(after)
    return [Pair(what, old.get(what), new.get(what)) for what in old | new]


def verdict(pair: Pair, tolerance: float = TOLERANCE) -> str:
    """`worse`, `better`, `same`, or why there is none.

    >>> verdict(Pair("setup", 1.0, 1.2)), verdict(Pair("setup", 1.0, 1.05)), verdict(Pair("setup", None, 1.0))
    ('worse', 'same', 'new')
    """
    if pair.before is None:
        return "new"
    if pair.after is None:
        return "gone"
    if pair.ratio is None:
        return "no ratio"
    return "worse" if pair.ratio > 1 + tolerance else "better" if pair.ratio < 1 - tolerance else "same"


def table(found: list[Pair]) -> str:
    """One line a number: what, before, after, ratio, verdict."""
    width = max((len(pair.what) for pair in found), default=4)
    lines = [f"{'what':{width}} {'before':>10} {'after':>10} {'ratio':>6}  verdict"]
    for pair in found:
        numbers = f"{_shown(pair.before, '.4g'):>10} {_shown(pair.after, '.4g'):>10} {_shown(pair.ratio, '.2f'):>6}"
        lines.append(f"{pair.what:{width}} {numbers}  {verdict(pair)}")
    return "\n".join(lines)


def _shown(number: float | None, form: str) -> str:
    return "-" if number is None else format(number, form)


def _leaves(value: Any, place: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], float]]:
    if isinstance(value, list):
        for row in value:
            yield from _leaves(row, place)
    elif isinstance(value, Mapping):
        place += tuple(_words(value))
        for name, part in value.items():
            if name not in COUNTS:
                yield from _leaves(part, (*place, name))
    elif isinstance(value, int | float) and not isinstance(value, bool) and _measured(place):
        yield place, float(value)


def _words(row: Mapping[str, Any]) -> Iterator[str]:
    """What tells a row from the others: its words, and its counts with their names."""
    for name, value in row.items():
        if isinstance(value, str):
            yield value
        elif name in COUNTS:
            yield f"{name} {value}"


def _measured(place: tuple[str, ...]) -> bool:
    """The field itself, or the one that it is in, is a time or memory."""
    return any(name in MEASURES or name.endswith(ENDINGS) for name in place[-2:])


def read(name: str, file: Path) -> Any:
    """The results in the file of that name, or in `file` as the commit of that name has it."""
    if Path(name).is_file():
        return json.loads(Path(name).read_text(encoding="utf-8"))
    shown = subprocess.run(["git", "show", f"{name}:{file.as_posix()}"], capture_output=True, text=True)
    if shown.returncode:
        raise SystemExit(f"{name!r} is no file, and as a commit: {shown.stderr.strip()}")
    return json.loads(shown.stdout)


def main() -> None:
    parser = argparse.ArgumentParser("bench.compare", description="two results of one bench side by side")
    parser.add_argument("before", metavar="A", help="a commit or a JSON file")
    parser.add_argument("after", metavar="B", help="a commit or a JSON file")
    parser.add_argument("--file", type=Path, default=FILE, help=f"the bench's results in a commit; {FILE} if not given")
    given = parser.parse_args()
    found = pairs(read(given.before, given.file), read(given.after, given.file))
    if not found:
        raise SystemExit("no times or memory in either result")
    print(table(found))
    worse = [pair.what for pair in found if verdict(pair) == "worse"]
    print(f"{len(worse)} of {len(found)} worse by more than {TOLERANCE:.0%}")
    raise SystemExit(bool(worse))


if __name__ == "__main__":
    main()
