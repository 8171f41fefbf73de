"""Samples of several labels: a category of a class shows them with the relevance of that class.

Such a project has `labels (sample, class)`, and `relevance_each` beside the relevance of all labels together.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

OF = "_of_class_"


def are_several(attributions: xr.Dataset) -> bool:
    """Whether samples have several labels each."""
    return "labels" in attributions.variables and attributions["labels"].dims == ("sample", "class")


def with_classes(attributions: xr.Dataset) -> xr.Dataset:
    """With a variable for the relevance of each class, `relevance_of_class_3`, that is read when it is asked for."""
    if not are_several(attributions):
        return attributions
    from xarray.core.indexing import LazilyIndexedArray

    from spray.analysis.several import EACH, Picked  # which brings all of the analysis along

    class OfClass(Picked):
        """One class of each sample; it is told from all samples' labels when something is read."""

        def __init__(self, each: xr.Variable, explained: np.ndarray | None, number: int):
            super().__init__(each, np.empty(0, int))
            self.explained, self.number = explained, number

        def _read(self, key: tuple) -> np.ndarray:
            if self.explained is None:
                self.rank = np.full(self.shape[0], self.number)
            else:
                here = self.explained == self.number
                self.rank = np.where(here.any(1), here.argmax(1), -1)
            if (self.rank[np.arange(self.shape[0])[key[0]]] < 0).any():
                raise KeyError(f"there is no relevance of class {self.number} of some of these samples")
            return super()._read(key)

    found: dict[str, Any] = {}
    for name in [str(name) for name in attributions.data_vars if str(name).startswith(EACH)]:
        each, method = attributions[name].variable, f"relevance{name.removeprefix(EACH)}"
        explained = attributions["explained"].values if each.dims[1] == "rank" else None
        attrs = dict(attributions[method].attrs) if method in attributions else dict(each.attrs)
        for number in np.flatnonzero((np.asarray(attributions["labels"].values) != 0).any(0)).tolist():
            lazy = LazilyIndexedArray(OfClass(each, explained, number))
            found[of_class(method, number)] = xr.Variable((each.dims[0], *each.dims[2:]), lazy, attrs)
    return attributions.assign(found)


def of_class(method: str, number: int) -> str:
    """The variable that holds a method's relevance of one class.

    >>> of_class("relevance", 3), of_class("relevance_of_class_4", 3), class_of("relevance_of_class_3")
    ('relevance_of_class_3', 'relevance_of_class_3', 3)
    """
    return f"{together(method)}{OF}{number}"


def together(method: str) -> str:
    """The method, of all labels together."""
    return method.partition(OF)[0]


def class_of(method: str) -> int | None:
    """The class that a variable holds the relevance of; None for all together."""
    number = method.partition(OF)[2]
    return int(number) if number.isdecimal() else None


def in_category(attributions: xr.Dataset, method: str, category: str, by: object) -> str:
    """The variable that shows a method in a category: that of its class, if samples have several labels."""
    name = f"{together(method)}{OF}{category}"
    return name if by == "label" and name in attributions.variables else together(method)


def masks(attributions: xr.Dataset, rows: np.ndarray) -> Mapping[str, np.ndarray]:
    """Class -> which of some rows have it, of classes that any of them has; nothing where each has one label."""
    if not are_several(attributions):
        return {}
    labels = np.asarray(attributions["labels"].values)[rows] != 0
    return {str(number): labels[:, number] for number in np.flatnonzero(labels.any(0)).tolist()}
