"""Who resembles whom: nearest neighbours of each sample, and the symmetric graph they make."""

import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import scipy.sparse as sp
import xarray as xr
from sklearn.neighbors import NearestNeighbors

from spray._optional import optional
from spray.arrays import graph
from spray.arrays.labels import features, sample_ids
from spray.arrays.neighbors import euclidean_neighbors
from spray.arrays.rules import by_rule, neighbors_of

Found = tuple[np.ndarray, np.ndarray, dict[str, Any]]
"""Positions and distances of neighbours, and how they were searched for."""
EXACT = {"search": "exact", "recall": 1.0}
TRIED, ENOUGH = 256, 0.95
"""Samples that an approximation is tried on, and the recall below which it is told aloud."""
SINGLE = 1e-5  # in which the approximation computes

SYMMETRIC: dict[str, Callable[..., Any]] = {
    "mean": lambda a: 0.5 * (a + a.T),
    "union": lambda a: a.maximum(a.T),
    "mutual": lambda a: a.minimum(a.T),
}


def knn_graph(
    data: xr.DataArray,
    *,
    neighbors: int | str = 10,
    metric: str = "euclidean",
    approximate_above: int | None = 150_000,
    seed: int = 0,
) -> xr.Dataset:
    """The `neighbors` nearest samples of each sample, in blocks: n x n distances are never held.

    A sample is never its own neighbour; its duplicates are, at distance 0. With n <= `neighbors` every other sample
    is a neighbour, and a single sample has none. Exact up to `approximate_above` samples (None: always); above, nearest
    neighbour descent (Dong et al. 2011) finds most of them, and the extra `embeddings` is needed. The attributes of the
    variables say which it was (`search`), and which share of the true neighbours it found (`recall`, of 256 samples).

    Args:
        data: `(sample, ...)`, all other dimensions are features.
        neighbors: How many; "auto" for sqrt(n) / 2, at least 5 and at most 32.
        metric: Any of scikit-learn's.
        approximate_above: Number of samples; None for never.
        seed: Of the approximation.

    Returns:
        The neighbours form (see `spray.graph`).

    Raises:
        ValueError: `neighbors` is below 1, or a number is not finite (the error names the samples).
        ImportError: The approximation is needed, and its library is not there; the message says what to install.

    Warns:
        UserWarning: The approximation found less than 0.95 of the neighbours.

    Example:
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [1.0], [1.0], [5.0]], dims=["sample", "x"], coords={"sample": [7, 8, 9, 3]})
        >>> knn_graph(points, neighbors=1).neighbor.values.ravel().tolist()
        [8, 9, 8, 8]
    """
    ids, values = sample_ids(data), features(data)
    order = np.argsort(ids, kind="stable")
    ordered = values if np.array_equal(order, np.arange(len(ids))) else values[order]
    count = min(by_rule("neighbors", neighbors, len(ids), neighbors_of), len(ids) - 1)
    approximate = approximate_above is not None and len(ids) > approximate_above
    search = partial(_approximate, seed=seed) if approximate else _exact
    near, distances, how = search(ordered, count, metric)
    found = graph.neighbours(ids, order, near, distances)
    return found.assign({name: variable.assign_attrs(how) for name, variable in found.data_vars.items()})


def _exact(values: np.ndarray, neighbors: int, metric: str) -> Found:
    if not neighbors:
        return np.empty((len(values), 0), int), np.empty((len(values), 0)), EXACT
    if metric == "euclidean":
        return *euclidean_neighbors(values, neighbors), EXACT
    if metric == "correlation":  # the cosine of centred samples, which is a matrix product
        values, metric = values - values.mean(1, keepdims=True), "cosine"
    search = NearestNeighbors(n_neighbors=neighbors, algorithm="brute", metric=metric).fit(values)
    distances, near = search.kneighbors()  # without a query, a sample is not its own neighbour
    return *_ranked(near, distances), EXACT


