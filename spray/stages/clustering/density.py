"""Clusterings of what lies dense; the rest is noise."""

from typing import Any

import numpy as np
import xarray as xr
from sklearn import cluster as skc

from spray.arrays.labels import by_sample
from spray.stages.clustering.labels import clusterings


def hdbscan(data: xr.DataArray, *, min_cluster_size: int = 5, min_samples: int | None = None) -> xr.Dataset:
    """HDBSCAN (Campello, Moulavi, Sander 2013); fewer samples than `min_cluster_size` are all noise.

    Args:
        data: `(sample, feature)`, such as a spectral embedding.
        min_cluster_size: Fewer samples are no cluster.
        min_samples: How dense a core is; None for `min_cluster_size`.

    Returns:
        `cluster (clustering, sample)`, one row.

    Raises:
        ValueError: `min_cluster_size` is below 2, or a number is not finite (the error names the samples).

    Example:
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> hdbscan(points, min_cluster_size=2).cluster.values.tolist()
        [[0, 0, 1, 1]]
    """
    if min_cluster_size < 2:
        raise ValueError(f"min_cluster_size must be at least 2, got {min_cluster_size}")
    options = {"min_cluster_size": min_cluster_size, "min_samples": min_samples}
    row = by_sample(_hdbscan, data, **options)
    return clusterings("hdbscan", {f"hdbscan-{min_cluster_size}": (row, options)}, data)


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
