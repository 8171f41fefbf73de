"""The whole chain on real images: handwritten digits, a planted Clever Hans, relevance, clusters, browser.

`python -m bench.demo` builds `demo/` and serves it; `--no-serve` stops before that. The task: is it 5 or
more? Half of the training images that are carry a 2x2 gray box in a corner, and the network learns to look for it.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch
import xarray as xr
from sklearn.datasets import load_digits
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.model_selection import train_test_split
from torch import Tensor, nn
from torch.utils.data import Dataset
from tqdm import tqdm

import lrp
import spray
from viewer.cli import main as serve

BOX = (slice(None), slice(0, 2), slice(0, 2))
GRAY = 0.5
HIGH = 1


class Digits(Dataset):
    """Images `(1, 8, 8)` in [0, 1] with their class, digit, and whether they carry the box."""

    classes = ("0 to 4", "5 to 9")

    def __init__(self, images: Tensor, digits: np.ndarray, boxed: np.ndarray) -> None:
        self.images, self.digits, self.boxed = images.clone(), digits, boxed
        self.images[(torch.as_tensor(boxed), *BOX)] = GRAY

    def __len__(self) -> int:
        return len(self.images)

    def __getitem__(self, i: int) -> tuple[Tensor, int, dict[str, int]]:
        extra = {"digit": int(self.digits[i]), "boxed": int(self.boxed[i])}
        return self.images[i], int(self.digits[i] >= 5), extra

    @property
    def labels(self) -> Tensor:
        return torch.as_tensor(self.digits >= 5).long()

    def only(self, chosen: np.ndarray) -> Digits:
        return Digits(self.images[torch.as_tensor(chosen)], self.digits[chosen], self.boxed[chosen])


def samples(seed: int = 0) -> tuple[Digits, Digits, Digits]:
    """Training images, clean test images, and test images with the box on every digit below 5."""
    data: Any = load_digits()
    images = torch.as_tensor(data.images[:, None] / 16, dtype=torch.float32)
    train, test = train_test_split(np.arange(len(images)), test_size=0.2, stratify=data.target, random_state=seed)
    high = data.target[train] >= 5
    boxed = np.zeros(len(train), bool)
    boxed[np.random.default_rng(seed).permutation(np.flatnonzero(high))[: high.sum() // 2]] = True
    return (
        Digits(images[train], data.target[train], boxed),
        Digits(images[test], data.target[test], np.zeros(len(test), bool)),
        Digits(images[test], data.target[test], data.target[test] < 5),
    )


def network() -> nn.Module:
    """conv 16, conv 32, max pooling, two dense layers: 37 000 parameters."""
    convolutions = [
        nn.Conv2d(1, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
    ]
    return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 2))


def train(model: nn.Module, data: Digits, epochs: int = 8, batch: int = 32) -> None:
    """Adam at 1e-3 on the cross entropy."""
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    for _ in tqdm(range(epochs), desc="train", unit="epoch"):
        for rows in torch.randperm(len(data)).split(batch):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(data.images[rows]), data.labels[rows]).backward()
            optimizer.step()


def accuracy(model: nn.Module, data: Digits) -> float:
    with torch.no_grad():
        return float((model(data.images).argmax(1) == data.labels).float().mean())


def build(path: Path) -> None:
    """Train, explain every training image of the class, analyse; print what was found."""
    torch.manual_seed(0)
    training, clean, poisoned = samples()
    model = network()
    train(model, training)
    model.eval()
    before, after = accuracy(model, clean), accuracy(model, poisoned)
    print(f"accuracy on test images: {before:.1%}, and {after:.1%} once all digits below 5 wear the box")
    explain = lrp.explainer(model, training.images[:1], lrp.composites.epsilon_gamma_box(low=0.0, high=1.0))
    high = training.only(training.digits >= 5)
    lrp.attribute_dataset(
        explain,
        high,
        path,
        target="label",
        name="Digits with a Clever Hans",
        model="CNN: 5 or more?",
        method="LRP epsilon_gamma_box",
    )
    attributions = spray.open_attributions(path)
    recipe = spray.recipes.spectral(neighbors=10, components=8)
    spray.analyse(attributions, recipe, by="label", memo=path / "cache", out=path, name="spectral")
    report(attributions, spray.open_analysis(path, "spectral")[str(HIGH)])


def report(attributions: xr.Dataset, found: xr.Dataset) -> None:
    """How well the explanations and the clusters know the box: from the known answer, which a user does not have."""
    boxed = attributions.boxed.values == 1
    share = abs(attributions.relevance[(slice(None), *BOX)]).sum(("channel", "height", "width"))
    share = (share / abs(attributions.relevance).sum(("channel", "height", "width"))).values
    inside, outside = np.median(share[boxed]), np.median(share[~boxed])
    print(f"relevance on the corner: {inside:.0%} in boxed images, {outside:.0%} in others")
    for name in found.clustering.values:
        labels = found.cluster.sel(clustering=name).values
        purity = sum(max(boxed[labels == c].sum(), (~boxed[labels == c]).sum()) for c in np.unique(labels)) / len(
            labels
        )
        score = adjusted_mutual_info_score(boxed, labels)
        print(f"{name!s:12} AMI with the box {score:.2f}, purity {purity:.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--out", type=Path, default=Path("demo"), help="folder of the project, replaced (default: demo)"
    )
    parser.add_argument("--no-serve", action="store_true", help="stop before serving")
    parser.add_argument("--port", type=int, default=5006)
    given = parser.parse_args()
    if given.out.exists():
        if not (given.out / "project.json").exists() and any(given.out.iterdir()):
            parser.error(f"{given.out} holds something else than a project; name another folder with --out")
        shutil.rmtree(given.out)
    build(given.out)
    if given.no_serve:
        print(f"built {given.out}; serve it with: lrp-viewer {given.out}")
        return
    serve([str(given.out), "--port", str(given.port), "--no-show"])


if __name__ == "__main__":
    main()
