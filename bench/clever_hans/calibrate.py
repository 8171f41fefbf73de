"""How `HARD` was chosen, by accuracy alone and with a seed that the experiments do not use: `... .calibrate`."""

from __future__ import annotations

import itertools
from dataclasses import replace

import torch
from tqdm import tqdm

from bench.clever_hans.choices import CLASSES, DIGITS, Choices
from bench.clever_hans.data import load, task, with_box
from bench.clever_hans.trial import performance, trained

SEED = 100
ENOUGH = 0.9  # accuracy of controls without any box, about what small networks reach for pairs of CIFAR-10


def accuracies(choices: Choices) -> list[tuple[dict[str, float], dict[str, float]]]:
    """`performance` of the control and of the poisoned model of each class."""
    images, found = load(choices), []
    for label in tqdm(range(CLASSES), desc=f"noise {choices.noise:g}", unit="class", leave=False):
        part = task(images, label, choices)
        seen = part.train, with_box(part.train, part.boxed, choices)
        models = [trained(view, part.train_label, choices, 100 * SEED + label) for view in seen]
        control, poisoned = (performance(m, view, part, choices) for m, view in zip(models, seen, strict=True))
        found.append((control, poisoned))
    return found


def mean(values) -> float:
    return sum(values := list(values)) / len(values)


def main() -> None:
    torch.set_num_threads(1)
    print("| noise | control, no box |\n|---|---|")
    noise = 0.0
    for step in range(1, 11):
        noise = step / 10
        clean = mean(control["accuracy_clean"] for control, _ in accuracies(replace(DIGITS, noise=noise)))
        print(f"| {noise:g} | {clean:.3f} |", flush=True)
        if clean <= ENOUGH:
            break
    print("\n| noise | box | boxed | control, box on the other class | poisoned | classes below |\n" + "|---" * 6 + "|")
    for at, gray, fraction in itertools.product((noise / 2, noise), (0.5, 1.0), (0.5, 0.9)):
        pairs = accuracies(replace(DIGITS, noise=at, gray=gray, fraction=fraction))
        control, poisoned = (mean(pair[i]["accuracy"] for pair in pairs) for i in (0, 1))
        below = sum(pair[1]["accuracy"] < pair[0]["accuracy"] for pair in pairs)
        print(f"| {at:g} | {gray:g} | {fraction:.0%} | {control:.3f} | {poisoned:.3f} | {below} of 10 |", flush=True)


if __name__ == "__main__":
    main()
