"""Clusterings of what lies dense; the rest is noise."""

from typing import Any

import numpy as np
import xarray as xr
from sklearn import cluster as skc

from spray.arrays.labels import by_sample
from spray.stages.clustering.labels import clusterings


def hdbscan(data: xr.DataArray, *, min_cluster_size: int | float = 5, min_samples: int | None = None) -> xr.Dataset:
    """HDBSCAN (Campello, Moulavi, Sander 2013); fewer samples than `min_cluster_size` are all noise.

    Args:
        data: `(sample, feature)`, such as a spectral embedding.
        min_cluster_size: Fewer samples are no cluster; below 1 a share of the samples, of which 2 are the least.
        min_samples: How dense a core is; None for `min_cluster_size`.

    Returns:
        `cluster (clustering, sample)`, one row.

    Raises:
        ValueError: `min_cluster_size` is 1, 0 or less, or a number is not finite (the error names the samples).

    Example:
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> hdbscan(points, min_cluster_size=2).cluster.values.tolist()
        [[0, 0, 1, 1]]
    """
    least = least_size(min_cluster_size, data.sizes["sample"])
    options = {"min_cluster_size": least, "min_samples": min_samples}
    row = by_sample(_hdbscan, data, **options)
    return clusterings("hdbscan", {f"hdbscan-{min_cluster_size:g}": (row, options)}, data)


def least_size(given: int | float, n: int) -> int:
    """A number of samples, also of a share of n.

    Args:
        given: At least 2, or between 0 and 1.
        n: Samples.

    Returns:
        Samples.

    Raises:
        ValueError: It is something else.

    Example:
        >>> least_size(0.05, 400), least_size(0.05, 20), least_size(7, 20)
        (20, 2, 7)
    """
    if 0 < given < 1:
        return max(2, round(given * n))
    if given < 2 or int(given) != given:
        raise ValueError(f"min_cluster_size must be at least 2, got {given:g} (or a share between 0 and 1)")
    return int(given)


def _hdbscan(values: np.ndarray, min_cluster_size: int, min_samples: int | None) -> np.ndarray:
    if len(values) < max(min_cluster_size, min_samples or 0):
        return np.full(len(values), -1)
    options: dict[str, Any] = {"min_samples": min_samples, "copy": True}
    return skc.HDBSCAN(min_cluster_size, **options).fit_predict(values)


def dbscan(data: xr.DataArray, *, eps: float = 0.5, min_samples: int = 5, metric: str = "euclidean") -> xr.Dataset:
    """DBSCAN (Ester et al. 1996): what at least `min_samples` samples within `eps` of each other hold together.

    Args:
        data: `(sample, feature)`, such as a spectral embedding.
        eps: How near neighbours are.
        min_samples: How many make a core.
        metric: Any of scikit-learn's.

    Returns:
        `cluster (clustering, sample)`, one row.

    Raises:
        ValueError: A number is not finite (the error names the samples).

    Example:
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> dbscan(points, min_samples=2).cluster.values.tolist()
        [[0, 0, 1, 1]]
    """
    options = {"eps": eps, "min_samples": min_samples, "metric": metric}
    row = by_sample(lambda values: skc.DBSCAN(**options).fit_predict(values), data)
    return clusterings("dbscan", {f"dbscan-{eps:g}": (row, options)}, data)
