"""The experiment "Verifying SpRAy" of doi:10.1371/journal.pone.0336683, Fig 12: `python -m bench.clever_hans`.

Trains models of digits (or, with --cifar, of CIFAR-10) with and without a box in the corner of half of one class, looks
for the box by SpRAy, and says which criteria of agreement are met. Kill it whenever and run it again: it goes on.
`--check` says it of the published results, and makes those of one class again.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import xarray as xr

from bench.clever_hans import check, criteria, figures
from bench.clever_hans.choices import ARMS, CIFAR10, CLASSES, DIGITS, FEWER, VARIATIONS, Choices
from bench.clever_hans.data import load
from bench.clever_hans.results import collect
from bench.clever_hans.trial import Trial
from spray.store import write_netcdf


def experiment(given: argparse.Namespace, choices: Choices, folder: Path, arms: tuple[str, ...] = ARMS) -> xr.Dataset:
    """All trials of some choices."""
    images = load(choices, given.cifar, download=given.download)
    todo = [Trial(label, seed, arm) for seed in range(choices.seeds) for label in range(CLASSES) for arm in arms]
    return collect(images, todo, choices, folder, workers=given.workers, device=given.device)


def varied(given: argparse.Namespace, choices: Choices) -> dict[str, xr.Dataset]:
    """The experiment with one choice changed, fewer seeds and no null, for each of `VARIATIONS`."""
    folders = {
        name: given.out / f"{choices.dataset}-{name.replace('%', 'percent').replace(' ', '-')}" for name in VARIATIONS
    }
    return {
        name: experiment(given, replace(choices, **FEWER, **changed), folders[name], ARMS[:2])
        for name, changed in VARIATIONS.items()
    }


def publish(trials: xr.Dataset, path: Path) -> None:
    """The results file, that of the variations beside it, and the figures in a folder of images."""
    write_netcdf(path, trials)
    drawn = {"agreement": figures.agreement(trials), "sensitivity": figures.sensitivity(trials)}
    for name, figure in drawn.items():
        figures.save(figure, path.parent / "images" / f"{path.stem}-{name}.png")


def check_published(given: argparse.Namespace) -> bool:
    """Criteria from the file, then one class live."""
    trials = check.published(given.check)
    choices = CIFAR10 if given.cifar else DIGITS
    print(f"{given.check}: {trials.attrs['title']}\n\n{criteria.table(trials)}\n\nclass {given.label} again:\n")
    images = load(choices, given.cifar, download=given.download)
    live = check.rerun(trials, images, given.label, choices, workers=given.workers)
    text, agree = check.compared(trials, live)
    print(f"{text}\n\n{'the live results agree' if agree else 'THE LIVE RESULTS DIFFER'} with the stored ones")
    return agree


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("experiment"), help="folder of trials (default: experiment)")
    parser.add_argument(
        "--cifar", type=Path, metavar="FOLDER", help="CIFAR-10 as torchvision.datasets.CIFAR10 keeps it"
    )
    parser.add_argument("--download", action="store_true", help="let torchvision fetch CIFAR-10 into that folder")
    parser.add_argument("--variations", action="store_true", help="then one choice changed at a time")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--device", default="cpu", help="where models run (default: cpu)")
    stored = "print the criteria of stored results (default: docs/experiment.nc), and make one class again"
    parser.add_argument("--check", type=Path, nargs="?", const=check.PUBLISHED, metavar="FILE", help=stored)
    parser.add_argument("--class", dest="label", type=int, default=8, choices=range(CLASSES), help="which (default: 8)")
    parser.add_argument(
        "--publish", type=Path, metavar="FILE", help="also write results, and figures in images/ beside"
    )
    return parser.parse_args()


def main() -> None:
    given = arguments()
    if given.check:
        raise SystemExit(0 if check_published(given) else 1)
    choices = CIFAR10 if given.cifar else DIGITS
    trials = experiment(given, choices, given.out / choices.dataset)
    print(criteria.table(trials))
    variations = varied(given, choices) if given.variations else {}
    for name, found in variations.items():
        print(f"\n{name}\n\n{criteria.table(found)}")
    publish(trials, given.publish or given.out / choices.dataset / "results.nc")


if __name__ == "__main__":
    main()
