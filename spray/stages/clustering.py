"""Clusterings of an embedding. Every stage returns `cluster (clustering, sample)`, -1 for noise.

Clusters are numbered by size, the largest is 0, and equal ones by their smallest sample id: numbers do not depend on
how an algorithm happened to count.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import scipy.sparse as sp
import xarray as xr
from scipy.cluster import hierarchy as sch
from scipy.sparse.csgraph import connected_components
from sklearn import cluster as skc

from spray._optional import optional
from spray.arrays.labels import by_sample, features, sample_ids

LINKAGES = ("ward", "complete", "average", "weighted", "single", "centroid", "median")
MOST = 30_000  # samples whose pairs are held at once: 3.6 GB


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
    rows = {
        f"kmeans-{k}": (by_sample(_kmeans, data, k=k, n_init=restarts, seed=seed), {"k": k}) for k in numbers(clusters)
    }
    return clusterings("kmeans", rows, data)


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
    rows = {
        f"spectral-{k}": (by_sample(_spectral_kmeans, data, k=k, n_init=restarts, seed=seed), {"k": k})
        for k in numbers(clusters)
    }
    return clusterings("spectral_kmeans", rows, data)


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


def agglomerative(
    data: xr.DataArray, *, clusters: int | Iterable[int] = 2, linkage: str = "ward", metric: str = "euclidean"
) -> xr.Dataset:
    """Agglomerative clustering: one tree of merges (see `dendrogram`), cut into one or many numbers of clusters.

    `linkage` is any of scipy's: ward, complete, average, weighted, single, centroid, median.

    Args:
        data: `(sample, feature)`, such as a spectral embedding.
        clusters: One number or many.
        linkage: How far apart two clusters are.
        metric: How far apart two samples are.

    Returns:
        `cluster (clustering, sample)`, with a row for each number of clusters.

    Raises:
        ValueError: See `dendrogram`; or a number of clusters is below 1.

    Example:
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> agglomerative(points, clusters=[2, 3]).cluster.values.tolist()
        [[0, 0, 1, 1], [0, 0, 1, 2]]
    """
    counts = numbers(clusters)
    tree = dendrogram(data, linkage=linkage, metric=metric)
    merges = np.column_stack([tree[name].values for name in ("left", "right", "height", "size")])
    order = np.argsort(np.argsort(tree.sample.values))  # leaves are numbered in the order of ids
    rows = {
        f"agglomerative-{k}": (_cut(merges, k, len(order))[order], {"k": k, "linkage": linkage, "metric": metric})
        for k in counts
    }
    return clusterings("agglomerative", rows, data)


def _cut(merges: np.ndarray, k: int, n: int) -> np.ndarray:
    """What the first n - k merges join: exactly k clusters, also where several merges have one height."""
    count = max(0, n - k)
    parts, whole = merges[:count, :2].astype(int).ravel(), np.repeat(n + np.arange(count), 2)
    joined = sp.coo_array((np.ones(2 * count), (parts, whole)), shape=(n + count, n + count))
    return connected_components(joined, directed=False)[1][:n]


def dendrogram(data: xr.DataArray, *, linkage: str = "ward", metric: str = "euclidean") -> xr.Dataset:
    """The tree of merges: `left (merge)`, `right (merge)`, `height (merge)`, `size (merge)`, as in scipy.

    Numbers below n are samples in the order of their ids, n + i is the result of merge i. All pairs are compared.

    Args:
        data: `(sample, feature)`, such as a spectral embedding.
        linkage, metric: As in `agglomerative`.

    Returns:
        The merges, in their order.

    Raises:
        ValueError: `linkage` is another word or does not go with `metric`, there are more than 30 000 samples, or a
            number is not finite (the error names the samples).

    Example:
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> dendrogram(points).height.values.round(1).tolist()
        [0.1, 0.2, 12.8]
    """
    if linkage not in LINKAGES:
        raise ValueError(f"linkage must be one of {', '.join(LINKAGES)}, got {linkage!r}")
    if linkage in ("ward", "centroid", "median") and metric != "euclidean":
        raise ValueError(f"linkage {linkage!r} is defined for metric 'euclidean' only, got {metric!r}")
    ids, values = sample_ids(data), features(data)
    if len(ids) > MOST:
        raise ValueError(f"{len(ids)} samples have too many pairs for a tree of merges (at most {MOST}): use k-means")
    ordered = values[np.argsort(ids)].astype(np.float64)
    merges = sch.linkage(ordered, linkage, metric) if len(ids) > 1 else np.empty((0, 4))  # pyright: ignore
    columns = zip(("left", "right", "height", "size"), merges.T, (int, int, float, int), strict=True)
    return xr.Dataset({name: ("merge", column.astype(kind)) for name, column, kind in columns}, {"sample": ids})


def dendrogram_figure(tree: xr.Dataset, *, clusters: int | None = None, show: int = 60) -> Any:
    """A matplotlib figure of the tree, its last `show` merges; colours tell `clusters` apart.

    Args:
        tree: What `dendrogram` gives.
        clusters: How many are coloured; None for one colour.
        show: How many merges are drawn.

    Returns:
        A figure; `savefig` writes it.

    Raises:
        ValueError: There is a single sample.
        ImportError: matplotlib is not installed.

    Example:
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> len(dendrogram_figure(dendrogram(points)).axes)
        1
    """
    figures = optional("matplotlib.figure", purpose="a figure")
    merges = np.column_stack([tree[name].values for name in ("left", "right", "height", "size")]).astype(float)
    if not len(merges):
        raise ValueError("a single sample has no tree to draw")
    figure = figures.Figure(figsize=(8, 4), layout="constrained")
    axes = figure.subplots()
    above = merges[-(clusters - 1), 2] if clusters and 1 < clusters <= len(merges) else 0
    sch.dendrogram(merges, ax=axes, truncate_mode="lastp", p=show, color_threshold=above)
    axes.set_ylabel("height of merge")
    return figure


def clusterings(method: str, rows: Mapping[str, tuple[np.ndarray, dict[str, Any]]], data: xr.DataArray) -> xr.Dataset:
    """One dataset of several clusterings (name -> labels, parameters) of the samples of `data`.

    Args:
        method: Name of the stage.
        rows: Name of each clustering -> its labels (-1 for noise) and its parameters.
        data: What was clustered.

    Returns:
        `cluster (clustering, sample)`, clusters numbered by size.

    Example:
        >>> import numpy as np
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> clusterings("mine", {"mine-2": (np.array([5, 0, 0, 0]), {"k": 2})}, points).cluster.values.tolist()
        [[1, 0, 0, 0]]
    """
    ids = sample_ids(data)
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
    """Clusters renumbered 0, 1, ... by falling size, then by smallest id; noise stays -1.

    Args:
        labels: Of any numbers, negative for noise.
        ids: Of the samples.

    Returns:
        The new labels.

    Example:
        >>> import numpy as np
        >>> by_size(np.array([4, 9, 9, -1]), np.array([1, 2, 3, 4])).tolist()
        [1, 0, 0, -1]
    """
    found = [label for label in np.unique(labels) if label >= 0]
    found.sort(key=lambda label: (-np.sum(labels == label), ids[labels == label].min()))
    new = np.full(len(labels), -1, dtype=np.int64)
    for number, label in enumerate(found):
        new[labels == label] = number
    return new


def combine(*clustered: xr.Dataset) -> xr.Dataset:
    """Clusterings of several methods one above the other; what each is based on becomes a coordinate.

    Args:
        clustered: What clustering stages gave.

    Returns:
        `cluster (clustering, sample)`; a name that occurs again gets a number.

    Example:
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> list(combine(kmeans(points), kmeans(points)).clustering.values)
        ['kmeans-2', 'kmeans-2.2']
    """
    parts = []
    for part in clustered:
        base = np.full(part.sizes["clustering"], part.cluster.attrs.get("base", ""), dtype=object)
        parts.append(part[["cluster"]].assign_coords(base=("clustering", base)))
    stacked = xr.concat(parts, "clustering", data_vars="all", coords="different", compat="equals", join="exact")
    names = [str(name) for name in stacked.clustering.values]
    again = [names[:i].count(name) for i, name in enumerate(names)]
    unique = [f"{name}.{times + 1}" if times else name for name, times in zip(names, again, strict=True)]
    return stacked.assign_coords(clustering=np.asarray(unique, dtype=object)).drop_attrs()


CLUSTERINGS = {stage.__name__: stage for stage in (spectral_kmeans, kmeans, hdbscan, dbscan, agglomerative)}
"""Every clustering by its name: what the command line offers, with the keywords of its signature as options."""
