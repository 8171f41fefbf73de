"""The verdict on two and three classes of digits, which share no nuisance: of the development split.

A class is several digits, groups that nobody planted and that no other class has. Only the verdict is asked, so all of
it takes some minutes.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

import lrp
import spray
from bench.data.planted import Planted, planted
from bench.demo.build import Samples, own_logits, predicted, train
from bench.demo.projects import DEMOS, Demo
from bench.find.ranking import f1, members_of, rank_of
from spray._tables import table
from spray.analysis import judge

TENS = np.arange(10)
GROUPS: dict[str, np.ndarray] = {
    "even, odd": TENS % 2,
    "prime or not": np.isin(TENS, [2, 3, 5, 7]).astype(np.int64),
    "round or not": np.isin(TENS, [0, 3, 6, 8, 9]).astype(np.int64),
    "remainder of 3": TENS % 3,
}
"""Which class each digit is in; the demo's, 5 or more, is none of them."""


def tag(images: np.ndarray) -> np.ndarray:
    """A box of 2 x 2 pixels in the lower right corner."""
    images = images.copy()
    images[..., -2:, -2:] = 0.7
    return images


def bar(images: np.ndarray) -> np.ndarray:
    """The upper row is bright."""
    images = images.copy()
    images[..., 0, :] = np.maximum(images[..., 0, :], 0.6)
    return images


class Case(NamedTuple):
    """`cue` on a share of a class."""

    group: str
    cue: Callable[[np.ndarray], np.ndarray]
    share: float
    of: int
    seed: int


def cases() -> Iterator[Case]:
    for round_ in range(3):
        first = round_ == 0
        for row, (name, groups) in enumerate(GROUPS.items()):
            for number, (cue, share) in enumerate(
                [(tag, 0.0), (tag, 0.3 if first else 0.4), (bar, 0.2 if first else 0.3)]
            ):
                of = (number + row + round_ + (first and cue is bar)) % (int(groups.max()) + 1)
                yield Case(name, cue, share, of, 2500 + 100 * round_ + 10 * row + number + (first and cue is bar))


def data_of(case: Case) -> Planted:
    digits: Any = load_digits()
    images, label = (digits.images[:, None] / 16).astype(np.float32), GROUPS[case.group][digits.target].astype(np.int64)
    parts = train_test_split(np.arange(len(images)), test_size=0.2, stratify=digits.target, random_state=case.seed)
    (train_images, test_images), (train_label, test_label) = ([of[rows] for rows in parts] for of in (images, label))
    return planted(
        (train_images, train_label),
        (test_images, test_label),
        classes=tuple(map(str, range(int(label.max()) + 1))),
        poisoned=case.of,
        paste=case.cue,
        seed=case.seed,
        share=case.share,
    )


def judged(data: Planted, demo: Demo, seed: int, normalize: lrp.Normalization | None = None) -> dict[str, Any]:
    """Accuracy, reliance, suspicion of each class, F1 of the group that is named: all by the defaults of `demo`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = demo.network(data)
        train(model, demo, data, False)
    model.eval()
    of, told, others = data.poisoned, predicted(model, data.test), data.test_label != data.poisoned
    pasted = predicted(model, data.paste(data.test[others]))
    explain = lrp.explainer(model, torch.as_tensor(data.inputs[:1]), demo.composite)
    with tempfile.TemporaryDirectory() as folder:
        path = lrp.attribute_dataset(
            explain,
            Samples(data),
            Path(folder) / "project",
            target=own_logits(model, data),
            normalize=normalize,
            keep=lrp.Kept(**demo.kept),
            progress=False,
        )
        found = judge(spray.open_attributions(path).drop_vars("marked").compute(), progress=False)
    return {
        "accuracy": float(np.mean(told == data.test_label)),
        "reliance": float(np.mean((pasted == of) & (told[others] != of))),
        "suspicion": {name: float(found[name].attrs["suspicion"]) for name in found},
        "f1": f1(data.marked[data.label == of], members_of(found[str(of)])),
    }


def measured() -> str:
    """A row a model."""
    rows = []
    for case in cases():
        found = judged(data_of(case), DEMOS["digits"], case.seed, lrp.Normalization((0.0,), (1.0,)))
        suspicion, of = found["suspicion"], str(case.of)
        others = max(value for name, value in suspicion.items() if name != of)
        what = [case.cue.__name__, f"{case.share:g}"] if case.share else ["none", "0"]
        rank = f"{rank_of(suspicion, of):g}" if case.share else "-"
        rows.append([case.group, *what, found["accuracy"], found["reliance"], rank, suspicion[of], others, found["f1"]])
        print(*rows[-1], flush=True)
    head = ["classes", "cue", "share", "accuracy", "reliance", "rank", "suspicion", "largest of others", "F1"]
    return table(rows, head)
