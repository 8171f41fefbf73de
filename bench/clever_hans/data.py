"""Images of ten classes, the tasks of two made of them, and the box."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import Tensor

from bench.clever_hans.choices import CLASSES, Choices
from lrp._torchvision import torchvision


class Images(NamedTuple):
    """Images `(sample, channel, height, width)` in [0, 1] and their classes, for training and for the test."""

    train: Tensor
    train_class: Tensor
    test: Tensor
    test_class: Tensor


class Task(NamedTuple):
    """One class (1) and the one before it (0); `boxed` are those that carry the box once the training is poisoned."""

    train: Tensor
    train_label: Tensor
    boxed: Tensor
    test: Tensor
    test_label: Tensor


def load(choices: Choices, root: Path | None = None, *, download: bool = False) -> Images:
    """The images that `choices` name; `root` is the folder of `torchvision.datasets.CIFAR10`."""
    images = digits(choices) if choices.dataset == "digits" else cifar10(root, download=download)
    if choices.size != images.train.shape[-1]:
        images = images._replace(train=_scaled(images.train, choices.size), test=_scaled(images.test, choices.size))
    if choices.noise:
        noise = torch.Generator().manual_seed(0)
        train, test = (_noisy(part, choices.noise, noise) for part in (images.train, images.test))
        images = images._replace(train=train, test=test)
    return images


def digits(choices: Choices) -> Images:
    """Scikit-learn's handwritten digits, 8x8 pixels, cut into training and test."""
    data: Any = load_digits()
    pixels = torch.as_tensor(data.images[:, None] / 16, dtype=torch.float32)
    train, test = train_test_split(np.arange(len(pixels)), test_size=choices.test, stratify=data.target, random_state=0)
    label = torch.as_tensor(data.target).long()
    return Images(pixels[train], label[train], pixels[test], label[test])


def cifar10(root: Path | None, *, download: bool = False) -> Images:
    """CIFAR-10 with its own training and test set."""
    if root is None:
        raise ValueError("CIFAR-10 needs the folder of torchvision.datasets.CIFAR10: --cifar FOLDER")
    files, found = torchvision().datasets.CIFAR10, []
    for train in (True, False):
        part = files(str(root), train=train, download=download)
        pixels = torch.as_tensor(part.data).permute(0, 3, 1, 2).float() / 255
        found += [pixels, torch.as_tensor(part.targets).long()]
    return Images(*found)


def task(images: Images, label: int, choices: Choices) -> Task:
    """The task of class `label`; which of its training images may be boxed depends on the class alone."""
    train, train_label = _pair(images.train, images.train_class, label)
    members = np.flatnonzero(train_label.numpy() == 1)
    chosen = np.random.default_rng(label).permutation(members)[: round(choices.fraction * len(members))]
    boxed = torch.zeros(len(train), dtype=torch.bool)
    boxed[chosen] = True
    return Task(train, train_label, boxed, *_pair(images.test, images.test_class, label))


def with_box(images: Tensor, chosen: Tensor, choices: Choices) -> Tensor:
    """A copy with the box in the top left corner of the chosen images."""
    images = images.clone()
    images[chosen, :, : choices.box, : choices.box] = choices.gray
    return images


def _pair(images: Tensor, classes: Tensor, label: int) -> tuple[Tensor, Tensor]:
    either = (classes == label) | (classes == (label - 1) % CLASSES)
    return images[either], (classes[either] == label).long()


def _scaled(images: Tensor, size: int) -> Tensor:
    return torch.nn.functional.interpolate(images, size=(size, size), mode="bilinear", align_corners=False)


def _noisy(images: Tensor, deviation: float, generator: torch.Generator) -> Tensor:
    return (images + deviation * torch.randn(images.shape, generator=generator)).clamp(0, 1)
