"""The clusters of a clustering: number, size, colour."""

from typing import NamedTuple

import numpy as np

from viewer.colours import css, group_colour
from viewer.project import Category


class Cluster(NamedTuple):
    number: int
    size: int
    selected: int
    colour: str

    @property
    def name(self) -> str:
        return cluster_name(self.number)


def cluster_name(number: int) -> str:
    return "noise" if number < 0 else f"cluster {number}"


def clusters(category: Category, clustering: str, selected: np.ndarray) -> list[Cluster]:
    """By number, noise last; `selected` is a mask over the category's rows."""
    groups = category.clusterings.get(clustering)
    if groups is None:
        return []
    numbers, at = np.unique(groups, return_inverse=True)
    sizes = np.bincount(at, minlength=len(numbers))
    chosen = np.bincount(at[selected], minlength=len(numbers))
    found = [
        Cluster(int(number), int(size), int(part), css(group_colour(int(number))))
        for number, size, part in zip(numbers, sizes, chosen, strict=True)
    ]
    return sorted(found, key=lambda cluster: (cluster.number < 0, cluster.number))
