"""Graphs over samples as labelled data.

Two forms, both joined by sample id and both writable as netCDF:

- *neighbours*: `neighbor (sample, rank)` ids and `distance (sample, rank)`, nearest first, never the sample itself;
- *edges*: `source (edge)`, `target (edge)` ids and `weight (edge)`: a sparse matrix with names.
"""

import numpy as np
import scipy.sparse as sp
import xarray as xr

from spray.stages.labels import sample_ids


def neighbours(ids: np.ndarray, order: np.ndarray, positions: np.ndarray, distances: np.ndarray) -> xr.Dataset:
    """The neighbours form; `positions` point into `order`, the rows of which the kernel saw."""
    back = np.argsort(order)
    data = {
        "neighbor": (("sample", "rank"), ids[order][positions][back]),
        "distance": (("sample", "rank"), np.asarray(distances, np.float64)[back]),
    }
    return xr.Dataset(data, {"sample": ids})


def to_edges(matrix: sp.spmatrix | sp.sparray, ids: np.ndarray) -> xr.Dataset:
    """The edges form of a square sparse matrix whose rows and columns are the samples `ids`."""
    coo = sp.coo_array(matrix)
    edges = {"source": ("edge", ids[coo.row]), "target": ("edge", ids[coo.col]), "weight": ("edge", coo.data)}
    return xr.Dataset(edges, {"sample": ids})


def to_sparse(edges: xr.Dataset) -> sp.csr_array:
    """The square sparse matrix of the edges form, rows and columns in the order of `sample`."""
    ids = sample_ids(edges)
    rows, columns = positions(ids, edges.source.values), positions(ids, edges.target.values)
    matrix = sp.coo_array((edges.weight.values, (rows, columns)), shape=(len(ids), len(ids))).tocsr()
    matrix.sum_duplicates()
    matrix.eliminate_zeros()  # an edge of weight 0 connects nothing
    return matrix


def positions(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where each of `wanted` is in `ids`."""
    order = np.argsort(ids)
    found = order[np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)]
    if not np.array_equal(ids[found], wanted):
        lost = np.unique(np.asarray(wanted)[ids[found] != wanted])
        raise ValueError(f"{len(lost)} id(s) are no samples of this graph ({', '.join(map(str, lost[:10]))})")
    return found
