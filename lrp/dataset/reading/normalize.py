"""Input statistics: what a model's input was normalized by, and the bounds that follow for z_box."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from lrp.explain.one_call import Explainer

TOLERANCE = 1e-4


@dataclass(frozen=True)
class Normalization:
    """`(pixels - mean) / std` for each channel, pixels in [0, 1]; `low` and `high` are the bounds after it.

    Example:
        >>> import torch, lrp
        >>> box = Normalization((0.5, 0.25), (0.5, 0.25))
        >>> box.low.flatten().tolist(), box.high.flatten().tolist()
        ([-1.0, -1.0], [1.0, 3.0])
        >>> box(torch.ones(1, 2, 4, 4)).amax((2, 3)).tolist()
        [[1.0, 3.0]]
        >>> composite = lrp.composites.epsilon_gamma_box(low=box.low, high=box.high)
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.mean) != len(self.std) or not self.mean or min(self.std) <= 0:
            raise ValueError(f"a mean and a positive std for each channel, got {self.mean} and {self.std}")

    def __call__(self, pixels: Tensor) -> Tensor:
        """Pixels in [0, 1], `(batch, channel, ...)`, as the model wants them."""
        rank = pixels.ndim - 1
        mean, std = (torch.tensor(v, device=pixels.device).to(pixels) for v in (self.mean, self.std))
        if len(mean) not in (1, pixels.shape[1]):
            raise ValueError(f"images have {pixels.shape[1]} channels, the normalization {len(mean)}")
        return (pixels - mean.reshape(-1, *[1] * (rank - 1))) / std.reshape(-1, *[1] * (rank - 1))

    @property
    def low(self) -> Tensor:
        """Black, `(1, channel, 1, 1)`."""
        return self(torch.zeros(1, len(self.mean), 1, 1))

    @property
    def high(self) -> Tensor:
        """White, `(1, channel, 1, 1)`."""
        return self(torch.ones(1, len(self.mean), 1, 1))


NORMALIZATIONS = {
    "none": Normalization((0.0,), (1.0,)),
    "imagenet": Normalization((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "half": Normalization((0.5,), (0.5,)),
    "cifar10": Normalization((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "mnist": Normalization((0.1307,), (0.3081,)),
    "clip": Normalization((0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)),
}
"""Known statistics by name; `half` maps to [-1, 1]."""


def normalization(text: str) -> Normalization:
    """A name of `NORMALIZATIONS`, or `mean,...:std,...`.

    Raises:
        ValueError: It is neither.

    Example:
        >>> normalization("0.5,0.4:0.2,0.3")
        Normalization(mean=(0.5, 0.4), std=(0.2, 0.3))
    """
    if text in NORMALIZATIONS:
        return NORMALIZATIONS[text]
    try:
        mean, std = (tuple(float(number) for number in part.split(",")) for part in text.split(":"))
    except ValueError:
        names = ", ".join(NORMALIZATIONS)
        raise ValueError(f"{text!r} is no normalization; give one of {names}, or MEAN,...:STD,...") from None
    return Normalization(mean, std)


def bounds(explain: Callable[..., Any]) -> tuple[Tensor, Tensor] | None:
    """The box that a rule of an explainer assumes its input in, if one does."""
    rows = explain.program.composite if isinstance(explain, Explainer) else ()
    for _, rule in rows:
        if rule.bounds is not None:
            low, high = map(torch.as_tensor, rule.bounds)
            return low, high
    return None


def warn_outside(x: Tensor, boxes: Iterable[tuple[Tensor, Tensor]], names: str) -> bool:
    """Warn if inputs leave the box: z_box's shares may then be of the wrong sign. Returns whether they do."""
    for low, high in boxes:
        low, high = low.to(x), high.to(x)
        if not (_least(x, low) < low - TOLERANCE).any() and not (_least(-x, high) < -high - TOLERANCE).any():
            continue
        outside = (((x < low - TOLERANCE) | (x > high + TOLERANCE)) & x.isfinite()).float().mean().item()
        if outside:
            warnings.warn(
                f"{outside:.1%} of the input values of {names} lie outside [low, high] of z_box (inputs from "
                f"{x.min():.3g} to {x.max():.3g}, low down to {low.min():.3g}, high up to {high.max():.3g}): relevance "
                "is then not what the rule promises. Derive low and high from the normalization of the images",
                stacklevel=2,
            )
            return True
    return False


def _least(x: Tensor, bound: Tensor) -> Tensor:
    """The least of all values that share a bound."""
    shape = (1,) * (x.ndim - bound.ndim) + tuple(bound.shape)
    return x.amin([axis for axis, size in enumerate(shape) if size == 1], keepdim=True) if 1 in shape else x
