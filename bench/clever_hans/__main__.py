"""The experiment "Verifying SpRAy" of doi:10.1371/journal.pone.0336683, Fig 12: `python -m bench.clever_hans`.

Trains models of digits (or, with --cifar, of CIFAR-10) with and without a box in the corner of half of one class, looks
for the box by SpRAy, and says which criteria of agreement are met. Kill it whenever and run it again: it goes on.
`--check` says it of the published results, and makes those of one class again. See docs/experiment.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path

import torch
import xarray as xr
from torch import Tensor

from bench.clever_hans import check, criteria, figures, variations
from bench.clever_hans.choices import ARMS, CLASSES, EXPERIMENTS, VARIATIONS, Choices
from bench.clever_hans.data import load, task, with_box
from bench.clever_hans.results import collect
from bench.clever_hans.trial import Trial
from spray.store import ProjectError, write_netcdf

TITLES = {"digits": "Digits", "hard": "Hard digits, white box", "cifar10": "CIFAR-10"}


def experiment(given: argparse.Namespace, choices: Choices, name: str, arms: tuple[str, ...] = ARMS) -> xr.Dataset:
    """All trials of some choices, kept in the folder `name`."""
    images = load(choices, given.cifar, download=given.download)
    todo = [Trial(label, seed, arm) for seed in range(choices.seeds) for label in range(CLASSES) for arm in arms]
    return collect(images, todo, choices, given.out / name, workers=given.workers, device=given.device)


def varied(given: argparse.Namespace) -> dict[str, xr.Dataset]:
    """The variations, without the null."""
    folders = {name: "-".join(name.replace("%", "percent").replace(",", "").split()) for name in VARIATIONS}
    return {name: experiment(given, choices, folders[name], ARMS[:2]) for name, choices in VARIATIONS.items()}


def publish(given: argparse.Namespace, done: Mapping[str, xr.Dataset], folder: Path) -> None:
    """The trials of each experiment, and their figures in a folder of images."""
    for name, trials in done.items():
        path = check.file_of(name, folder)
        write_netcdf(path, trials)
        figures.save(figures.agreement(trials, TITLES[name]), folder / "images" / f"{path.stem}-agreement.png")
    shown = {TITLES[name]: trials for name, trials in done.items()}
    figures.save(figures.sensitivity(shown), folder / "images" / "experiment-sensitivity.png")
    pictures = {TITLES[name]: example(given, EXPERIMENTS[name]) for name in done}
    figures.save(figures.examples(shown, pictures, given.label), folder / "images" / "experiment-examples.png")


def example(given: argparse.Namespace, choices: Choices) -> Tensor:
    """A training image of the class that is shown, without and with the box."""
    found = task(load(choices, given.cifar), given.label, choices)
    image = found.train[found.boxed][:1].expand(2, -1, -1, -1)
    return with_box(image, torch.tensor([False, True]), choices)


def publish_variations(found: xr.Dataset, folder: Path) -> None:
    write_netcdf(folder / "experiment-variations.nc", found)
    figures.save(figures.reliance(found), folder / "images" / "experiment-reliance.png")


def check_published(given: argparse.Namespace, name: str) -> bool:
    """Criteria from the file, then one class live."""
    trials = check.published(name, given.check)
    print(f"\n{TITLES[name]}: {check.file_of(name, given.check)}\n\n{criteria.table(trials)}\n")
    images = load(EXPERIMENTS[name], given.cifar, download=given.download)
    live = check.rerun(name, images, given.label, trials.sizes["seed"], workers=given.workers, device=given.device)
    text, agree = check.compared(trials, live)
    print(
        f"class {given.label} again:\n\n{text}\n\n{'The live results agree' if agree else 'THE LIVE RESULTS DIFFER'}."
    )
    return agree


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("experiment"), help="folder of trials (default: experiment)")
    parser.add_argument(
        "--cifar", type=Path, metavar="FOLDER", help="CIFAR-10, as torchvision.datasets keeps it, instead"
    )
    parser.add_argument("--download", action="store_true", help="let torchvision fetch CIFAR-10 into that folder")
    parser.add_argument("--variations", action="store_true", help="also some with one choice changed at a time")
    parser.add_argument("--workers", type=int, default=1, help="processes (default: 1)")
    parser.add_argument("--device", default="cpu", help="where models run (default: cpu)")
    stored = "print the criteria of published results (default: those in docs), and make one class again"
    parser.add_argument("--check", type=Path, nargs="?", const=check.DOCS, metavar="FOLDER", help=stored)
    parser.add_argument("--class", dest="label", type=int, default=9, choices=range(CLASSES), help="which (default: 9)")
    parser.add_argument(
        "--publish", type=Path, metavar="FOLDER", help="results and figures (default: the folder --out)"
    )
    return parser.parse_args()


def main() -> None:
    given = arguments()
    names = ["cifar10"] if given.cifar else ["digits", "hard"]
    if given.check:
        raise SystemExit(sum(not check_published(given, name) for name in names))
    done = {}
    for name in names:
        done[name] = experiment(given, EXPERIMENTS[name], name)
        print(f"\n{TITLES[name]}\n\n{criteria.table(done[name])}")
    publish(given, done, given.publish or given.out)
    if given.variations and not given.cifar:
        found = variations.side_by_side(done, varied(given))
        print(f"\n{variations.table(found)}")
        publish_variations(found, given.publish or given.out)


if __name__ == "__main__":
    try:
        main()
    except ProjectError as error:
        raise SystemExit(f"error: {error}") from None
