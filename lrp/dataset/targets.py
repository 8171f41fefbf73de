"""What to explain of each sample of a dataset, and how a project remembers it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from lrp.dataset.manifest import digest
from lrp.explain.target import Target, class_count, integers, is_logit

SampleTarget = None | str | int | tuple[int, ...] | Sequence[Any] | np.ndarray | Tensor | Callable[[Tensor], Tensor]
"""What to explain of each sample, for a model whose output is `(batch, ...)`:

- None or "prediction", its predicted class; "label"; a class;
- an index tuple such as `(3, 5, 7)` into the axes behind the batch, for outputs of any shape;
- an array by the dataset's positions: classes `(n,)` or index tuples `(n, k)`, integers, or seeds `(n, ...)`, a
  floating-point tensor;
- a function from a batch's output to a seed of its shape;
- "top3" or "every": the prediction, and beside it the three highest classes, or all, as `relevance_each (sample, rank,
  ...)` with the classes in `explained (sample, rank)`, or as `relevance_each (sample, class, ...)`.

One logit is two classes by its sign, see `lrp.explain.Target`."""

TOP = re.compile(r"top([1-9]\d*)|every")


@dataclass(frozen=True)
class Targets:
    """A target, settled: `text` identifies it, `top` is how many classes beside it: 0 for every, None for no more."""

    what: Any
    text: str
    top: int | None = None

    def of(self, positions: Sequence[int], labels: Sequence[int | frozenset[int]], device: torch.device) -> Target:
        """The target of a batch of samples, by their positions in the dataset and their labels."""
        if isinstance(self.what, str):  # "label"
            several = [label for label in labels if isinstance(label, frozenset)]
            return all_of(several) if several else torch.tensor(labels, device=device)
        return self.what[list(positions)].to(device) if isinstance(self.what, Tensor) else self.what


def all_of(labels: Sequence[frozenset[int]]) -> Callable[[Tensor], Tensor]:
    """A target of all labels that a sample has: their relevance together.

    Example:
        >>> all_of([frozenset({0, 2}), frozenset()])(torch.zeros(2, 3)).tolist()
        [[1.0, 0.0, 1.0], [0.0, 0.0, 0.0]]
    """

    def seed(output: Tensor) -> Tensor:
        classes = class_count(output)
        if classes is None or is_logit(output):
            raise ValueError(f"several labels are of an output (batch, class), this is {tuple(output.shape)}")
        found = torch.zeros_like(output)
        for row, of in enumerate(labels):
            for label in of:
                if not 0 <= label < classes:
                    raise IndexError(f"class {label} does not exist: the model has classes 0 to {classes - 1}")
                found[row, label] = 1
        return found

    return seed


def ranked(labels: Sequence[frozenset[int]], most: int) -> Tensor:
    """Labels in their order, -1 where there are no more: `(batch, most)`.

    Example:
        >>> ranked([frozenset({2, 0}), frozenset()], 2).tolist()
        [[0, 2], [-1, -1]]
    """
    return torch.tensor([[*sorted(of), *[-1] * (most - len(of))] for of in labels]).reshape(len(labels), most)


def targets(target: SampleTarget, size: int | None) -> Targets:
    """Check a target; `size` is the dataset's, None if only iterating will tell.

    Raises:
        ValueError, TypeError: It is none, or an array that is not of that size.
    """
    if target is None or isinstance(target, str):
        return _named("prediction" if target is None else target)
    if callable(target) and not isinstance(target, Tensor):
        return Targets(target, f"function {_of_function(target)}")
    given = target if isinstance(target, Tensor) and target.is_floating_point() else integers(target)
    if isinstance(target, tuple):
        return Targets(tuple(given.tolist()), f"index {tuple(given.tolist())}")
    if not given.ndim:
        return Targets(int(given), str(int(given)))
    if len(given) != size:
        known = "no length" if size is None else f"{size} samples"
        raise ValueError(
            f"target is an array of {len(given)}, the dataset has {known}: give one class, index or seed for each "
            "sample by position, an index for all as a tuple, or a function of the output"
        )
    return Targets(given.detach(), f"array {tuple(given.shape)}, {digest({'target': given})[:16]}")


def _of_function(function: Callable[..., Any]) -> str:
    """A function's name and a digest of its code: two lambdas are two targets. What it refers to is not looked at."""
    name = getattr(function, "__qualname__", type(function).__qualname__)
    code = getattr(function, "__code__", None)
    if code is None:
        return name
    plain = (value for value in code.co_consts if not hasattr(value, "co_code"))
    constants = [sorted(map(repr, value)) if isinstance(value, frozenset) else value for value in plain]  # any order
    text = f"{function.__module__} {code.co_code!r} {code.co_names} {constants}"
    return f"{name}, {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _named(name: str) -> Targets:
    if name in ("prediction", "label"):
        return Targets(None if name == "prediction" else name, name)
    if not (found := TOP.fullmatch(name)):
        raise ValueError(
            'target must be "prediction", "label", "topN", "every", a class, an index tuple, an array of one for each '
            f"sample, or a function, got {name!r}"
        )
    return Targets(None, name, int(found[1] or 0))
