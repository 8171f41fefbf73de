"""What survives what: `python -m bench.faults`, with `--quick` in some minutes, or with the names of single rows.

Faults are drawn by `--seed`; the moments at which processes are killed are drawn, too, but what a process was at by
then is up to the machine. The exit code is 1 if anything was found that should not be.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from bench.faults import disk, door, flips, gifts, keepers, kills, pictures, power, threads
from bench.faults.row import Found, Row, Setting

ROWS = {row.name: row for row in (
    kills.ROW, power.ROW, disk.ROW, keepers.ROW, flips.ROW, door.ROW, gifts.ROW, pictures.ROW, threads.ROW,
)}  # fmt: skip


def measure(row: Row, quick: bool, seed: int) -> Iterator[Found]:
    """The lines of a row, one by one; an error of the bench itself is a wrong end."""
    with tempfile.TemporaryDirectory(prefix=f"faults-{row.name}-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        try:
            yield from row.run(Setting(Path(folder).resolve(), quick, seed))
        except Exception:
            yield Found(row.name, "the row is measured", wrong=[traceback.format_exc()])


def line(found: Found) -> str:
    """A line of the table in Markdown."""
    return f"| {found.fault} | {found.runs} | {found.asked} | {found} |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=f"default: all of {', '.join(ROWS)}")
    parser.add_argument("--quick", action="store_true", help="fewer of each")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if unknown := set(given.rows) - set(ROWS):
        parser.error(f"no row {', '.join(sorted(unknown))}; there are {', '.join(ROWS)}")
    print("| fault | runs | asked | found |\n|---|---|---|---|", flush=True)
    wrong = False
    for name in given.rows or ROWS:
        start = time.monotonic()
        for found in measure(ROWS[name], given.quick, given.seed):
            print(line(found), flush=True)
            for what in found.wrong:
                print(f"{found.fault}: {what}", file=sys.stderr, flush=True)
            wrong = wrong or bool(found.wrong)
        print(f"{name}: {time.monotonic() - start:.0f} s", file=sys.stderr, flush=True)
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
