"""Three small networks: convolutions with batch norm, residual blocks, attention over patches."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

WIDTHS = (16, 32, 64)


def convolutions(classes: int, size: int) -> nn.Module:
    """Three blocks of convolution, batch norm, ReLU and pooling, and a linear layer on all places."""
    layers, channels = [], 3
    for width in WIDTHS:
        layers += [nn.Conv2d(channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(), nn.MaxPool2d(2)]
        channels = width
    if size > 32:
        layers += [nn.AvgPool2d(size // 32)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Linear(channels * 4 * 4, classes))


class Block(nn.Module):
    """relu(x + f(x)), f two convolutions with batch norm (He et al. 2016)."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels, width, 3, stride, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
        )
        self.skip = nn.Identity() if channels == width and stride == 1 else nn.Conv2d(channels, width, 1, stride)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        return self.relu(self.body(x) + self.skip(x))


def residual(classes: int, size: int) -> nn.Module:
    """A stem, four residual blocks, and a linear layer on 4 x 4 means."""
    stem = [nn.Conv2d(3, 16, 3, 2 * size // 32, 1, bias=False), nn.BatchNorm2d(16), nn.ReLU()]
    blocks = [Block(16, 16, 1), Block(16, 32, 1), Block(32, 64, 2), Block(64, 64, 1)]
    return nn.Sequential(*stem, *blocks, nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Linear(64 * 16, classes))


class Attention(nn.Module):
    """Tokens of a convolutional stem (Xiao et al. 2021), blocks of attention, a linear layer on their mean."""

    def __init__(self, classes: int, size: int, width: int = 48, depth: int = 3) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(3, 24, 3, 2 * size // 32, 1), nn.BatchNorm2d(24), nn.ReLU(), nn.Conv2d(24, width, 3, 2, 1)
        )
        self.place = nn.Parameter(0.02 * torch.randn(1, 64, width))
        options = {"batch_first": True, "norm_first": True, "activation": "gelu", "dropout": 0.0}
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(width, 4, 2 * width, **options)  # type: ignore[arg-type]
            for _ in range(depth)
        )
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, classes)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.stem(x).flatten(2).transpose(1, 2) + self.place
        for block in self.blocks:
            tokens = block(tokens)
        return self.head(self.norm(tokens).mean(1))


def attention(classes: int, size: int) -> nn.Module:
    """A small vision transformer."""
    return Attention(classes, size)


NETWORKS: dict[str, Callable[[int, int], nn.Module]] = {
    "cnn": convolutions,
    "residual": residual,
    "vit": attention,
}
