"""What to explain: classes, places in the output, and seeds. One rule for all who are asked."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

Target = None | int | tuple[int, ...] | Tensor | Callable[[Tensor], Tensor]
"""What to explain of an output `(batch, ...)`:

- None: the predicted class of `(batch, class)`;
- a class, or one class per sample `(batch,)`, integers;
- an index tuple such as `(3, 5, 7)` into the axes behind the batch, or one per sample `(batch, k)`, integers;
- a seed of the output's shape, floating-point numbers;
- a function from the output to a seed: `logit(target)`, whose relevance is the output itself and not 1, and
  `contrast(target, foil)` are such.

A token `t` at a position `p` of `(batch, position, token)` is the index tuple `(p, t)`. Classes and places are seeded
with 1. An output `(batch,)` or `(batch, 1)` is one logit, of two classes by its sign: class 1, predicted above zero, is
seeded with +1 and class 0 with -1, which explains the negative logit. A regression's value is explained by
`torch.ones_like`, or by an index tuple: `()` into `(batch,)`, `(0,)` into `(batch, 1)`."""


def seed_of(output: Tensor, target: Target) -> Tensor:
    """The relevance to start from, of the output's shape.

    Args:
        output: Of the model, `(batch, ...)`.
        target: See `Target`; lists and arrays of integers are taken for tensors.

    Raises:
        ValueError, IndexError, TypeError: The target does not fit the output.

    Example:
        >>> output = torch.tensor([[0.1, 0.7], [2.0, -1.0]])
        >>> seed_of(output, None).tolist(), seed_of(output, (1,)).tolist()
        ([[0.0, 1.0], [1.0, 0.0]], [[0.0, 1.0], [0.0, 1.0]])
        >>> seed_of(output[:, 1], None).tolist()  # one logit: class 1 is its value, class 0 the value's negative
        [1.0, -1.0]
    """
    if not output.ndim:
        raise ValueError("the output is one number, without a batch axis: return (batch, ...) from the model")
    if target is None:
        return _of_classes(output, predicted(output))
    if isinstance(target, Tensor) and target.is_floating_point():
        if target.shape != output.shape:
            raise ValueError(f"a seed must have the output's shape {tuple(output.shape)}, got {tuple(target.shape)}")
        return target.to(output)
    if callable(target) and not isinstance(target, Tensor):
        return _returned(output, target(output))
    chosen = integers(target, output.device)
    if isinstance(target, tuple) or chosen.ndim == 2:
        return _at(output, _places(output, chosen, isinstance(target, tuple)))
    return _of_classes(output, _classes(output, chosen))


def logit(target: Target = None) -> Callable[[Tensor], Tensor]:
    """A target that starts with the output itself in place of 1: the relevance of all inputs is then that of its value.

    Explanations of several samples are on one scale, and the sign is that of the output. LXT starts so.

    Args:
        target: What to explain, see `Target`; of a seed or a function, the output is multiplied with it.

    Example:
        >>> output = torch.tensor([[0.5, 2.0], [3.0, -1.0]])
        >>> seed_of(output, logit(1)).tolist()
        [[0.0, 2.0], [0.0, -1.0]]
    """

    def seed(output: Tensor) -> Tensor:
        # one logit's class 0 is seeded with -1 already, and its value is the negative logit
        return output * seed_of(output, target)

    seed.__qualname__ = f"logit({_said(target)})"  # by which a project tells it from others
    return seed


def contrast(target: Target = None, foil: Target = None) -> Callable[[Tensor], Tensor]:
    """A target that explains why this and not that: the difference of two outputs, z_target - z_foil.

    The seed is z_target at the target and -z_foil at the foil, so that relevance adds up to the difference.

    Args:
        target: What to explain, see `Target`.
        foil: What to compare with, likewise; None for the mean of all others on the last axis, at the same place.

    Raises:
        ValueError: The output is one logit a sample, which is a difference already; or there is nothing else.

    Example:
        >>> output = torch.tensor([[0.5, 2.0, 1.0], [3.0, -1.0, 4.0]])
        >>> seed_of(output, contrast(1, 0)).tolist()
        [[-0.5, 2.0, 0.0], [-3.0, -1.0, 0.0]]
        >>> seed_of(output, contrast(1)).tolist()
        [[-0.25, 2.0, -0.5], [-1.5, -1.0, -2.0]]
    """

    def seed(output: Tensor) -> Tensor:
        if output.ndim < 2 or output.shape[-1] < 2:
            raise ValueError(f"contrast needs several outputs to tell apart, got shape {tuple(output.shape)}")
        chosen = seed_of(output, target)
        if foil is not None:
            return output * (chosen - seed_of(output, foil))
        others = (chosen.sum(-1, keepdim=True) - chosen) / (output.shape[-1] - 1)
        return output * (chosen - others)

    seed.__qualname__ = f"contrast({_said(target)}, {_said(foil)})"
    return seed


def _said(target: Target) -> str:
    if isinstance(target, Tensor):
        return f"{target.tolist()}"
    return getattr(target, "__qualname__", repr(target))


def class_count(output: Tensor) -> int | None:
    """How many classes an output tells apart: two for one logit, None if its axes are no classes."""
    return 2 if is_logit(output) else int(output.shape[1]) if output.ndim == 2 else None


def is_logit(output: Tensor) -> bool:
    """Whether an output is one number a sample, `(batch,)` or `(batch, 1)`."""
    return output.ndim == 1 or (output.ndim == 2 and output.shape[1] == 1)


def predicted(output: Tensor) -> Tensor:
    """The predicted class, `(batch,)`: the highest output's, or whether one logit is above zero.

    Raises:
        ValueError: The output has other axes than classes.
    """
    if is_logit(output):
        return (output.reshape(len(output)) > 0).long()
    _need_classes(output)
    return output.argmax(1)


def scores(output: Tensor, classes: Tensor) -> Tensor:
    """The output of a class of each sample, `(batch,)`; one logit as it is."""
    return output.reshape(len(output)) if is_logit(output) else output.gather(1, classes[:, None])[:, 0]


def integers(target: Any, device: torch.device | None = None) -> Tensor:
    """A class, classes or indices as a tensor.

    Raises:
        TypeError: These are no integers.
    """
    try:
        chosen = torch.as_tensor(target, device=device)
    except (TypeError, ValueError, RuntimeError) as error:
        raise TypeError(
            f"a target is None, a class, one per sample, an index tuple, a seed tensor or a function, got {target!r}"
        ) from error
    if isinstance(target, tuple) and not target:
        return chosen.long()
    if chosen.dtype == torch.bool or chosen.is_floating_point() or chosen.is_complex():
        raise TypeError(f"classes must be integers, got {chosen.dtype}; a seed is a floating-point tensor")
    return chosen


def _returned(output: Tensor, seed: Any) -> Tensor:
    """What a target function returned, as a seed; integers and booleans are weights here, never classes."""
    if not isinstance(seed, Tensor) or seed.shape != output.shape:
        got = tuple(seed.shape) if isinstance(seed, Tensor) else type(seed).__name__
        raise ValueError(f"the target function must return a seed of shape {tuple(output.shape)}, got {got}")
    return seed.to(output)


def _need_classes(output: Tensor) -> None:
    if class_count(output) is None:
        axes = output.ndim - 1
        raise ValueError(
            f"the output has shape {tuple(output.shape)}, not (batch, class): give an index tuple such as "
            f"{(0,) * axes}, one per sample (batch, {axes}), a seed of that shape, or a function of the output"
        )


def _classes(output: Tensor, chosen: Tensor) -> Tensor:
    """A class for each sample."""
    _need_classes(output)
    batch, classes = len(output), class_count(output) or 0
    if chosen.ndim > 1 or (chosen.ndim == 1 and len(chosen) != batch):
        raise ValueError(f"give one class, or one for each of the {batch} samples; got shape {tuple(chosen.shape)}")
    chosen = chosen.expand(batch)
    if batch and not torch.compiler.is_compiling() and not bool(((chosen >= 0) & (chosen < classes)).all()):
        wrong = int(chosen[(chosen < 0) | (chosen >= classes)][0])
        raise IndexError(f"class {wrong} does not exist: the model has classes 0 to {classes - 1}")
    return chosen


def _places(output: Tensor, chosen: Tensor, is_one: bool) -> Tensor:
    """An index tuple for each sample, `(batch, axis)`."""
    batch, sizes = len(output), output.shape[1:]
    if not is_one and is_logit(output):
        raise ValueError(f"one logit a sample has classes 0 and 1: give them as ({batch},), not {tuple(chosen.shape)}")
    if tuple(chosen.shape) != ((len(sizes),) if is_one else (batch, len(sizes))):
        given = tuple(chosen.tolist()) if is_one and chosen.ndim == 1 else f"an integer array {tuple(chosen.shape)}"
        raise ValueError(
            f"the output has shape {tuple(output.shape)}, so that an index is a tuple of {len(sizes)} and an array of "
            f"them ({batch}, {len(sizes)}); got {given}. Classes per sample are a list, a seed is floating-point"
        )
    limits = torch.tensor(sizes, device=output.device)
    if batch and not torch.compiler.is_compiling() and not bool(((chosen >= 0) & (chosen < limits)).all()):
        rows = chosen.reshape(-1, len(sizes))
        wrong = rows[((rows < 0) | (rows >= limits)).any(1)][0]
        raise IndexError(f"index {tuple(wrong.tolist())} does not exist: behind the batch the output is {tuple(sizes)}")
    return chosen.expand(batch, len(sizes))


def _of_classes(output: Tensor, classes: Tensor) -> Tensor:
    if is_logit(output):
        return (2 * classes - 1).to(output).reshape(output.shape)
    return torch.zeros_like(output).scatter(1, classes[:, None].long(), 1.0)


def _at(output: Tensor, places: Tensor) -> Tensor:
    rows = torch.arange(len(output), device=output.device)
    return torch.zeros_like(output).index_put((rows, *places.long().T), output.new_ones(()))
