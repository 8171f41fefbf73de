"""Transformers measured: `python -m bench.transformers families`, `oracle`, ...; names choose some of the rows.

`nox -s families` and `nox -s lxt` install what is needed before.
"""

from __future__ import annotations

import argparse
import importlib
import warnings
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch


def _tables(module: str, **options: Any) -> Callable[[Sequence[str]], Iterable[str]]:
    """A table's lines, from the module of its name: what it imports is loaded when it is asked for."""
    return lambda names: importlib.import_module(f"bench.transformers.{module}").run(names, **options)


TABLES: dict[str, Callable[[Sequence[str]], Iterable[str]]] = {
    "families": _tables("families", dtype=torch.float64),
    "families32": _tables("families", dtype=torch.float32),
    "images": _tables("images", dtype=torch.float64),
    "images32": _tables("images", dtype=torch.float32),
    "oracle": _tables("oracle"),
    "costs": _tables("costs"),
    "precision": _tables("precision"),
    "lxt": _tables("lxt"),
    "faithfulness": _tables("faithfulness"),
    "randomization": _tables("randomization"),
}


def main() -> None:
    parser = argparse.ArgumentParser("bench.transformers", description=__doc__)
    parser.add_argument("table", choices=TABLES)
    parser.add_argument("names", nargs="*", help="rows; default: all")
    given = parser.parse_args()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the packages' own
        for line in TABLES[given.table](given.names):
            print(line, flush=True)


if __name__ == "__main__":
    main()
