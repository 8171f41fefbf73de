"""What a cluster looks like: its most typical and its oddest samples, its mean; and mixtures of prototypes (PCX)."""

import numpy as np
import xarray as xr
from sklearn.mixture import GaussianMixture

from spray.arrays.labels import check_finite, features, sample_ids

EXACT = 2000  # samples of a cluster whose pairwise distances are worth it


def prototypes(data: xr.DataArray, clusterings: xr.Dataset, *, count: int = 5) -> xr.Dataset:
    """Of every cluster of every clustering, sample ids: `medoid` and `outlier (clustering, number, place)`.

    Medoids have the least summed distance to their cluster, in the space of `data` (of clusters of more than 2 000
    samples: the least distance to its mean); outliers have the greatest. -1 where a cluster has no more samples.

    Args:
        data: `(sample, feature)`, such as a spectral embedding.
        clusterings: What clustering stages gave.
        count: How many of each kind.

    Returns:
        Ids as variables.

    Raises:
        ValueError: `count` is below 1, or a number is not finite (the error names the samples).

    Example:
        >>> import spray
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> prototypes(points, spray.kmeans(points), count=1).medoid.values.tolist()
        [[[0], [2]]]
    """
    if count < 1:
        raise ValueError(f"count must be at least 1, got {count}")
    ids, values = sample_ids(data), features(data).astype(np.float64)
    order = np.argsort(ids)
    ids, values = ids[order], values[order]
    labels = clusterings.cluster.sel(sample=ids).transpose("clustering", "sample").values
    found = np.full((2, len(labels), max(1, int(labels.max(initial=-1)) + 1), count), -1, dtype=np.int64)
    for row, cluster in {(row, int(c)) for row, line in enumerate(labels) for c in np.unique(line[line >= 0])}:
        members = np.flatnonzero(labels[row] == cluster)
        by_distance = members[np.argsort(_remoteness(values[members]), kind="stable")]
        for kind, chosen in enumerate((by_distance[:count], by_distance[::-1][:count])):
            found[kind, row, cluster, : len(chosen)] = ids[chosen]
    dims = ("clustering", "number", "place")
    coords = {"clustering": clusterings.clustering.values, "number": np.arange(found.shape[2])}
    return xr.Dataset({"medoid": (dims, found[0]), "outlier": (dims, found[1])}, coords)


def _remoteness(values: np.ndarray) -> np.ndarray:
    """Summed distance of each row to the others, or its distance to the mean where there are too many pairs."""
    if len(values) > EXACT:
        return np.linalg.norm(values - values.mean(0), axis=1)
    squares = np.square(values).sum(1)
    apart = squares[:, None] + squares - 2 * values @ values.T
    return np.round(np.sqrt(np.maximum(apart, 0)).sum(1), 9)  # rounded: equal sums are told apart by id, not by noise


def cluster_means(data: xr.DataArray, cluster: xr.DataArray) -> xr.DataArray:
    """The mean of the samples of each cluster, `(number, ...)`: of heatmaps, of inputs. Noise is left out.

    Data on disk are read sample by sample.

    Args:
        data: `(sample, ...)`.
        cluster: `(sample)`, one clustering.

    Returns:
        `(number, ...)`.

    Raises:
        ValueError: There are several clusterings, or no cluster.

    Example:
        >>> import spray
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> cluster_means(points, spray.kmeans(points).cluster[0]).values.round(2).tolist()
        [[0.05], [9.1]]
    """
    labels = cluster.sel(sample=sample_ids(data)).values
    count = int(labels.max(initial=-1)) + 1
    if cluster.ndim != 1 or not count:
        raise ValueError(f"give one clustering with at least one cluster, got dims {cluster.dims}, {count} clusters")
    dims = [dim for dim in data.dims if dim != "sample"]
    total = np.zeros((count, *(data.sizes[dim] for dim in dims)))
    for row, label in enumerate(labels):
        if label >= 0:
            total[label] += data.isel(sample=row).transpose(*dims).values
    counts = np.bincount(labels[labels >= 0]).reshape(-1, *[1] * len(dims))
    return xr.DataArray(total / counts, dims=["number", *dims], coords={"number": np.arange(count)}, name=data.name)


def gaussian_prototypes(
    concepts: xr.DataArray, *, prototypes: int = 8, covariance: str = "full", ridge: float = 1e-6, seed: int = 0
) -> xr.Dataset:
    """PCX: a Gaussian mixture over the concept relevances of one class (Dreyer et al. 2024, arXiv 2311.16681).

    `concepts (sample, concept)`. Of each mixture component: `weight`, `mean (prototype, concept)`, and the prototype
    itself, the sample nearest to the mean, as `prototype_sample (prototype)`. Of each sample: `cluster (clustering,
    sample)`; `log_likelihood`, low for what is out of the ordinary; `delta (sample, concept)`, by how much it uses
    each concept more than the mean of its prototype. Fewer samples than `prototypes` make fewer prototypes.

    Args:
        concepts: `(sample, concept)`.
        prototypes: How many at most.
        covariance: "full", "tied", "diag" or "spherical".
        ridge: Added to variances, as a share of the data's.
        seed: Of the start.

    Returns:
        The mixture and what it says of each sample.

    Raises:
        ValueError: `prototypes` is below 1, `covariance` is another word, or a number is not finite (the error names
            the samples).

    Example:
        >>> import xarray as xr
        >>> concepts = xr.DataArray([[0.0], [0.1], [9.0]], dims=["sample", "concept"])
        >>> gaussian_prototypes(concepts, prototypes=2).cluster.values.tolist()
        [[0, 0, 1]]
    """
    check_finite(concepts)
    ids, values = sample_ids(concepts), features(concepts).astype(np.float64)
    order = np.argsort(ids)
    count = min(prototypes, len(np.unique(values, axis=0)))
    if count < 1:
        raise ValueError(f"prototypes must be at least 1, got {prototypes}")
    ids, values = ids[order], values[order]
    mixture = _fit(values, count, covariance, ridge * max(float(values.var()), 1e-12), seed)
    weights, means = np.asarray(mixture.weights_), np.asarray(mixture.means_)
    by_weight = np.argsort(-weights, kind="stable")
    member, means = np.argsort(by_weight)[mixture.predict(values)], means[by_weight]
    nearest = [int(ids[np.argmin(np.square(values - mean).sum(1))]) for mean in means]
    back = np.argsort(order)
    return xr.Dataset(
        {
            "cluster": (("clustering", "sample"), member[back][None]),
            "weight": ("prototype", weights[by_weight]),
            "mean": (("prototype", "concept"), means),
            "prototype_sample": ("prototype", nearest),
            "log_likelihood": ("sample", mixture.score_samples(values)[back]),
            "delta": (("sample", "concept"), (values - means[member])[back]),
        },
        {
            "sample": ids[back],
            "clustering": np.asarray([f"prototypes-{count}"], dtype=object),
            "method": ("clustering", np.asarray(["gaussian_prototypes"], dtype=object)),
            "parameters": ("clustering", np.asarray([f'{{"prototypes": {count}}}'], dtype=object)),
        },
    )


def _fit(values: np.ndarray, count: int, covariance: str, ridge: float, seed: int) -> GaussianMixture:
    kinds = ("full", "tied", "diag", "spherical")
    if covariance not in kinds:
        raise ValueError(f"covariance must be one of {', '.join(kinds)}, got {covariance!r}")
    some = values if len(values) > 1 else values.repeat(2, axis=0)  # scikit-learn wants two
    return GaussianMixture(count, covariance_type=covariance, reg_covar=ridge, random_state=seed).fit(some)  # pyright: ignore
