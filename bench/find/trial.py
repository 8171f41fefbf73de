"""One trial: plant, train, and attribute as a user does, with the statistics of hidden layers that are kept."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn
from torch.utils.data import TensorDataset

import lrp
import spray
from bench.find.artefacts import ARTEFACTS
from bench.find.data import NATURAL, Letters, letters, planted
from bench.find.networks import NETWORKS

LEARNT = 3.0  # times chance; a model of less accuracy has learnt nothing, and its trial is refused


class Trial(NamedTuple):
    """`artefact` on `share` of class `of`, or on none with share 0; a class is of so many `kinds` of letters."""

    artefact: str
    share: float
    of: int
    seed: int
    network: str = "cnn"
    size: int = 32
    classes: int = 10
    each: int = 300
    epochs: int = 10
    kinds: int = 1

    def __str__(self) -> str:
        kinds = f"-kinds-{self.kinds}" if self.kinds > 1 else ""
        return (
            f"{self.network}-{self.size}-{self.artefact}-{self.share:g}-class-{self.of}-of-{self.classes}"
            f"-seed-{self.seed}-{self.each}-{self.epochs}{kinds}"
        )


class Made(NamedTuple):
    """What a trial is judged by."""

    attributions: xr.Dataset
    """With `marked (sample)`."""
    explain: lrp.Explainer
    facts: dict[str, float]
    """Accuracy, and reliance: how many of the other classes' images turn when the artefact is pasted."""

    @property
    def learnt(self) -> bool:
        return self.facts["accuracy"] * self.facts["classes"] > LEARNT or self.facts["accuracy"] > 0.75


def trained(data: Letters, trial: Trial) -> nn.Module:
    """The network after AdamW on the cross entropy."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(trial.seed)
        model = NETWORKS[trial.network](trial.classes, trial.size)
        images, label = torch.as_tensor(data.image), torch.as_tensor(data.label)
        optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-3)
        steps = trial.epochs * -(-len(images) // 64)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, total_steps=steps)
        for _ in range(trial.epochs):
            for rows in torch.randperm(len(images)).split(64):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(images[rows]), label[rows]).backward()
                optimizer.step()
                schedule.step()
    return model.eval()


def explained(model: nn.Module, data: Letters) -> tuple[xr.Dataset, lrp.Explainer]:
    """A project of each image's own class, in memory."""
    image, label = torch.as_tensor(data.image), torch.as_tensor(data.label)
    explain = lrp.explainer(model, image[:1], lrp.composites.epsilon_gamma_box(low=0.0, high=1.0))
    unchanged = lrp.Normalization((0.0,) * 3, (1.0,) * 3)
    with tempfile.TemporaryDirectory() as folder:
        path = lrp.attribute_dataset(
            explain,
            TensorDataset(image, label),
            Path(folder) / "project",
            target="label",
            batch_size=128,
            shard_size=1 << 20,
            normalize=unchanged,
            progress=False,
        )
        return spray.open_attributions(path).compute(), explain


def predict(model: nn.Module, images: np.ndarray) -> Tensor:
    """Outputs `(sample, class)`."""
    with torch.no_grad():
        return torch.cat([model(part) for part in torch.as_tensor(images).split(256)])


def reliance(model: nn.Module, trial: Trial) -> dict[str, float]:
    """Accuracy on images that training has not seen, and what pasting the artefact does to those of other classes."""
    test, truth = letters(400 // trial.classes, trial.size, 10_000 + trial.seed, trial.classes, trial.kinds)
    told = predict(model, test)
    facts = {"classes": trial.classes, "accuracy": float(np.mean(told.argmax(1).numpy() == truth))}
    if trial.artefact == NATURAL:
        return facts
    others = truth != trial.of
    artefact = ARTEFACTS[trial.artefact](test[others], np.random.default_rng(0)).astype(np.float32)
    pasted, before = predict(model, artefact), told[torch.as_tensor(others)]
    turned = (pasted.argmax(1) == trial.of) & (before.argmax(1) != trial.of)
    logit = (pasted - pasted.mean(1, keepdim=True) - before + before.mean(1, keepdim=True))[:, trial.of].mean()
    return facts | {"reliance": float(turned.float().mean()), "logit": float(logit)}


def made(trial: Trial) -> Made:
    """Train and attribute, on this very trial's seed."""
    images, label = letters(trial.each, trial.size, trial.seed, trial.classes, trial.kinds)
    data = planted(images, label, trial.artefact, trial.share, trial.of, trial.seed)
    model = trained(data, trial)
    attributions, explain = explained(model, data)
    return Made(attributions.assign_coords(marked=("sample", data.marked)), explain, reliance(model, trial))
