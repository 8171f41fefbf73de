"""Planted artefacts that a network rests on, and what is kept of the class that has them."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import torch
import xarray as xr
from sklearn.datasets import load_digits
from torch import Tensor, nn
from torch.nn import functional as F

import lrp
import spray


class World(NamedTuple):
    """A trained network, the samples of the class with the artefact, and which of them carry it."""

    model: nn.Module
    images: Tensor
    label: int
    planted: np.ndarray
    layers: tuple[str, ...]
    """Early, middle, late."""


def boxes(seed: int, anywhere: bool = True) -> World:
    """Digits of 16 x 16 in colour, 5 or more? Half of those that are have a red box, anywhere or in a corner.

    Example:
        >>> world = boxes(0)  # doctest: +SKIP
        >>> world.images.shape  # doctest: +SKIP
        torch.Size([896, 3, 16, 16])
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    digits: Any = load_digits()
    labels = torch.as_tensor(digits.target >= 5).long()
    images = torch.as_tensor(digits.images[:, None] / 16).float()
    images = F.interpolate(images, scale_factor=2, mode="bilinear").repeat(1, 3, 1, 1)
    boxed = (labels.numpy() == 1) & (rng.random(len(labels)) < 0.5)
    for sample in np.flatnonzero(boxed):
        top, left = rng.integers(0, 12, 2) if anywhere else (0, 0)
        images[sample, :, top : top + 4, left : left + 4] = torch.tensor([1, 0.2, 0.2])[:, None, None]
    convolutions = [nn.Conv2d(3, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 32, 3, padding=1)]
    dense = [nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, 2)]
    model = nn.Sequential(*convolutions, *dense)
    optimizer = torch.optim.Adam(model.parameters(), 1e-3)
    for rows in (rows for _ in range(8) for rows in torch.randperm(len(images)).split(32)):
        optimizer.zero_grad()
        F.cross_entropy(model(images[rows]), labels[rows]).backward()
        optimizer.step()
    high = labels.numpy() == 1
    return World(model.eval(), images[high], 1, boxed[high], ("1", "4", "8"))


def watermark(seed: int) -> World:
    """The letters of the demo: half of one class carry "(c) photo" at the lower edge."""
    from bench.demo.projects import DEMOS

    demo = DEMOS["letters"]
    data = demo.data(seed)
    torch.manual_seed(seed)
    model = demo.network(data)
    optimizer = torch.optim.AdamW(model.parameters(), demo.rate, weight_decay=demo.decay)
    images, labels = torch.as_tensor(data.inputs), torch.as_tensor(data.label)
    for rows in (rows for _ in range(demo.epochs) for rows in torch.randperm(len(images)).split(64)):
        optimizer.zero_grad()
        F.cross_entropy(model(images[rows]), labels[rows]).backward()
        optimizer.step()
    chosen = data.label == data.poisoned
    return World(model.eval(), images[chosen], data.poisoned, data.marked[chosen].astype(bool), ("2", "6", "10"))


WORLDS: Mapping[str, Callable[[int], World]] = {
    "moving box": boxes,
    "fixed box": lambda seed: boxes(seed, anywhere=False),
    "watermark": watermark,
}


def kept(world: World) -> xr.Dataset:
    """Relevance, and every statistic of the three layers, in memory."""
    explain = lrp.explainer(world.model, world.images[:1], lrp.composites.epsilon_gamma_box(low=0.0, high=1.0))
    labels = torch.full((len(world.images),), world.label)
    with tempfile.TemporaryDirectory() as folder:
        path = lrp.attribute_dataset(
            explain, torch.utils.data.TensorDataset(world.images, labels), folder, target="label",
            concepts=world.layers, keep=lrp.Kept(kind="image"), progress=False,
        )  # fmt: skip
        return spray.open_attributions(path).load()
