"""Which categories, clusterings and clusters deserve a look.

No single number does it. The eigengap says whether there are clusters at all; tau and the silhouette say how well a
clustering tells them apart; size and compactness say which cluster is peculiar. `clever_hans` combines them to sort
thousands of categories; it is a heuristic for what to look at first, not a test.
"""

import numpy as np
import scipy.linalg
import xarray as xr
from sklearn.decomposition import PCA
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
from sklearn.metrics import balanced_accuracy_score, silhouette_samples
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from spray.arrays.labels import features, few_threads, sample_ids
from spray.stages.clustering import leading

RIDGE = 1e-3
ZERO = 1e-9  # an eigenvalue below it is 0
SILHOUETTES = 5000  # samples whose pairwise distances a silhouette is made of


def eigengap(eigenvalue: xr.DataArray) -> xr.Dataset:
    """K = argmax_k (lambda_{k+1} - lambda_k), the suggested number of clusters, and that gap (von Luxburg 2007, 8.3).

    `gap (component)`: what follows each eigenvalue; `eigengap`, `suggested_k` are scalars, 0 and 1 where there is
    one eigenvalue only. `cluster_gap` is the largest gap that suggests more than one cluster. `graph_parts` is how
    many parts the graph has that do not hang together, as the eigenvalues say it: the multiplicity of 0.

    Args:
        eigenvalue: `(component)`, ascending; its attribute `connected_components`, if any, is their number.

    Returns:
        `gap`, and the scalars as its variables.

    Raises:
        ValueError: The eigenvalues do not ascend.

    Example:
        >>> import xarray as xr
        >>> eigengap(xr.DataArray([0.0, 0.1, 0.8, 0.9], dims="component")).suggested_k.item()
        2
    """
    values = eigenvalue.values
    if np.any(np.diff(values) < 0):
        raise ValueError("eigenvalues must ascend; sort them first")
    gaps = np.append(np.diff(values), np.nan)
    best = int(np.nanargmax(gaps)) if len(values) > 1 else 0
    gap = gaps[best] if len(values) > 1 else 0.0
    several = float(np.nanmax(gaps[1:])) if len(values) > 2 else 0.0
    zeros = int(np.sum(values < ZERO))
    parts = int(eigenvalue.attrs.get("connected_components", zeros))
    scalars = {"eigengap": float(gap), "suggested_k": best + 1, "cluster_gap": several, "graph_parts": parts}
    return xr.Dataset({"gap": ("component", gaps), **scalars})


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


def cluster_scores(data: xr.DataArray, clusterings: xr.Dataset, *, spectral: bool = False, seed: int = 0) -> xr.Dataset:
    """What speaks for each clustering of the embedding `data`, and for each of its clusters.

    With `spectral`, `data` is a spectral embedding, and K clusters are looked at in its first K columns (at least two),
    rows of length 1: that is where K clusters show (Ng, Jordan, Weiss 2001).

    By clustering: `clusters`, `noise` (share), `tau`, `silhouette` (mean over at most 5 000 samples).
    By clustering and cluster: `share` of the samples; `compactness`, 1 - (mean squared distance to the cluster's mean)
    / (that of all samples to theirs); `cluster_silhouette`; and `peculiar` = silhouette * compactness *
    min(1, 20 share, 2 (1 - share)), factors below 0 counting as 0: compact, well apart, neither a few samples nor the
    rule.

    Args:
        data: The embedding that was clustered.
        clusterings: What clustering stages gave.
        spectral: `data` is a spectral embedding.
        seed: Of the samples of a silhouette.

    Returns:
        The scores as variables.

    Raises:
        ValueError: A number is not finite (the error names the samples).

    Example:
        >>> import spray
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> scores = cluster_scores(points, spray.kmeans(points))
        >>> scores.silhouette.values.round(2).tolist(), scores.share.values.tolist()
        ([0.98], [[0.5, 0.5]])
    """
    ids, values = sample_ids(data), features(data).astype(np.float64)
    order = np.argsort(ids)
    labels = clusterings.cluster.sel(sample=ids).transpose("clustering", "sample").values
    with few_threads(values.size):
        rows = [_scores(_space(values, row, spectral)[order], row[order], seed) for row in labels]
    width = max([1, *(np.size(row["share"]) for row in rows)])
    scores = {name: _column([row[name] for row in rows], width) for name in rows[0]}
    coords = {name: c for name, c in clusterings.coords.items() if c.dims == ("clustering",)}
    return xr.Dataset(scores, coords | {"number": np.arange(width)})


