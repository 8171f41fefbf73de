"""How samples are labelled and what was predicted for them: the confusion table of a selection, in its long form."""

from functools import lru_cache
from typing import NamedTuple

import numpy as np

from viewer.projects import Category
from viewer.state import State, decode

PAIRS_SHOWN = 40


class Pair(NamedTuple):
    """A label and a prediction, as the project has them, and how many samples have both."""

    number: int
    label: str
    prediction: str
    samples: int


class Confusion(NamedTuple):
    """The most frequent pairs, and how many pairs there are in all."""

    pairs: list[Pair]
    different: int


class Pairs(NamedTuple):
    """`at` is each row's pair: its label's place in `labels` times the number of predictions, plus the prediction's."""

    labels: list[str]
    predictions: list[str]
    at: np.ndarray


def confusion(category: Category, state: State) -> Confusion | None:
    """Of the selected samples, or of all if none is selected; None where they are unknown, or several each."""
    if (found := pairs(category)) is None:
        return None
    chosen = category.rows(decode(state.selection))
    counts = np.bincount(found.at[chosen] if chosen.any() else found.at)
    order = np.argsort(-counts, kind="stable")[: min(PAIRS_SHOWN, np.count_nonzero(counts))]
    width = len(found.predictions)
    named = [Pair(n, found.labels[n // width], found.predictions[n % width], int(counts[n])) for n in order.tolist()]
    return Confusion(named, int(np.count_nonzero(counts)))


@lru_cache(maxsize=16)
def pairs(category: Category) -> Pairs | None:
    variables = category.variables
    if category.labels or not {"label", "prediction"} <= variables.keys() or variables["label"].ndim != 1:
        return None
    (labels, row), (predictions, column) = (
        np.unique(variables[name], return_inverse=True) for name in ("label", "prediction")
    )
    return Pairs([*map(str, labels)], [*map(str, predictions)], row * len(predictions) + column)
