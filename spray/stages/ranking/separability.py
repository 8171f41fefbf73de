"""How well a clustering tells its clusters apart: in the embedding, and in the attributions that it was not made in."""

import numpy as np
import scipy.linalg
import xarray as xr
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from spray.arrays.labels import features, few_threads, sample_ids

RIDGE = 1e-3


def tau(values: np.ndarray, labels: np.ndarray) -> float:
    """Separability by Fisher's discriminant: tau = mean_m lambda_m / (1 + lambda_m), m = 1 ... min(K - 1, q).

    lambda_m are the eigenvalues of (S_W + r tr(S_W) / q I)^-1 S_B with S_W, S_B the scatter within and between the K
    clusters, noise left out, r = 1e-3, q features: tau is the mean squared canonical correlation, of which there are
    min(K - 1, q) (Hotelling 1936), between 0 and 1. 0 for fewer than two clusters.
    The definition is ours, after Fisher (1936) and Fukunaga (1972); Anders et al. (2022) give none.

    Labels and tau share the embedding, so tau is high on pure noise as well: compare it with `null_tau`.

    Args:
        values: `(sample, feature)`.
        labels: `(sample)`, -1 for noise.

    Returns:
        Between 0 and 1.

    Example:
        >>> import numpy as np
        >>> values, labels = np.array([[0.0], [0.1], [9.0], [9.2]]), np.array([0, 0, 1, 1])
        >>> round(tau(values, labels), 3)
        1.0
    """
    values, labels = values[labels >= 0].astype(np.float64), labels[labels >= 0]
    found, member, counts = np.unique(labels, return_inverse=True, return_counts=True)
    if len(found) < 2:
        return 0.0
    centred = values - values.mean(0)
    means = np.zeros((len(found), values.shape[1]))
    np.add.at(means, member, centred)
    means /= counts[:, None]
    rest = centred - means[member]
    within = rest.T @ rest / len(values)
    between = (means.T * counts) @ means / len(values)
    ridge = RIDGE * np.trace(within) / len(within)
    if ridge <= np.finfo(float).tiny:  # every cluster is a point: nothing separates better
        return 1.0
    ratios = scipy.linalg.eigh(between, within + ridge * np.eye(len(within)), eigvals_only=True)
    ratios = np.sort(np.maximum(ratios, 0))[::-1][: len(found) - 1]
    return float(np.mean(ratios / (1 + ratios)))


def crossed_tau(values: np.ndarray, labels: np.ndarray, *, folds: int = 5, axes: int = 50, seed: int = 0) -> float:
    """Separability of the clusters where they were not made: in the attributions, on samples not trained on.

    (K b - 1) / (K - 1) with b the balanced accuracy of a shrinkage discriminant over `folds` parts, on the first `axes`
    principal components: 1 for perfect, 0 for chance, 2 b - 1 for two clusters. NaN if a cluster has too few samples.

    Args:
        values: `(sample, feature)`.
        labels: `(sample)`, -1 for noise.
        folds: Parts, each told by the others.
        axes: Principal components.
        seed: Of the parts.

    Returns:
        At most 1, NaN where it cannot be told.

    Example:
        >>> import numpy as np
        >>> values, labels = np.array([[0.0], [0.1], [0.2], [9.0], [9.1], [9.2]]), np.array([0, 0, 0, 1, 1, 1])
        >>> crossed_tau(values, labels), crossed_tau(values[1:-1], labels[1:-1])
        (1.0, nan)
    """
    values, labels = values[labels >= 0], labels[labels >= 0]
    counts = np.unique(labels, return_counts=True)[1]
    if len(counts) < 2 or counts.min() < 2:
        return float("nan")
    folds = int(min(folds, counts.min()))
    if len(labels) + -len(labels) // folds <= len(counts):  # trained on one sample a cluster, it knows no spread
        return float("nan")
    reduced = PCA(min(axes, *values.shape), random_state=seed).fit_transform(values)
    parts = StratifiedKFold(folds, shuffle=True, random_state=seed)
    discriminant = LinearDiscriminantAnalysis(solver="lsqr", shrinkage="auto")
    told = cross_val_predict(discriminant, reduced, labels, cv=parts)
    return float((len(counts) * balanced_accuracy_score(labels, told) - 1) / (len(counts) - 1))


def attribution_tau(data: xr.DataArray, clusterings: xr.Dataset, *, folds: int = 5, seed: int = 0) -> xr.Dataset:
    """`attribution_tau (clustering)`: `crossed_tau` of each clustering in the space of `data`.

    Args:
        data: The attributions, `(sample, ...)`, all other dimensions are features.
        clusterings: What clustering stages gave.
        folds, seed: As in `crossed_tau`.

    Returns:
        One number for each clustering.

    Raises:
        ValueError: A number is not finite (the error names the samples).

    Example:
        >>> import spray
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> attribution_tau(points, spray.kmeans(points)).attribution_tau.values.tolist()
        [nan]
    """
    ids, values = sample_ids(data), features(data)
    order = np.argsort(ids)
    labels = clusterings.cluster.sel(sample=ids).transpose("clustering", "sample").values
    with few_threads(values.size):
        found = [crossed_tau(values[order], row[order], folds=folds, seed=seed) for row in labels]
    return xr.Dataset({"attribution_tau": ("clustering", found)}, {"clustering": clusterings.clustering.values})
