"""One trial: plant, train, attribute with the statistics of hidden layers, and rank the classes by every score."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
import xarray as xr
from torch import Tensor, nn

import lrp
from bench.find.data import ARTEFACTS, LETTERS, Letters, letters, planted
from lrp.explain.target import seed_of

WIDTHS = (16, 32, 64)
SIZE = 32


class Trial(NamedTuple):
    """`artefact` on `share` of class `of`, or on none with share 0."""

    artefact: str
    share: float
    of: int
    seed: int
    each: int = 300
    epochs: int = 8

    def __str__(self) -> str:
        return f"{self.artefact}-{self.share:g}-class-{self.of}-seed-{self.seed}-{self.each}-{self.epochs}"


def network(classes: int) -> nn.Sequential:
    """Three blocks of convolution, batch norm, ReLU and pooling, and a linear layer on the mean over places."""
    layers, channels = [], 3
    for width in WIDTHS:
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
        channels = width
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * (SIZE // 8) ** 2, classes))


def trained(data: Letters, trial: Trial) -> nn.Sequential:
    """The network after Adam on the cross entropy, images shifted by up to two pixels."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(trial.seed)
        model = network(len(LETTERS))
        images, label = torch.as_tensor(data.image), torch.as_tensor(data.label)
        optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-3)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimizer, 5e-3, total_steps=trial.epochs * (-(-len(images) // 64))
        )
        for _ in range(trial.epochs):
            for rows in torch.randperm(len(images)).split(64):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(images[rows]), label[rows]).backward()
                optimizer.step()
                schedule.step()
    return model.eval()


def attributed(model: nn.Sequential, data: Letters) -> xr.Dataset:
    """Relevance of each image's own class, and statistics of the channels after each block: the project's variables."""
    composite = lrp.composites.epsilon_gamma_box(low=0.0, high=1.0)
    explain = lrp.explainer(model, torch.as_tensor(data.image[:1]), composite)
    layers = [name for name, layer in model.named_modules() if isinstance(layer, nn.ReLU)]
    parts = [
        _batch(explain, layers, data, rows)
        for rows in np.array_split(np.arange(len(data.label)), len(data.label) // 128 + 1)
    ]
    coords = {"sample": np.arange(len(data.label)), "label": ("sample", data.label)}
    return xr.concat(parts, "sample").assign_coords(coords)


def _batch(explain: lrp.Explainer, layers: list[str], data: Letters, rows: np.ndarray) -> xr.Dataset:
    x, label = torch.as_tensor(data.image[rows]), torch.as_tensor(data.label[rows])
    output, pullback = explain.program(explain.weights, x)
    relevance, hidden = pullback(seed_of(output, label), at=layers)
    places = ("sample", "channel", "height", "width")
    found = {
        "image": (places, (data.image[rows] * 255).astype(np.uint8)),
        "relevance": (places, relevance.detach().numpy()),
    }
    for layer, values in hidden.items():
        dims = ("sample", f"channel_{layer}")
        for name, statistic in statistics(values.activation, values.relevance).items():
            found[f"hidden_{name}_{layer}"] = (dims, statistic.detach().numpy().astype(np.float32))
    return xr.Dataset(found)


def statistics(activation: Tensor, relevance: Tensor) -> dict[str, Tensor]:
    """Of each channel, over its places."""
    return {
        "max": activation.flatten(2).amax(2),
        "mean": activation.flatten(2).mean(2),
        "relevance": relevance.abs().flatten(2).sum(2),
    }


def predict(model: nn.Module, images: np.ndarray) -> np.ndarray:
    with torch.no_grad():
        return torch.cat([model(part).argmax(1) for part in torch.as_tensor(images).split(256)]).numpy()


def made(trial: Trial) -> tuple[xr.Dataset, dict[str, float]]:
    """Attributions, with `marked (sample)`, and what the model does."""
    images, label = letters(trial.each, SIZE, trial.seed)
    data = planted(images, label, trial.artefact, trial.share, trial.of, trial.seed)
    model = trained(data, trial)
    test, truth = letters(40, SIZE, 10_000 + trial.seed)
    told = predict(model, test)
    others = truth != trial.of
    pasted = predict(model, ARTEFACTS[trial.artefact](test[others], np.random.default_rng(0)).astype(np.float32))
    turned = np.mean((pasted == trial.of) & (told[others] != trial.of))
    facts = {"accuracy": float(np.mean(told == truth)), "reliance": float(turned)}
    return attributed(model, data).assign_coords(marked=("sample", data.marked)), facts
