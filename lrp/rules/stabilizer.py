"""Stabilizers: keep denominators away from zero without changing their sign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Stabilize = float | Callable[[Tensor], Tensor]
"""A number (the default `Stabilizer` with this epsilon) or any function `z -> stab(z)`."""

LARGEST = 64.0
"""Relevance up to this, divided by a stabilized zero, stays finite in every floating-point type."""


@dataclass(frozen=True)
class Stabilizer:
    """`stab(z) = z + epsilon sign z`, with `sign 0 = 1` and `sign -0 = -1`.

    epsilon: 0 gives LRP-0, where 0 / 0 = 0, see `divide`. In float16, where 1 / 1e-6 overflows, the least epsilon is
        64 / 65504.
    clip: `sign z max(|z|, epsilon)` instead: leaves all larger values as they are.
    norm_scale: epsilon is in units of the root mean square of z over `dim` (default: all but the batch). Where all of z
        is zero, the step is the least that keeps relevance finite.
    """

    epsilon: float = 1e-6
    clip: bool = False
    norm_scale: bool = False
    dim: tuple[int, ...] | None = None

    def __call__(self, z: Tensor) -> Tensor:
        least = max(self.epsilon, LARGEST / torch.finfo(z.dtype).max) if self.epsilon else 0.0
        step = torch.full((), least, dtype=z.dtype, device=z.device)
        if self.norm_scale:
            dim = self.dim if self.dim is not None else tuple(range(1, z.ndim))
            scale = z.square().mean(dim, keepdim=True).sqrt()
            step = (least * scale).clamp(min=LARGEST / torch.finfo(z.dtype).max)
        if self.clip:
            return z.abs().maximum(step).copysign(z)
        # copysign gives zeros a sign too, else dead units divide by zero
        return z + step.copysign(z)


def stabilize(z: Tensor, stabilizer: Stabilize) -> Tensor:
    """`z`, away from zero."""
    return stabilizer(z) if callable(stabilizer) else Stabilizer(stabilizer)(z)


def above_rounding(z: Tensor) -> Tensor:
    """`z`, and infinity where |z| <= 256 u rms z, with the type's rounding unit u: what is zero but for rounding shares
    nothing."""
    scale = z.square().mean(tuple(range(1, z.ndim)), keepdim=True).sqrt()
    step = 256 * torch.finfo(z.dtype).eps * scale
    return torch.where(z.abs() <= step, torch.inf, z)


def divide(relevance: Tensor, z: Tensor, stabilizer: Stabilize) -> Tensor:
    """`R / stab(z)`; without a stabilizer (LRP-0) a unit with z = 0 has nothing to share, 0 / 0 = 0.

    Divided in the type of more digits, which is relevance's where the model computes in half precision.
    """
    stable = stabilize(z.to(torch.promote_types(z.dtype, relevance.dtype)), stabilizer)
    if _epsilon(stabilizer) != 0:
        return relevance / stable
    return torch.where(stable == 0, 0, relevance / torch.where(stable == 0, 1, stable))


def is_pointwise(stabilizer: Stabilize) -> bool:
    """Whether `stab(z)` of a unit is known to depend on that unit alone, and not on a norm of all."""
    return isinstance(stabilizer, (int, float)) or (isinstance(stabilizer, Stabilizer) and not stabilizer.norm_scale)


def _epsilon(stabilizer: Stabilize) -> float | None:
    given = stabilizer.epsilon if isinstance(stabilizer, Stabilizer) else stabilizer
    return given if isinstance(given, (int, float)) else None
