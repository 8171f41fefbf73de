"""One variable spread over many netCDF files as a single lazy array (xarray's documented backend interface)."""

import itertools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import xarray as xr
from xarray.backends import BackendArray
from xarray.core import indexing

from spray._netcdf import ProjectError, read_netcdf

REMEDY = "delete the file and compute this part again"


class PartsArray(BackendArray):
    """Variable `name` of the samples at (`part`, `row`); only the files of the samples asked for are opened."""

    def __init__(
        self, name: str, files: Mapping[int, Path], part: np.ndarray, row: np.ndarray, shape: tuple, dtype: np.dtype
    ):
        self.name, self.files, self.part, self.row = name, files, part, row
        self.shape, self.dtype = (len(part), *shape), dtype

    def __getitem__(self, key: indexing.ExplicitIndexer):
        return indexing.explicit_indexing_adapter(key, self.shape, indexing.IndexingSupport.OUTER, self._read)

    def _read(self, key: tuple) -> np.ndarray:
        """Values at an orthogonal key: an integer, slice or 1-D array for each dimension."""
        samples, rest = key[0], key[1:]
        wanted = np.atleast_1d(np.arange(self.shape[0])[samples])
        out = np.empty((len(wanted), *_lengths(rest, self.shape[1:])), self.dtype)
        for number in np.unique(self.part[wanted]):
            here = self.part[wanted] == number
            out[here] = self._read_part(int(number), self.row[wanted[here]], rest)
        return out[0] if np.ndim(samples) == 0 and not isinstance(samples, slice) else out

    def _read_part(self, number: int, rows: np.ndarray, rest: tuple) -> np.ndarray:
        rows, back = np.unique(rows, return_inverse=True)
        # a run of rows as a slice is one read, a list of rows is one read each
        run = slice(int(rows[0]), int(rows[-1]) + 1) if len(rows) == rows[-1] - rows[0] + 1 else rows
        path = self.files[number]
        try:
            values = read_netcdf(path, lambda part: part.variables[self.name][(run, *rest)].values, remedy=REMEDY)
        except (KeyError, IndexError) as error:
            raise ProjectError(f"{path} changed since its index was read ({error}): open the project again") from error
        return values[back]


def _lengths(key: tuple, shape: tuple[int, ...]) -> tuple[int, ...]:
    """Shape of an array of `shape` after an orthogonal `key`."""
    lengths = (len(range(n)[k]) if isinstance(k, slice) else np.size(k) for k, n in zip(key, shape, strict=True))
    kept = (isinstance(k, slice) or np.ndim(k) > 0 for k in key)  # an integer removes its dimension
    return tuple(itertools.compress(lengths, kept))


def lazy_variable(array: PartsArray, dims: tuple, attrs: dict) -> xr.Variable:
    """An xarray variable that reads `array` when its values are asked for."""
    return xr.Variable(dims, indexing.LazilyIndexedArray(array), attrs)
