"""The photographs that scikit-image and scikit-learn carry, as networks take them; and a tone, for want of a recording.

Neither package carries sound, so that the tone is synthesized.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from PIL import Image
from skimage import data
from sklearn.datasets import load_sample_image
from torch import Tensor

Box = tuple[int, int, int, int]
"""Left, top, right, bottom, in pixels."""

FACE: Box = (155, 30, 285, 160)  # of the astronaut
TITLE: Box = (0, 4, 300, 36)  # "Region-based segmentation", of the page
LINE: Box = (2, 47, 378, 68)  # the first line below


def photograph(name: str, size: tuple[int, int], box: Box | None = None) -> Tensor:
    """`(channel, height, width)` in [0, 1].

    Args:
        name: astronaut, chelsea (a cat), coffee, rocket, page, text: of scikit-image; china, flower: of scikit-learn.
        size: Height and width.
        box: What of it; the largest part of the size's shape in the middle where it is not said.
    """
    pixels: Any = load_sample_image(f"{name}.jpg") if name in ("china", "flower") else getattr(data, name)()
    image = Image.fromarray(np.asarray(pixels)).convert("RGB")
    image = image.resize((size[1], size[0]), Image.Resampling.BILINEAR, box or _middle(image, size))
    return torch.from_numpy(np.asarray(image).copy()).permute(2, 0, 1).float() / 255


def photographs(names: str, size: tuple[int, int]) -> Tensor:
    """A batch of them."""
    return torch.stack([photograph(name, size) for name in names.split()])


def _middle(image: Image.Image, size: tuple[int, int]) -> tuple[float, float, float, float]:
    scale = min(image.height / size[0], image.width / size[1])
    height, width = size[0] * scale, size[1] * scale
    left, top = (image.width - width) / 2, (image.height - height) / 2
    return left, top, left + width, top + height


def tone(hertz: float, samples: int, rate: int) -> Tensor:
    """A tone with eight overtones that fade, and a little noise; mean 0 and deviation 1, `(sample,)`."""
    seconds = torch.arange(samples, dtype=torch.float64) / rate
    waves = [torch.sin(2 * torch.pi * hertz * n * seconds + n) / n for n in range(1, 9) if hertz * n < rate / 2]
    noise = torch.randn(samples, dtype=torch.float64, generator=torch.Generator().manual_seed(int(hertz)))
    wave = torch.stack(waves).sum(0) + 0.02 * noise
    return ((wave - wave.mean()) / wave.std()).float()
