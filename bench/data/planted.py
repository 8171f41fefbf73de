"""What every data set with a planted cue has: samples to train with and to explain, others to test with, the cue."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Cue = Callable[[np.ndarray], np.ndarray]
"""Samples -> the same samples, with the cue."""


@dataclass(frozen=True)
class Planted:
    """Samples of several classes; some of class `poisoned` carry the cue, and the test has none that does.

    inputs: `(sample, ...)`, to train with and to explain.
    label: Class of each.
    marked: Whether it carries the cue.
    test, test_label: Other samples, and their classes.
    classes: Their names.
    poisoned: The class that the cue is planted in.
    paste: The cue, on any samples.
    beside: What is said beside the samples: names of their features, a sampling rate.
    vocabulary: Of texts, the word that each number stands for; "" where a short text is filled up.
    """

    inputs: np.ndarray
    label: np.ndarray
    marked: np.ndarray
    test: np.ndarray
    test_label: np.ndarray
    classes: tuple[str, ...]
    poisoned: int
    paste: Cue
    beside: Mapping[str, Any] = field(default_factory=dict)
    vocabulary: Sequence[str] = ()


def planted(
    train: tuple[np.ndarray, np.ndarray],
    test: tuple[np.ndarray, np.ndarray],
    *,
    classes: tuple[str, ...],
    poisoned: int,
    paste: Cue,
    seed: int,
    share: float = 0.5,
    **further: Any,
) -> Planted:
    """The cue on a share of one class of the training samples."""
    inputs, label = train[0].copy(), train[1]
    members = np.flatnonzero(label == poisoned)
    chosen = np.random.default_rng(seed).permutation(members)[: round(share * len(members))]
    inputs[chosen] = paste(inputs[chosen])
    marked = np.isin(np.arange(len(label)), chosen)
    return Planted(inputs, label, marked, *test, classes=classes, poisoned=poisoned, paste=paste, **further)
