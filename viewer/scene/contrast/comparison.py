"""A set of samples by its labels."""

import numpy as np

from viewer.projects import Category, Project


def label_counts(project: Project, category: Category, rows: np.ndarray, most: int = 5) -> list[tuple[str, int]]:
    """The most frequent labels of some rows, and how often each is there."""
    if category.labels:
        counts = {number: int(mask[rows].sum()) for number, mask in category.labels.items()}
        found = sorted(counts.items(), key=lambda pair: -pair[1])[:most]
        return [(project.label_text(number), count) for number, count in found if count]
    labels = category.variables.get("label")
    if labels is None or not len(rows):
        return []
    values, counts = np.unique(labels[rows], return_counts=True)
    order = np.argsort(-counts, kind="stable")[:most]
    return [(project.label_text(values[at]), int(counts[at])) for at in order]
