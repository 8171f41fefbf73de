"""Concepts measured: `python -m bench.concepts alike`, `costs`, `references`, `keeping`, `latent`, `pcx`.

Names choose some of the rows.

`alike` and `costs` compare with zennit-crp, which `nox -s crp` installs before; the others need nothing of it.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence

from bench.concepts import compare, kept, latent
from lrp._torchvision import torchvision

TABLES: Mapping[str, Callable[[Sequence[str]], Iterable[str]]] = {
    "alike": compare.alike,
    "costs": compare.costs,
    "references": kept.references,
    "keeping": kept.keeping,
    "latent": latent.latent,
    "pcx": latent.pcx,
}


def main() -> None:
    parser = argparse.ArgumentParser("bench.concepts", description=__doc__)
    parser.add_argument("table", choices=TABLES, nargs="?", help="default: all")
    parser.add_argument("names", nargs="*", help="rows; default: all")
    given = parser.parse_args()
    torchvision()
    apart = False
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the packages' own
        for table in [given.table] if given.table else TABLES:
            for line in TABLES[table](given.names):
                print(line, flush=True)
                apart |= " APART " in line
    sys.exit(int(apart))


if __name__ == "__main__":
    main()
