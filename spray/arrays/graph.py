"""Graphs over samples as labelled data.

Two forms, both joined by sample id and both writable as netCDF:

- *neighbours*: `neighbor (sample, rank)` ids and `distance (sample, rank)`, nearest first, never the sample itself;
- *edges*: `source (edge)`, `target (edge)` ids and `weight (edge)`: a sparse matrix with names.
"""

import numpy as np
import scipy.sparse as sp
import xarray as xr

from spray.arrays.labels import sample_ids


def neighbours(ids: np.ndarray, order: np.ndarray, positions: np.ndarray, distances: np.ndarray) -> xr.Dataset:
    """The neighbours form; `positions` point into `order`, the rows of which the kernel saw.

    Args:
        ids: Of the samples.
        order: Rows in the order in which the kernel saw them.
        positions: `(sample, rank)`, into `order`.
        distances: `(sample, rank)`.

    Returns:
        `neighbor` and `distance (sample, rank)`.

    Example:
        >>> import numpy as np
        >>> found = neighbours(np.array([7, 3]), np.array([1, 0]), np.array([[1], [0]]), np.ones((2, 1)))
        >>> found.neighbor.values.tolist()
        [[3], [7]]
    """
    back = np.argsort(order)
    data = {
        "neighbor": (("sample", "rank"), ids[order][positions][back]),
        "distance": (("sample", "rank"), np.asarray(distances, np.float64)[back]),
    }
    return xr.Dataset(data, {"sample": ids})


def to_edges(matrix: sp.spmatrix | sp.sparray, ids: np.ndarray) -> xr.Dataset:
    """The edges form of a square sparse matrix whose rows and columns are the samples `ids`.

    Args:
        matrix: Square, sparse.
        ids: Of its rows and columns.

    Returns:
        `source`, `target` and `weight (edge)`.

    Example:
        >>> import numpy as np, scipy.sparse as sp
        >>> edges = to_edges(sp.coo_array([[0, 2], [2, 0]]), np.array([7, 3]))
        >>> edges.source.values.tolist(), edges.target.values.tolist(), edges.weight.values.tolist()
        ([7, 3], [3, 7], [2, 2])
    """
    coo = sp.coo_array(matrix)
    edges = {"source": ("edge", ids[coo.row]), "target": ("edge", ids[coo.col]), "weight": ("edge", coo.data)}
    return xr.Dataset(edges, {"sample": ids})


def to_sparse(edges: xr.Dataset) -> sp.csr_array:
    """The square sparse matrix of the edges form, rows and columns in the order of `sample`.

    Args:
        edges: The edges form.

    Returns:
        A matrix of (sample, sample); edges of weight 0 are left out.

    Raises:
        ValueError: An edge names an id that is no sample.

    Example:
        >>> import numpy as np, scipy.sparse as sp
        >>> to_sparse(to_edges(sp.coo_array([[0, 2], [2, 0]]), np.array([7, 3]))).toarray().tolist()
        [[0, 2], [2, 0]]
    """
    ids = sample_ids(edges)
    rows, columns = positions(ids, edges.source.values), positions(ids, edges.target.values)
    matrix = sp.coo_array((edges.weight.values, (rows, columns)), shape=(len(ids), len(ids))).tocsr()
    matrix.sum_duplicates()
    matrix.eliminate_zeros()  # an edge of weight 0 connects nothing
    return matrix


def positions(ids: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where each of `wanted` is in `ids`.

    Args:
        ids: All of them, each once.
        wanted: Some of them.

    Returns:
        One position for each wanted id.

    Raises:
        ValueError: An id is not there.

    Example:
        >>> import numpy as np
        >>> positions(np.array([7, 3, 5]), np.array([5, 7])).tolist()
        [2, 0]
    """
    order = np.argsort(ids)
    found = order[np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)]
    if not np.array_equal(ids[found], wanted):
        lost = np.unique(np.asarray(wanted)[ids[found] != wanted])
        raise ValueError(f"{len(lost)} id(s) are no samples of this graph ({', '.join(map(str, lost[:10]))})")
    return found
