"""Clusterings by merging: one tree, which can be drawn and cut."""

from collections.abc import Iterable
from typing import Any

import numpy as np
import scipy.sparse as sp
import xarray as xr
from scipy.cluster import hierarchy as sch
from scipy.sparse.csgraph import connected_components

from spray._optional import optional
from spray.arrays.labels import features, sample_ids
from spray.stages.clustering.centres import numbers
from spray.stages.clustering.labels import clusterings

LINKAGES = ("ward", "complete", "average", "weighted", "single", "centroid", "median")
MOST = 30_000  # samples whose pairs are held at once: 3.6 GB


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
