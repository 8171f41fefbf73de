"""Graph Laplacians over the edges form (see `spray.graph`)."""

import numpy as np
import scipy.sparse as sp
import xarray as xr

from spray.arrays import graph
from spray.arrays.labels import sample_ids


def symmetric_laplacian(edges: xr.Dataset) -> xr.Dataset:
    """L = I - D^-1/2 A D^-1/2 with D = diag(A 1) (von Luxburg 2007, doi:10.1007/s11222-007-9033-z, section 3.2).

    A sample without any edge has L_ii = 0: it is a connected component of its own, as the multiplicity of the
    eigenvalue 0 must say. `degree (sample)` travels along.

    Args:
        edges: Affinities, none of them negative.

    Returns:
        The edges form of L, and `degree (sample)`.

    Raises:
        ValueError: An affinity is negative.

    Example:
        >>> import spray
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> neighbours = spray.knn_graph(points, neighbors=1)
        >>> laplacian = symmetric_laplacian(spray.knn_affinity(neighbours))
        >>> spray.graph.to_sparse(laplacian).toarray()[:2, :2].tolist()
        [[1.0, -1.0], [-1.0, 1.0]]
    """
    adjacency, degree = _adjacency(edges)
    inverse = np.divide(1, np.sqrt(degree), out=np.zeros_like(degree), where=degree > 0)
    scale = sp.diags_array(inverse)
    return _laplacian(scale @ adjacency @ scale, degree, edges, "symmetric")


def random_walk_laplacian(edges: xr.Dataset) -> xr.Dataset:
    """L = I - D^-1 A: its eigenvalues are the symmetric one's, its eigenvectors those times D^-1/2.

    Args:
        edges: Affinities, none of them negative.

    Returns:
        The edges form of L, and `degree (sample)`.

    Raises:
        ValueError: An affinity is negative.

    Example:
        >>> import spray
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> neighbours = spray.knn_graph(points, neighbors=1)
        >>> random_walk_laplacian(spray.knn_affinity(neighbours)).attrs["laplacian"]
        'random walk'
    """
    adjacency, degree = _adjacency(edges)
    inverse = np.divide(1, degree, out=np.zeros_like(degree), where=degree > 0)
    return _laplacian(sp.diags_array(inverse) @ adjacency, degree, edges, "random walk")


def _adjacency(edges: xr.Dataset) -> tuple[sp.csr_array, np.ndarray]:
    adjacency = graph.to_sparse(edges)
    if adjacency.nnz and adjacency.data.min() < 0:
        raise ValueError(f"affinities must not be negative, the least is {adjacency.data.min():.3g}")
    return adjacency, np.asarray(adjacency.sum(1), dtype=np.float64).ravel()


def _laplacian(normalized: sp.sparray, degree: np.ndarray, edges: xr.Dataset, kind: str) -> xr.Dataset:
    ids = sample_ids(edges)
    laplacian = graph.to_edges(sp.diags_array((degree > 0).astype(float)) - normalized, ids)
    return laplacian.assign(degree=("sample", degree)).assign_attrs(laplacian=kind)
