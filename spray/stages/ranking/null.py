"""How separable clusters of nothing are: the same analysis of data whose samples have nothing to do with each other."""

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from spray.arrays.labels import features, sample_ids
from spray.stages.affinity import knn_affinity, knn_graph
from spray.stages.clustering import combine
from spray.stages.embedding import spectral_embedding
from spray.stages.laplacian import symmetric_laplacian
from spray.stages.ranking.scores import eigengap
from spray.stages.ranking.separability import tau


def null_tau(
    data: xr.DataArray,
    found: xr.Dataset | None = None,
    *,
    clusterings: Sequence[Callable[[xr.DataArray], xr.Dataset]],
    neighbors: int | str = 10,
    metric: str = "euclidean",
    components: int | str = 32,
    repeats: int = 5,
    seed: int = 0,
) -> xr.Dataset:
    """`null_tau` and `null_tau_deviation (clustering)`, and the scalar `null_cluster_gap`, over `repeats` null data.

    Each feature is shuffled over the samples for itself: every pixel keeps its values, no sample keeps its pattern.
    Neighbours, embedding and clusterings are then made as of the real data. A tau that is not well above `null_tau`
    says nothing.

    Args:
        data: The attributions, `(sample, ...)`, all other dimensions are features.
        found: The clusterings of the data: what no stage makes, such as the graph's parts, has no null and is NaN.
        clusterings: Stages of the embedding.
        neighbors, metric, components: As the analysis has them.
        repeats: How many null data are made.
        seed: Of the shuffling.

    Returns:
        By clustering, in the order of the stages.

    Raises:
        ValueError: `repeats` is below 1, or a number is not finite (the error names the samples).

    Example:
        >>> import numpy as np, xarray as xr, spray
        >>> data = xr.DataArray(np.random.default_rng(0).normal(size=(30, 4)), dims=["sample", "feature"])
        >>> found = null_tau(data, clusterings=[spray.kmeans], components=3, repeats=1)
        >>> list(found.clustering.values), bool(0 < found.null_tau.item() < 1)
        (['kmeans-2'], True)
    """
    if repeats < 1:
        raise ValueError(f"repeats must be at least 1, got {repeats}")
    ids, values = sample_ids(data), features(data)
    ordered, rng = values[np.argsort(ids)], np.random.default_rng(seed)
    taus, gaps, names = [], [], np.empty(0, object)
    for _ in range(repeats):
        null = xr.DataArray(rng.permuted(ordered, axis=0), dims=["sample", "feature"], coords={"sample": np.sort(ids)})
        near = knn_graph(null, neighbors=neighbors, metric=metric)
        embedding = spectral_embedding(symmetric_laplacian(knn_affinity(near)), components=components)
        made = combine(*(stage(embedding.spectral) for stage in clusterings))
        names = made.clustering.values
        taus.append([tau(embedding.spectral.values, row) for row in made.cluster.values])
        gaps.append(float(eigengap(embedding.eigenvalue).cluster_gap))
    scores = {"null_tau": np.mean(taus, axis=0), "null_tau_deviation": np.std(taus, axis=0)}
    columns = {name: ("clustering", score) for name, score in scores.items()}
    result = xr.Dataset(columns | {"null_cluster_gap": float(np.mean(gaps))}, {"clustering": names})
    return result if found is None else result.reindex(clustering=found.clustering.values)
