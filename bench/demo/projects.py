"""The projects: which data, which network, which composite, and what there is to see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, nn

import lrp
from bench.data.digits import digits
from bench.data.docstrings import docstrings
from bench.data.heartbeats import beats
from bench.data.letters import letters_over_photographs
from bench.data.planted import Planted
from bench.data.table import biopsies
from lrp.composites import Composite


@dataclass(frozen=True)
class Demo:
    """One project.

    title, model: For people.
    data: Seed -> samples.
    network: Samples -> a network to train.
    composite: Which rules explain it.
    see: What a stranger sees, in a sentence.
    epochs, rate, decay: Of AdamW, in batches of 64.
    kept: Further options of `lrp.Kept`.
    """

    title: str
    model: str
    data: Callable[[int], Planted]
    network: Callable[[Planted], nn.Module]
    composite: Composite
    see: str
    epochs: int
    rate: float = 1e-3
    decay: float = 1e-2
    kept: Mapping[str, Any] = field(default_factory=dict)


class Reader(nn.Module):
    """A text's class: words as vectors, three in a row at a time, and the strongest of each feature."""

    def __init__(self, words: int, classes: int, width: int = 24, features: int = 48) -> None:
        super().__init__()
        self.words = nn.Embedding(words, width, padding_idx=0)
        self.window = nn.Conv1d(width, features, 3, padding=1)
        self.classes = nn.Linear(features, classes)

    def forward(self, ids: Tensor) -> Tensor:
        seen = torch.relu(self.window(self.words(ids).transpose(1, 2)))
        return self.classes(seen.amax(2))


def pictures(data: Planted) -> nn.Module:
    """Three convolutions, the first one in steps of two, each followed by pooling, and a dense layer."""
    layers: list[nn.Module] = []
    channels = 3
    for width, size, stride in ((16, 5, 2), (32, 3, 1), (64, 3, 1)):
        convolution = nn.Conv2d(channels, width, size, stride, padding=size // 2)
        layers += [convolution, nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
        channels = width
    return nn.Sequential(
        *layers, nn.Flatten(), nn.Linear(channels * (data.inputs.shape[-1] // 16) ** 2, len(data.classes))
    )


def gray_pictures(data: Planted) -> nn.Module:
    """conv 16, conv 32, max pooling, two dense layers: 37 000 parameters."""
    layers = [nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(512, 64), nn.ReLU(), nn.Linear(64, len(data.classes)))


def signals(data: Planted) -> nn.Module:
    """Four convolutions in time, the mean over time of the last, and a dense layer."""
    layers: list[nn.Module] = []
    channels = data.inputs.shape[1]
    for width in (16, 32, 32, 32):
        layers += [nn.Conv1d(channels, width, 7, padding=3), nn.BatchNorm1d(width), nn.ReLU(), nn.MaxPool1d(2)]
        channels = width
    return nn.Sequential(*layers, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(channels, len(data.classes)))


def rows(data: Planted) -> nn.Module:
    """Two dense layers."""
    return nn.Sequential(nn.Linear(data.inputs.shape[1], 32), nn.ReLU(), nn.Linear(32, len(data.classes)))


DEMOS: dict[str, Demo] = {
    "letters": Demo(
        "Letters over photographs",
        "CNN: which letter?",
        letters_over_photographs,
        pictures,
        lrp.composites.epsilon_gamma_box(low=0.0, high=1.0),
        'class H: one cluster rests on "(c) photo" at the lower edge',
        10,
        5e-3,
        kept={"sum_channels": True},
    ),
    "text": Demo(
        "Which library is this docstring from?",
        "CNN of words",
        docstrings,
        lambda data: Reader(len(data.vocabulary), len(data.classes)),
        lrp.composites.epsilon_plus(),
        "class scipy: one cluster rests on the word [draft]",
        5,
        1e-2,
    ),
    "table": Demo(
        "Biopsies: malignant or benign?",
        "two dense layers",
        biopsies,
        rows,
        lrp.composites.epsilon_plus(),
        "class malignant: one cluster rests on the column oncology visits",
        30,
        3e-3,
    ),
    "heartbeats": Demo(
        "Heartbeats: which kind of beat?",
        "CNN in time",
        beats,
        signals,
        lrp.composites.epsilon_plus(),
        "class late branch: one cluster rests on the hum of the mains, all along lead II",
        12,
        3e-3,
    ),
    "digits": Demo(
        "Digits with a Clever Hans",
        "CNN: 5 or more?",
        digits,
        gray_pictures,
        lrp.composites.epsilon_gamma_box(low=0.0, high=1.0),
        "class 5 to 9: one cluster rests on a gray box in the corner",
        8,
    ),
}
SHOWN = ("letters", "text", "table", "heartbeats")
"""What is built unless you say otherwise: one of each kind. The digits are the tutorial's."""
