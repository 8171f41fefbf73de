"""What a cluster looks like: its most typical and its oddest samples, its mean; and mixtures of prototypes (PCX)."""

from typing import Any

import numpy as np
import xarray as xr
from sklearn.mixture import GaussianMixture

from spray.arrays.labels import check_finite, features, sample_ids

EXACT = 2000  # samples of a cluster whose pairwise distances are worth it
BIC = "bic"
MOST = 8  # prototypes that are tried
WORSE = 2  # numbers of prototypes in a row that are worse than the best, before it is taken


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
    concepts: xr.DataArray,
    *,
    prototypes: int | str = BIC,
    covariance: str = "full",
    ridge: float = 1e-6,
    n_init: int = 10,
    seed: int = 0,
) -> xr.Dataset:
    """PCX: a Gaussian mixture over the concept relevances of one class (Dreyer et al. 2024, arXiv 2311.16681).

    The fit depends on its start, so several are tried and the most likely one is taken. How many prototypes there are
    is told by the Bayesian information criterion, BIC = -2 log L + p log n with p free parameters (Schwarz 1978): the
    least of 1, 2, ... up to 8, until it has been worse twice. A component needs more samples than it has concepts for a
    full covariance; where there are not twice as many for each, that many prototypes are not tried.

    `concepts (sample, concept)`. Of each mixture component: `weight`, `mean (prototype, concept)`, and the prototype
    itself, the sample nearest to the mean, as `prototype_sample (prototype)`. Of each sample: `cluster (clustering,
    sample)`; `log_likelihood`, low for what is out of the ordinary; `delta (sample, concept)`, by how much it uses
    each concept more than the mean of its prototype. Fewer samples than `prototypes` make fewer prototypes. Where BIC
    told the number, `bic (candidate)` holds that of every number that was tried.

    Args:
        concepts: `(sample, concept)`.
        prototypes: How many at most; "bic" for the number that BIC tells.
        covariance: "full", "tied", "diag" or "spherical".
        ridge: Added to variances, as a share of the data's.
        n_init: Starts, of which the most likely fit is taken.
        seed: Of the starts.

    Returns:
        The mixture and what it says of each sample.

    Raises:
        ValueError: `prototypes` or `n_init` is below 1 or another word, `covariance` is another word, or a number is
            not finite (the error names the samples).

    Example:
        >>> import xarray as xr
        >>> concepts = xr.DataArray([[0.0], [0.1], [9.0]], dims=["sample", "concept"])
        >>> gaussian_prototypes(concepts, prototypes=2).cluster.values.tolist()
        [[0, 0, 1]]
    """
    check_finite(concepts)
    ids, values = sample_ids(concepts), features(concepts).astype(np.float64)
    order = np.argsort(ids)
    by_bic, most = prototypes == BIC, MOST if isinstance(prototypes, str) else prototypes
    if n_init < 1 or most < 1 or (isinstance(prototypes, str) and not by_bic):
        raise ValueError(f"prototypes must be {BIC!r} or at least 1, n_init at least 1, got {prototypes}, {n_init}")
    ids, values = ids[order], values[order]
    most = min(most, len(np.unique(values, axis=0)))
    options = (covariance, ridge * max(float(values.var()), 1e-12), n_init, seed)
    tried = _tried(values, most, *options) if by_bic else {most: _fit(values, most, *options)}
    bic = {number: _bic(fit, values) for number, fit in tried.items()}
    count = min(bic, key=lambda number: bic[number]) if by_bic else most
    mixture = tried[count]
    candidates = {"bic": ("candidate", np.array(list(bic.values())))} if by_bic else {}
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
            **candidates,
        },
        {
            "sample": ids[back],
            **({"candidate": list(bic)} if candidates else {}),
            "clustering": np.asarray([f"prototypes-{count}"], dtype=object),
            "method": ("clustering", np.asarray(["gaussian_prototypes"], dtype=object)),
            "parameters": ("clustering", np.asarray([f'{{"prototypes": {count}}}'], dtype=object)),
        },
    )


def _tried(values: np.ndarray, most: int, covariance: str, *options: Any) -> dict[int, GaussianMixture]:
    """Fits of more and more components, as far as the samples go, until BIC says that it gets worse."""
    needed = 2 * _needed(values, covariance)
    found: dict[int, GaussianMixture] = {}
    least, best = 1, np.inf
    for count in range(1, max(1, min(most, len(values) // needed)) + 1):
        found[count] = _fit(values, count, covariance, *options)
        if (bic := _bic(found[count], values)) < best:
            least, best = count, bic
        if count - least >= WORSE:
            break
    return found


def _needed(values: np.ndarray, covariance: str) -> int:
    """Samples of a component that its covariance needs to have an inverse."""
    return values.shape[1] + 1 if covariance in ("full", "tied") else 2


def _bic(fit: GaussianMixture, values: np.ndarray) -> float:
    """Infinite where a component sits on so few samples that it has no likelihood but for the ridge."""
    few = float(np.min(np.asarray(fit.weights_))) * len(values) < _needed(values, fit.covariance_type)
    return float("inf") if few and fit.n_components > 1 else float(fit.bic(values))


def _fit(values: np.ndarray, count: int, covariance: str, ridge: float, n_init: int, seed: int) -> GaussianMixture:
    kinds = ("full", "tied", "diag", "spherical")
    if covariance not in kinds:
        raise ValueError(f"covariance must be one of {', '.join(kinds)}, got {covariance!r}")
    some = values if len(values) > 1 else values.repeat(2, axis=0)  # scikit-learn wants two
    starts = n_init if count > 1 else 1
    known: dict[str, Any] = {"covariance_type": covariance, "reg_covar": ridge, "n_init": starts, "random_state": seed}
    return GaussianMixture(count, **known).fit(some)
