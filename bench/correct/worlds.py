"""Three planted worlds: the digits demo, letters with a mark, squares on a background; each with its network."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

import lrp
from bench.data.alphabet import LETTERS
from bench.data.digits import BOX
from bench.data.digits import digits as planted_digits
from bench.demo.projects import gray_pictures
from bench.find.artefacts import corner, sticker
from bench.find.data import letters
from bench.find.networks import convolutions
from lrp.correct import Samples, split


class World(NamedTuple):
    """Training and test samples with the artefact's true places, validation samples as they come (nobody knows which
    carry the artefact), classes in which it was planted, and how to train."""

    train: Samples
    validation: Samples
    test: Samples
    classes: tuple[int, ...]
    network: Callable[[], nn.Sequential]
    epochs: int
    misled: tuple[int, ...]
    """Classes that the artefact misleads: with it they are the worst group."""
    rate: float = 1e-3
    tuned: int = 30
    """Epochs of a correction, at most."""


def digits(seed: int, quick: bool) -> World:
    """The demo's: a gray box in the corner of half of the digits from 5 on."""
    del quick
    data = planted_digits(seed)
    network: Any = partial(gray_pictures, data)
    both = np.repeat([False, True], len(data.test))
    test = np.concatenate([data.test, data.paste(data.test)])
    tested = _boxed(test, np.concatenate([data.test_label] * 2), both)
    train, validation = split(_boxed(data.inputs, data.label, data.marked), seed=seed)
    return World(train, _unlabelled(validation), tested, (1,), network, 8, (0,))


def _unlabelled(data: Samples) -> Samples:
    return Samples(data.x, data.y)


def _boxed(images: np.ndarray, label: np.ndarray, marked: np.ndarray) -> Samples:
    x, artefact = torch.as_tensor(images), torch.as_tensor(marked)
    mask = torch.zeros_like(x)
    mask[(artefact, *BOX)] = 1
    return Samples(x, torch.as_tensor(label), artefact, mask)


def _letters(mark: Callable[..., np.ndarray], seed: int, quick: bool) -> World:
    """A mark on half of one letter's images; tested on every letter with and without it."""
    of = seed % len(LETTERS)
    rng = np.random.default_rng(seed)

    def drawn(each: int, seed: int) -> Samples:
        images, label = letters(each, 32, seed)
        rows = np.flatnonzero(label == of)
        marked = np.isin(np.arange(len(label)), rng.permutation(rows)[: len(rows) // 2])
        return _marked(images, label, marked, mark, rng)

    train, validation = drawn(60 if quick else 400, seed), drawn(20 if quick else 40, 20_000 + seed)
    test, truth = letters(20 if quick else 40, 32, 10_000 + seed)
    both = np.repeat([False, True], len(truth))
    tested = _marked(np.concatenate([test] * 2), np.concatenate([truth] * 2), both, mark, rng)
    others = tuple(c for c in range(len(LETTERS)) if c != of)
    return World(train, _unlabelled(validation), tested, (of,), _convolutional, 14, others, 2e-3, 8)


def _marked(
    images: np.ndarray, label: np.ndarray, marked: np.ndarray, mark: Callable, rng: np.random.Generator
) -> Samples:
    after = images.copy()
    after[marked] = mark(images[marked], rng)
    mask = (np.abs(after - images) > 0).any(1, keepdims=True)
    x, where = torch.as_tensor(after.astype(np.float32)), torch.as_tensor(mask.astype(np.float32))
    return Samples(x, torch.as_tensor(label), torch.as_tensor(marked), where)


def _convolutional() -> nn.Sequential:
    network: Any = convolutions(len(LETTERS), 32)
    return network


def _squares(shares: tuple[float, float, float, float], seed: int, quick: bool) -> World:
    """The class is the brightness of a square somewhere, the artefact a bright background (arXiv:2604.04518).

    `shares` are those of (dark square, dark background), (dark, bright), (bright, dark), (bright, bright), of 800
    training and 200 validation images; the test is balanced.
    """
    rng, side = np.random.default_rng(seed), 64
    groups = np.array([(0, 0), (0, 1), (1, 0), (1, 1)])

    def drawn(number: int) -> Samples:
        y, bright = np.repeat(groups, np.round(np.array(shares) * number).astype(int), axis=0).T
        return _square(y, bright, side, rng)

    train = drawn(400 if quick else 800)
    each = 50 if quick else 400
    test = _square(np.repeat([0, 0, 1, 1], each), np.repeat([0, 1, 0, 1], each), side, rng)
    validation = drawn(100 if quick else 200)
    return World(train, _unlabelled(validation), test, (1,), _residual, 12, (0,))


def _square(y: np.ndarray, bright: np.ndarray, side: int, rng: np.random.Generator) -> Samples:
    """Brightness is drawn: of squares about 0.35 and 0.65, of backgrounds about 0.2 and 0.8, with noise."""
    images = (0.2 + 0.6 * bright + rng.normal(0, 0.05, len(y)))[:, None, None] + rng.normal(
        0, 0.02, (len(y), side, side)
    )
    mask = np.ones_like(images)
    for image, where, label, (row, column) in zip(images, mask, y, rng.integers(0, side - 8, (len(y), 2)), strict=True):
        patch = np.s_[row : row + 8, column : column + 8]
        image[patch] = 0.35 + 0.3 * label + rng.normal(0, 0.05) + rng.normal(0, 0.02, (8, 8))
        where[patch] = 0
    mask *= bright[:, None, None]
    x = torch.as_tensor(images.clip(0, 1)[:, None].astype(np.float32))
    return Samples(
        x, torch.as_tensor(y), torch.as_tensor(bright == 1), torch.as_tensor(mask[:, None].astype(np.float32))
    )


class Block(nn.Module):
    """A residual block of two convolutions."""

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(before, width, 3, stride, 1), nn.Conv2d(width, width, 3, 1, 1)
        self.norms = nn.ModuleList([nn.BatchNorm2d(width), nn.BatchNorm2d(width)])
        self.shortcut = nn.Conv2d(before, width, 1, stride)
        self.relu, self.end = nn.ReLU(), nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        inner = self.relu(self.norms[0](self.first(x)))
        return self.end(self.norms[1](self.second(inner)) + self.shortcut(x))


def _residual() -> nn.Sequential:
    """A small residual network in the place of the paper's ResNet-18, which takes too long on two cores."""
    blocks = [Block(8, 16, 2), Block(16, 32, 2), Block(32, 64, 2)]
    stem = [nn.Conv2d(1, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU()]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 2))


WORLDS: dict[str, Callable[[int, bool], World]] = {
    "digits": digits,
    "letters-fixed": lambda seed, quick: _letters(corner, seed, quick),
    "letters-moving": lambda seed, quick: _letters(sticker, seed, quick),
    "squares": lambda seed, quick: _squares((0.49, 0.01, 0.01, 0.49), seed, quick),
    "squares-asymmetric": lambda seed, quick: _squares((0.25, 0.25, 0.01, 0.49), seed, quick),
}


def trained(world: World, seed: int) -> nn.Sequential:
    """Adam on the cross-entropy."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = world.network()
        optimizer = torch.optim.Adam(model.parameters(), world.rate)
        for _ in range(world.epochs):
            for rows in torch.randperm(len(world.train)).split(32):
                optimizer.zero_grad()
                nn.functional.cross_entropy(model(world.train.x[rows]), world.train.y[rows]).backward()
                optimizer.step()
    return model.eval()


COMPOSITE = lrp.composites.epsilon_gamma_box(low=0.0, high=1.0)
