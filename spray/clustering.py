"""Clusterings of an embedding. Every stage returns `cluster (clustering, sample)`, -1 for noise.

Clusters are numbered by size, the largest is 0, and equal ones by their smallest sample id: numbers do not depend on
how an algorithm happened to count.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import xarray as xr
from sklearn import cluster as skc

from spray._labels import by_sample, labelled


def kmeans(data: xr.DataArray, *, clusters: int | Iterable[int] = 2, restarts: int = 10, seed: int = 0) -> xr.Dataset:
    """k-means (Lloyd 1982) for one number of clusters or for many; more clusters than distinct samples are not made.

    >>> import xarray as xr
    >>> points = xr.DataArray([[0.0], [0.1], [9.0]], dims=["sample", "axis"])
    >>> kmeans(points, clusters=[1, 2]).cluster.values.tolist()
    [[0, 0, 0], [0, 0, 1]]
    """
    counts = [clusters] if isinstance(clusters, int) else list(clusters)
    if not counts or min(counts) < 1:
        raise ValueError(f"clusters must be one or more positive numbers, got {clusters!r}")
    rows = {f"kmeans-{k}": (by_sample(_kmeans, data, k=k, n_init=restarts, seed=seed), {"k": k}) for k in counts}
    return clusterings("kmeans", rows, data)


def _kmeans(values: np.ndarray, k: int, n_init: int, seed: int) -> np.ndarray:
    k = min(k, len(np.unique(values, axis=0)))
    options: dict[str, Any] = {"n_init": n_init, "random_state": seed}
    return skc.KMeans(k, **options).fit_predict(values)


def hdbscan(data: xr.DataArray, *, min_cluster_size: int = 5, min_samples: int | None = None) -> xr.Dataset:
    """HDBSCAN (Campello, Moulavi, Sander 2013); fewer samples than `min_cluster_size` are all noise."""
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


def clusterings(method: str, rows: Mapping[str, tuple[np.ndarray, dict[str, Any]]], data: xr.DataArray) -> xr.Dataset:
    """One dataset of several clusterings (name -> labels, parameters) of the samples of `data`."""
    ids = labelled(np.empty(data.sizes["sample"]), data, ("sample",), "").sample.values
    labels = np.stack([by_size(labels, ids) for labels, _ in rows.values()])
    parameters = [json.dumps(given) for _, given in rows.values()]
    coords = {
        "clustering": np.asarray(list(rows), dtype=object),
        "method": ("clustering", np.asarray([method] * len(rows), dtype=object)),
        "parameters": ("clustering", np.asarray(parameters, dtype=object)),
        "sample": ids,
    }
    return xr.Dataset({"cluster": (("clustering", "sample"), labels)}, coords)


def by_size(labels: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Clusters renumbered 0, 1, ... by falling size, then by smallest id; noise stays -1."""
    found = [label for label in np.unique(labels) if label >= 0]
    found.sort(key=lambda label: (-np.sum(labels == label), ids[labels == label].min()))
    new = np.full(len(labels), -1, dtype=np.int64)
    for number, label in enumerate(found):
        new[labels == label] = number
    return new
