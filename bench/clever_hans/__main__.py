"""The experiment "Verifying SpRAy" of doi:10.1371/journal.pone.0336683, Fig 12: `python -m bench.clever_hans`.

Trains models of digits (or, with --cifar, of CIFAR-10) with and without a box in the corner of half of one class, looks
for the box by SpRAy, and says which criteria of agreement are met. Kill it whenever and run it again: it goes on.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

from bench.clever_hans import criteria
from bench.clever_hans.choices import ARMS, CIFAR10, CLASSES, DIGITS, FEWER, VARIATIONS, Choices
from bench.clever_hans.data import load
from bench.clever_hans.results import collect
from bench.clever_hans.trial import Trial
from spray.store import write_netcdf


def experiment(choices: Choices, given: argparse.Namespace, folder: Path, arms: tuple[str, ...] = ARMS):
    """All trials of some choices, as a dataset, written to `folder`/results.nc as well."""
    images = load(choices, given.cifar, download=given.download)
    todo = [Trial(label, seed, arm) for seed in range(choices.seeds) for label in range(CLASSES) for arm in arms]
    result = collect(images, todo, choices, folder, workers=given.workers, device=given.device)
    write_netcdf(folder / "results.nc", result)
    return result


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("experiment"), help="folder of results (default: experiment)")
    parser.add_argument(
        "--cifar", type=Path, metavar="FOLDER", help="CIFAR-10 as torchvision.datasets.CIFAR10 keeps it"
    )
    parser.add_argument("--download", action="store_true", help="let torchvision fetch CIFAR-10 into that folder")
    parser.add_argument("--variations", action="store_true", help="one choice changed at a time, after the experiment")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--device", default="cpu", help="where models run (default: cpu)")
    given = parser.parse_args()
    choices = CIFAR10 if given.cifar else DIGITS
    print(criteria.table(experiment(choices, given, given.out / choices.dataset)))
    for name, changed in VARIATIONS.items() if given.variations else ():
        folder = given.out / f"{choices.dataset}-{name.replace(' ', '-').replace('%', 'percent')}"
        found = experiment(replace(choices, **FEWER, **changed), given, folder, ("clean", "poisoned"))
        print(f"\n{name}\n\n{criteria.table(found)}")


if __name__ == "__main__":
    main()