def _approximate(values: np.ndarray, neighbors: int, metric: str, seed: int) -> Found:
    """One neighbour more is asked for, as a sample counts as its own; a duplicate may come before it."""
    pynndescent = optional("pynndescent", purpose="approximate neighbours")
    index = pynndescent.NNDescent(values, metric=metric, n_neighbors=neighbors + 1, random_state=seed)
    near, distances = index.neighbor_graph
    itself = (near == np.arange(len(near))[:, None]) | (near < 0)
    near, distances = _ranked(near, np.where(itself, np.inf, distances))
    near, distances = near[:, :neighbors], distances[:, :neighbors]
    recall = _recall(values, distances, metric, seed)
    if recall < ENOUGH:
        warnings.warn(
            f"the approximate search found {recall:.0%} of the true neighbours of {TRIED} samples: fewer features (a "
            "projection, pooling) make it better, approximate_above=None makes it exact",
            stacklevel=3,
        )
    return near, distances, {"search": f"pynndescent {pynndescent.__version__}", "recall": recall}


def _recall(values: np.ndarray, distances: np.ndarray, metric: str, seed: int) -> float:
    """The share of true neighbours among those found, of some samples; any of equally far ones is right."""
    rows = np.random.default_rng(seed).choice(len(values), min(TRIED, len(values)), replace=False)
    search = NearestNeighbors(n_neighbors=distances.shape[1] + 1, algorithm="brute", metric=metric).fit(values)
    farthest = search.kneighbors(values[rows])[0][:, -1:]  # the sample itself is one of them
    return float((distances[rows] <= farthest * (1 + SINGLE)).mean())


def _ranked(near: np.ndarray, distances: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nearest first, and of equally near ones the smaller id."""
    rank = np.lexsort((near, distances), axis=1)
    return np.take_along_axis(near, rank, 1), np.take_along_axis(distances, rank, 1)


def knn_affinity(neighbours: xr.Dataset, *, symmetric: str = "mean", sigma: float | str | None = None) -> xr.Dataset:
    """Symmetric weighted graph of nearest neighbours: A_ij = 1 if j is a neighbour of i, then A <- (A + A^T) / 2.

    `symmetric`: "mean" as above, "union" (either is enough), "mutual" (both are needed).
    `sigma`: None for weight 1, a number for A_ij = exp(-d_ij^2 / 2 sigma^2), "median" for the median distance.

    Args:
        neighbours: What `knn_graph` or `nearest` gives.
        symmetric: How two directions make one weight.
        sigma: Width of a Gaussian.

    Returns:
        The edges form (see `spray.graph`).

    Raises:
        ValueError: `symmetric` is another word, or `sigma` is not positive.

    Example:
        >>> import spray
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> neighbours = spray.knn_graph(points, neighbors=1)
        >>> knn_affinity(neighbours).weight.values.tolist()
        [1.0, 1.0, 1.0, 1.0]
    """
    if symmetric not in SYMMETRIC:
        raise ValueError(f"symmetric must be one of {', '.join(SYMMETRIC)}, got {symmetric!r}")
    ids = sample_ids(neighbours)
    near, distance = (neighbours[name].transpose("sample", "rank").values for name in ("neighbor", "distance"))
    rows = np.repeat(np.arange(len(ids)), near.shape[1])
    entries = (_weights(distance, sigma).ravel(), (rows, graph.positions(ids, near.ravel())))
    directed = sp.coo_array(entries, shape=(len(ids), len(ids))).tocsr()
    return graph.to_edges(SYMMETRIC[symmetric](directed), ids)


def _weights(distance: np.ndarray, sigma: float | str | None) -> np.ndarray:
    if sigma is None:
        return np.ones_like(distance)
    width = float(np.median(distance)) if sigma == "median" and distance.size else sigma
    if isinstance(width, str) or width < 0 or (width == 0 and sigma != "median"):
        raise ValueError(f"sigma must be a positive number, 'median' or None, got {sigma!r}")
    # more than half of all neighbours are duplicates: only they are alike
    return np.exp(-np.square(distance) / (2 * width**2)) if width else (distance == 0).astype(float)