def _space(values: np.ndarray, labels: np.ndarray, spectral: bool) -> np.ndarray:
    return leading(values, max(2, int(labels.max(initial=-1)) + 1)) if spectral else values


def _column(values: list[float | np.ndarray], width: int) -> tuple[tuple[str, ...], np.ndarray]:
    """One score of all clusterings; scores by cluster are padded with NaN to `width` clusters."""
    if not np.ndim(values[0]):
        return ("clustering",), np.asarray(values)
    padded = [np.pad(row, (0, width - np.size(row)), constant_values=np.nan) for row in values]
    return ("clustering", "number"), np.asarray(padded)


def _scores(values: np.ndarray, labels: np.ndarray, seed: int) -> dict[str, float | np.ndarray]:
    count = int(labels.max(initial=-1)) + 1
    silhouettes = _silhouettes(values, labels, seed)
    share = np.bincount(labels[labels >= 0], minlength=count)[:count] / len(labels)
    spread = np.square(values - values.mean(0)).sum(1).mean()
    inner = [np.square(v - v.mean(0)).sum(1).mean() for v in (values[labels == c] for c in range(count))]
    compactness = 1 - np.asarray(inner) / spread if spread > 0 else np.zeros(count)
    own = np.asarray([_mean(silhouettes[labels == c]) for c in range(count)])
    weight = np.minimum(1, np.minimum(20 * share, 2 * (1 - share)))
    return {
        "clusters": count,
        "noise": float(np.mean(labels < 0)),
        "tau": tau(values, labels),
        "silhouette": _mean(silhouettes),
        "share": share,
        "compactness": compactness,
        "cluster_silhouette": own,
        "peculiar": np.maximum(own, 0) * np.maximum(compactness, 0) * weight,
    }


def _mean(values: np.ndarray) -> float:
    """The mean of what is known, 0 if nothing is."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else 0.0


def _silhouettes(values: np.ndarray, labels: np.ndarray, seed: int) -> np.ndarray:
    """(b - a) / max(a, b) of each sample, NaN for noise, for samples left out and where there is one cluster only."""
    result = np.full(len(labels), np.nan)
    rows = np.flatnonzero(labels >= 0)
    if len(rows) > SILHOUETTES:
        rows = np.sort(np.random.default_rng(seed).choice(rows, SILHOUETTES, replace=False))
    if 2 <= len(np.unique(labels[rows])) < len(rows):
        result[rows] = silhouette_samples(values[rows], labels[rows])
    return result


def clever_hans(scores: xr.Dataset, gaps: xr.Dataset) -> xr.Dataset:
    """How much a category deserves a look: (cluster_gap * tau * peculiar)^(1/3) of its most peculiar cluster.

    `clever_hans`, and `suspect_clustering`, `suspect_cluster` which say where to look. Between 0 and 1: each factor is,
    and one that is near 0 pulls the score down. A heuristic for sorting, see the module.

    Args:
        scores: What `cluster_scores` gives.
        gaps: What `eigengap` gives.

    Returns:
        Three scalars.

    Example:
        >>> import spray
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> scores = cluster_scores(points, spray.kmeans(points))
        >>> gaps = eigengap(xr.DataArray([0.0, 0.0, 0.9], dims="component"))
        >>> found = clever_hans(scores, gaps)
        >>> found.suspect_clustering.item(), found.suspect_cluster.item(), round(found.clever_hans.item(), 2)
        ('kmeans-2', 0, 0.96)
    """
    worth = (scores.tau * scores.peculiar).fillna(0.0).transpose("clustering", "number")
    clustering, number = np.unravel_index(int(worth.values.argmax()), worth.shape)
    gap = float(np.clip(gaps.cluster_gap, 0, 1))
    return xr.Dataset(
        {
            "clever_hans": float(gap * worth.values[clustering, number]) ** (1 / 3),
            "suspect_clustering": str(scores.clustering.values[clustering]),
            "suspect_cluster": int(number),
        }
    )
