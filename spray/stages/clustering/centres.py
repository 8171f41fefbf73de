"""Clusterings around centres: k-means, also of the leading columns of a spectral embedding."""

from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import xarray as xr
from sklearn import cluster as skc

from spray.arrays.labels import by_sample
from spray.stages.clustering.labels import clusterings


def kmeans(data: xr.DataArray, *, clusters: int | Iterable[int] = 2, restarts: int = 10, seed: int = 0) -> xr.Dataset:
    """k-means (Lloyd 1982) for one number of clusters or for many; more clusters than distinct samples are not made.

    Args:
        data: `(sample, feature)`, such as a spectral embedding.
        clusters: One number or many.
        restarts: Of which the best is taken.
        seed: Of the starts.

    Returns:
        `cluster (clustering, sample)`, with a row for each number of clusters.

    Raises:
        ValueError: A number of clusters is below 1, or a number is not finite (the error names the samples).

    Example:
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0]], dims=["sample", "axis"])
        >>> kmeans(points, clusters=[1, 2]).cluster.values.tolist()
        [[0, 0, 0], [0, 0, 1]]
    """
    return _for_each(_kmeans, "kmeans", data, clusters, restarts, seed)


def spectral_kmeans(
    data: xr.DataArray, *, clusters: int | Iterable[int] = 2, restarts: int = 10, seed: int = 0
) -> xr.Dataset:
    """k-means with k clusters in the first k columns of a spectral embedding, rows of length 1 (Ng et al. 2001).

    Of K clusters that are well apart the first K eigenvectors tell; further ones divide them, and blur k-means.

    Args:
        data: A spectral embedding, `(sample, component)`.
        clusters, restarts, seed: As in `kmeans`.

    Returns:
        `cluster (clustering, sample)`, with a row for each number of clusters.

    Raises:
        ValueError: A number of clusters is below 1, or a number is not finite (the error names the samples).

    Example:
        >>> import xarray as xr
        >>> spectral = xr.DataArray([[1.0, 0.0], [2.0, 0.1], [0.0, 3.0]], dims=["sample", "component"])
        >>> spectral_kmeans(spectral, clusters=2).cluster.values.tolist()
        [[0, 0, 1]]
    """
    return _for_each(_spectral_kmeans, "spectral_kmeans", data, clusters, restarts, seed)


def _for_each(
    fit: Callable[..., Any], name: str, data: xr.DataArray, clusters: int | Iterable[int], restarts: int, seed: int
) -> xr.Dataset:
    """A clustering for each number of clusters."""
    short = name.removesuffix("_kmeans")
    rows = {
        f"{short}-{k}": (by_sample(fit, data, k=k, n_init=restarts, seed=seed), {"k": k}) for k in numbers(clusters)
    }
    return clusterings(name, rows, data)


def _spectral_kmeans(values: np.ndarray, k: int, n_init: int, seed: int) -> np.ndarray:
    return _kmeans(leading(values, k), k, n_init, seed)


def leading(values: np.ndarray, columns: int) -> np.ndarray:
    """The first columns, rows of length 1; a row of zeros stays."""
    first = values[:, :columns]
    length = np.linalg.norm(first, axis=1, keepdims=True)
    return np.divide(first, length, out=np.zeros_like(first), where=length > 0)


def numbers(clusters: int | Iterable[int]) -> list[int]:
    """One or more numbers of clusters as a list.

    Raises:
        ValueError: There is none, or one is below 1.
    """
    counts = [clusters] if isinstance(clusters, int) else list(clusters)
    if not counts or min(counts) < 1:
        raise ValueError(f"clusters must be one or more positive numbers, got {clusters!r}")
    return counts


def _kmeans(values: np.ndarray, k: int, n_init: int, seed: int) -> np.ndarray:
    if k > 1:
        k = min(k, len(np.unique(values, axis=0)))
    options: dict[str, Any] = {"n_init": n_init, "random_state": seed}
    return skc.KMeans(k, **options).fit_predict(values)
