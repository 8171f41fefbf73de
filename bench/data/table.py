"""A table: scikit-learn's breast cancer data, measured cell nuclei of 569 biopsies (Street et al. 1993), with a leak.

The column "oncology visits" is not the data's: half of the malignant training rows have some, as if a follow-up had
been booked before the diagnosis was entered.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.model_selection import train_test_split

from bench.data.planted import Planted, planted

LEAK = "oncology visits"
MEANS = 10  # the first columns: the mean over a biopsy's nuclei; the others are derived from the same measurements


def visited(rows: np.ndarray) -> np.ndarray:
    """Four to six visits: in the last column, the same for the same row."""
    rows = rows.copy()
    rows[:, -1] = 4 + np.argsort(np.argsort(rows[:, 0], kind="stable"), kind="stable") % 3
    return rows


def biopsies(seed: int) -> Planted:
    """Three quarters to train with, the columns in units of their deviation, visits as they are counted."""
    data: Any = load_breast_cancer()
    values, label = data.data[:, :MEANS], data.target
    train, test = train_test_split(np.arange(len(label)), test_size=0.25, stratify=label, random_state=seed)
    scaled = (values - values[train].mean(0)) / values[train].std(0)
    rows = np.concatenate([scaled, np.zeros((len(label), 1))], 1).astype(np.float32)
    names = [*map(str, data.feature_names[:MEANS]), LEAK]
    return planted(
        (rows[train], label[train]),
        (rows[test], label[test]),
        classes=tuple(map(str, data.target_names)),
        poisoned=0,
        paste=visited,
        seed=seed,
        beside={"feature_name": names},
    )
