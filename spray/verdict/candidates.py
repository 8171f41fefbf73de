"""Groups that may be a suspect: spectral clusters of each view at several numbers of clusters."""

from typing import Any

import numpy as np
import xarray as xr
from sklearn.cluster import HDBSCAN, KMeans

from spray.stages.affinity import knn_affinity, knn_graph
from spray.stages.embedding import spectral_embedding
from spray.stages.laplacian import symmetric_laplacian

CLUSTERS = range(2, 9)
SIZES = (0.015, 0.04)  # HDBSCAN's smallest cluster, as shares of the samples
SMALLEST, LARGEST, LEAST = 0.03, 0.6, 5  # of a candidate: shares, and samples
MOST = 60
ALIKE = 0.8  # Jaccard index of near-duplicates


def embedding(values: np.ndarray, components: int = 8) -> np.ndarray:
    """Eigenvectors of the smallest eigenvalues of L = I - D^-1/2 A D^-1/2, of the nearest-neighbour graph.

    As `spray.spectral_embedding` has them, with as many neighbours as follow from n; a graph that falls apart has a
    column for each part.

    Args:
        values: `(sample, feature)`.
        components: How many, at most as many as samples.

    Returns:
        `(sample, component)`.

    Example:
        >>> import numpy as np
        >>> embedding(np.array([[0.0], [0.1], [9.0], [9.2]]), 2).shape
        (4, 2)
    """
    data = xr.DataArray(values, dims=["sample", "feature"])
    laplacian = symmetric_laplacian(knn_affinity(knn_graph(data, neighbors="auto")))
    found = spectral_embedding(laplacian, components=components, normalize_rows=False, every_part=True)
    return found.spectral.values


def clusters(vectors: np.ndarray, *, seed: int = 0) -> np.ndarray:
    """Members of each cluster of k-means in the first k columns, k = 2 to 8, and of HDBSCAN in all, without the tiny
    ones and those of most samples.

    Args:
        vectors: Of `embedding`.
        seed: Of k-means.

    Returns:
        `(candidate, sample)`, bool.

    Example:
        >>> import numpy as np
        >>> values = np.repeat([[0.0], [9.0]], [30, 20], 0) + np.linspace(0, 0.1, 50)[:, None]
        >>> [int(row.sum()) for row in clusters(embedding(values))][:2]
        [30, 20]
    """
    n = len(vectors)
    few = np.unique(vectors.round(9), axis=0).shape[0]
    options: dict[str, Any] = {"n_init": 3, "random_state": seed}
    copied: dict[str, Any] = {"copy": True}
    numbers = [k for k in CLUSTERS if k <= min(few, vectors.shape[1])]
    rows = [KMeans(k, **options).fit_predict(_unit(vectors[:, :k])) for k in numbers]
    sizes = [size for share in SIZES if (size := max(LEAST, round(share * n))) < n]
    rows += [HDBSCAN(size, **copied).fit_predict(_unit(vectors)) for size in sizes]
    members = [row == number for row in rows for number in np.unique(row[row >= 0])]
    members.sort(key=lambda row: -row.sum())
    kept = [row for row in members if max(LEAST, SMALLEST * n) <= row.sum() <= LARGEST * n]
    return np.array(kept, bool).reshape(len(kept), n)


def _unit(values: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(values, axis=1, keepdims=True)
    return values / np.where(length > 0, length, 1)


def distinct(members: np.ndarray, *, most: int = MOST, alike: float = ALIKE) -> np.ndarray:
    """Candidates without near-duplicates; those that are found again in more clusterings come first.

    Args:
        members: `(candidate, sample)`, bool.
        most: At most so many.
        alike: |A and B| / |A or B| (Jaccard) above which two are one.

    Returns:
        `(candidate, sample)`, bool.

    Example:
        >>> import numpy as np
        >>> distinct(np.array([[1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 0, 0]], bool)).astype(int).tolist()
        [[1, 1, 0, 0], [0, 0, 1, 1]]
    """
    if not len(members):
        return members
    table = members.astype(np.float32)
    both, size = table @ table.T, table.sum(1)
    jaccard = both / (size[:, None] + size - both)
    again, free, kept = (jaccard**2).sum(1), np.ones(len(table), bool), []
    while free.any() and len(kept) < most:
        open_ones = np.flatnonzero(free)
        first = open_ones[again[open_ones].argmax()]
        kept.append(first)
        free &= jaccard[first] <= alike
    return members[kept]
