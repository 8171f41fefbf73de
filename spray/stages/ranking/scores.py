"""What speaks for a category, its clusterings and its clusters, and the one number that sorts categories by it."""

import numpy as np
import xarray as xr
from sklearn.metrics import silhouette_samples

from spray.arrays.labels import features, few_threads, sample_ids
from spray.stages.clustering import leading
from spray.stages.ranking.separability import tau

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
    and one that is near 0 pulls the score down. A heuristic for sorting.

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
