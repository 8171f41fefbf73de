"""What to explain: classes and seeds."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

Target = None | int | Tensor | Callable[[Tensor], Tensor]
"""What to explain: None (the predicted class), a class, one class per sample `(batch,)`, a seed `(batch, class)`, or
a function from the output to a seed. Classes are seeded with 1."""


def seed_of(output: Tensor, target: Target) -> Tensor:
    """The relevance to start from, of the output's shape.

    Raises:
        ValueError, IndexError, TypeError: The target does not fit the output.
    """
    if callable(target) and not isinstance(target, Tensor):
        target = target(output)
        if not isinstance(target, Tensor) or target.shape != output.shape:
            raise ValueError(
                f"the target function must return a seed of shape {tuple(output.shape)}, got {_shape(target)}"
            )
    if isinstance(target, Tensor) and target.is_floating_point():
        if target.shape != output.shape:
            raise ValueError(f"a seed must have the output's shape {tuple(output.shape)}, got {tuple(target.shape)}")
        return target.to(output)
    if output.ndim != 2:
        raise ValueError(f"the output has shape {tuple(output.shape)}, not (batch, class): give a seed of that shape")
    return _one_hot(output, _classes(output, target))


def _classes(output: Tensor, target: int | Tensor | None) -> Tensor:
    """A class for each sample."""
    batch, classes = output.shape
    if target is None:
        return output.argmax(1)
    chosen = torch.as_tensor(target, device=output.device)
    if chosen.dtype == torch.bool or chosen.is_floating_point() or chosen.is_complex():
        raise TypeError(f"classes must be integers, got {chosen.dtype}")
    if chosen.ndim > 1 or (chosen.ndim == 1 and len(chosen) != batch):
        raise ValueError(f"give one class, or one for each of the {batch} samples; got shape {tuple(chosen.shape)}")
    chosen = chosen.expand(batch)
    if batch and not torch.compiler.is_compiling() and not bool(((chosen >= 0) & (chosen < classes)).all()):
        wrong = int(chosen[(chosen < 0) | (chosen >= classes)][0])
        raise IndexError(f"class {wrong} does not exist: the model has classes 0 to {classes - 1}")
    return chosen


def _one_hot(output: Tensor, classes: Tensor) -> Tensor:
    return torch.zeros_like(output).scatter(1, classes[:, None].long(), 1.0)


def _shape(value: object) -> object:
    return tuple(value.shape) if isinstance(value, Tensor) else type(value).__name__
