"""One variable spread over many netCDF files as a single lazy array (xarray's documented backend interface)."""

import itertools
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from spray.files import ProjectError
from spray.store.netcdf import affordable, read_variable

REMEDY = "delete the file and compute this part again"


class PartsArray(BackendArray):
    """Variable `name` of the samples at (`part`, `row`); only the files of the samples asked for are opened.

    `state` tells these files from others and from themselves after a change.
    """

    def __init__(
        self,
        name: str,
        files: Mapping[int, Path],
        state: str,
        part: np.ndarray,
        row: np.ndarray,
        shape: tuple,
        dtype: np.dtype,
    ):
        self.name, self.files, self.state, self.part, self.row = name, files, state, part, row
        self.shape, self.dtype = (len(part), *shape), dtype

    def __getitem__(self, key: indexing.ExplicitIndexer):
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple) -> np.ndarray:
        """Values at an orthogonal key: an integer, slice or 1-D array for each dimension."""
        samples, rest = key[0], key[1:]
        wanted = np.atleast_1d(np.arange(self.shape[0])[samples])
        shape = (len(wanted), *_lengths(rest, self.shape[1:]))
        affordable(math.prod(shape) * self.dtype.itemsize)
        out = np.empty(shape, self.dtype)
        for number in np.unique(self.part[wanted]):
            here = self.part[wanted] == number
            out[here] = self._read_part(int(number), self.row[wanted[here]], rest)
        return out[0] if np.ndim(samples) == 0 and not isinstance(samples, slice) else out

    def _read_part(self, number: int, rows: np.ndarray, rest: tuple) -> np.ndarray:
        rows, back = np.unique(rows, return_inverse=True)
        # a run of rows as a slice is one read, a list of rows is one read each
        run = slice(int(rows[0]), int(rows[-1]) + 1) if len(rows) == rows[-1] - rows[0] + 1 else rows
        path = self.files[number]

        def values(found: Any) -> np.ndarray:
            if found is None or found.shape[1:] != self.shape[1:] or rows[-1] >= found.shape[0]:
                raise ProjectError(f"{path} changed since its index was read: open the project again")
            if isinstance(found, xr.Variable):
                return np.asarray(found[(run, *rest)])
            return np.asarray(xr.Variable(range(found.ndim), found[run])[(slice(None), *rest)])

        return read_variable(path, self.name, values, remedy=REMEDY)[back]


def _lengths(key: tuple, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of an array of `shape` after an orthogonal `key`."""
    lengths = (len(range(n)[k]) if isinstance(k, slice) else np.size(k) for k, n in zip(key, shape, strict=True))
    kept = (isinstance(k, slice) or np.ndim(k) > 0 for k in key)  # an integer removes its dimension
    return tuple(itertools.compress(lengths, kept))


def identity(dataset: xr.Dataset) -> list[tuple]:
    """What a dataset holds, for comparison: data of parts by the state of their files, all other by content."""
    found = []
    for name, variable in dataset.variables.items():
        lazy = _over_parts(variable)
        if lazy is None:
            found.append((name, variable))
        else:
            parts, (samples, *rest) = lazy.array, lazy.key.tuple
            found.append((name, parts.name, parts.state, parts.part[samples], parts.row[samples], rest))
    return found


def compacted(dataset: xr.Dataset) -> xr.Dataset:
    """`dataset` whose lazy variables know of their own samples only, so that sending it elsewhere is cheap."""
    return dataset.assign({n: _compacted(v) for n, v in dataset.variables.items() if _over_parts(v) is not None})


def _over_parts(variable: xr.Variable) -> Any:
    """The lazy array of a variable whose samples are in parts, else None."""
    data: Any = variable._data
    lazy = isinstance(data, indexing.LazilyIndexedArray) and isinstance(data.array, PartsArray)
    return data if lazy and isinstance(data.key.tuple[0], slice | np.ndarray) else None


def _compacted(variable: xr.Variable) -> xr.Variable:
    lazy = _over_parts(variable)
    parts, (samples, *rest) = lazy.array, lazy.key.tuple
    part, row = parts.part[samples], parts.row[samples]
    files = {int(number): parts.files[int(number)] for number in np.unique(part)}
    array = PartsArray(parts.name, files, parts.state, part, row, parts.shape[1:], parts.dtype)
    return xr.Variable(
        variable.dims, indexing.LazilyIndexedArray(array, type(lazy.key)((slice(None), *rest))), variable.attrs
    )


def lazy_variable(array: PartsArray, dims: tuple, attrs: dict) -> xr.Variable:
    """An xarray variable that reads `array` when its values are asked for."""
    return xr.Variable(dims, indexing.LazilyIndexedArray(array), attrs)
