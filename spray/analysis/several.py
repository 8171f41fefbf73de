"""Samples of several labels: each is in several categories, and in each with the relevance of that class."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from spray.analysis.tasks import Grouping

EACH = "relevance_each"


def several(data: xr.Dataset, by: Grouping) -> bool:
    """Whether categories are classes of which a sample may have more than one."""
    return by == "label" and "labels" in data.variables


def rows_of(data: xr.Dataset) -> dict[str, np.ndarray]:
    """Class -> the samples that have it, of `labels (sample, class)`.

    Example:
        >>> data = xr.Dataset({"labels": (("sample", "class"), np.array([[1, 1, 0], [0, 1, 0]], np.uint8))})
        >>> {name: rows.tolist() for name, rows in rows_of(data).items()}
        {'0': [0], '1': [0, 1]}
    """
    labels = np.asarray(data["labels"].values) != 0
    return {str(number): np.flatnonzero(labels[:, number]) for number in np.flatnonzero(labels.any(0))}


def cut(data: xr.Dataset, groups: Mapping[str, np.ndarray], by: Grouping) -> dict[str, xr.Dataset]:
    """The samples of each category; of several labels with the relevance of that class as `relevance`.

    Raises:
        ValueError: There is no relevance of a class for a sample that has it.

    Example:
        >>> data = xr.Dataset({"relevance": ("sample", [4.0, 2.0]), "relevance_each": (("sample", "rank"),
        ...     [[1.0, 3.0], [2.0, 0.0]]), "explained": (("sample", "rank"), [[0, 1], [1, -1]]),
        ...     "labels": (("sample", "class"), np.array([[1, 1], [0, 1]], np.uint8))})
        >>> {name: part.relevance.values.tolist() for name, part in cut(data, rows_of(data), "label").items()}
        {'0': [1.0], '1': [3.0, 2.0]}
    """
    parts = {category: data.isel(sample=rows) for category, rows in groups.items()}
    if not several(data, by):
        return parts
    return {category: _of_class(part, int(category)) for category, part in parts.items()}


def _of_class(data: xr.Dataset, number: int) -> xr.Dataset:
    names = [str(name) for name in data.data_vars if str(name).startswith(EACH)]
    if not names:
        raise ValueError(
            "samples have several labels, and there is only the relevance of all of them together: explain the data "
            'set with target="label" or target="every"'
        )
    if "rank" in data[names[0]].dims:
        here = data["explained"].values == number
        if not here.any(1).all():
            sample = data.sample.values[~here.any(1)][0] if "sample" in data.coords else np.flatnonzero(~here.any(1))[0]
            raise ValueError(
                f"sample {sample} has the label {number} and no relevance of it: explain the data set with "
                'target="label" or target="every"'
            )
        rank = here.argmax(1)
    else:
        rank = np.full(data.sizes["sample"], number)
    return data.assign({f"relevance{name.removeprefix(EACH)}": _picked(data[name].variable, rank) for name in names})


def _picked(each: xr.Variable, rank: np.ndarray) -> xr.Variable:
    dims = (each.dims[0], *each.dims[2:])
    return xr.Variable(dims, indexing.LazilyIndexedArray(Picked(each, rank)), each.attrs)


class Picked(BackendArray):
    """One rank of each sample, `(sample, rank, ...)` -> `(sample, ...)`, read when it is asked for."""

    def __init__(self, each: xr.Variable, rank: np.ndarray):
        self.each, self.rank = each, rank
        self.shape, self.dtype = (each.shape[0], *each.shape[2:]), each.dtype

    def __getitem__(self, key: indexing.ExplicitIndexer) -> Any:
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple) -> np.ndarray:
        samples, rest = key[0], key[1:]
        wanted = np.atleast_1d(np.arange(self.shape[0])[samples])
        like = self.each[(slice(0, 0), 0, *rest)]
        found = np.empty((len(wanted), *like.shape[1:]), self.dtype)
        for rank in np.unique(self.rank[wanted]):
            here = self.rank[wanted] == rank
            found[here] = self.each[(wanted[here], int(rank), *rest)].values
        return found[0] if np.ndim(samples) == 0 and not isinstance(samples, slice) else found
