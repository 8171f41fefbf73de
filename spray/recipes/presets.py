"""The recipes by name, and what they are made of."""

import functools
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import xarray as xr

from spray.memo import stage_name
from spray.recipes.recipe import Recipe, Stage, Step
from spray.stages.affinity import knn_affinity, knn_graph
from spray.stages.clustering import combine, hdbscan, kmeans, spectral_kmeans
from spray.stages.distance import nearest
from spray.stages.embedding import spectral_embedding
from spray.stages.laplacian import symmetric_laplacian
from spray.stages.maps import pca, tsne
from spray.stages.null import null_tau
from spray.stages.preprocess import normalize, pool
from spray.stages.prototypes import gaussian_prototypes, prototypes
from spray.stages.ranking import attribution_tau, clever_hans, cluster_scores, eigengap
from spray.stages.resample import histogram as histograms

KMEANS = functools.partial(kmeans, clusters=range(2, 9))
SPECTRAL_KMEANS = functools.partial(spectral_kmeans, clusters=range(2, 9))


def spectral(
    *,
    variable: str = "relevance",
    window: Mapping[str, int] | int | None = 2,
    normalization: str = "sum",
    name: str = "spectral",
    **options: Any,
) -> Recipe:
    """SpRAy (Lapuschkin et al. 2019, doi:10.1038/s41467-019-08987-4): cluster attributions in the spectral embedding
    of their nearest-neighbour graph. `window=None` leaves the resolution as it is; `options` are those of
    `from_features`.

    Args:
        variable: What to analyse.
        window: Of pooling; None leaves the resolution as it is.
        normalization: See `spray.normalize`.
        name: Of the recipe.
        options: Of `from_features`.

    Returns:
        A recipe.

    Example:
        >>> print(spectral(neighbors=5, embeddings=[]))
        spectral:
          pooled = pool(attributions.relevance, window=2)
          features = normalize(pooled, by='sum')
          neighbors = knn_graph(features, neighbors=5, metric='euclidean')
          affinity = knn_affinity(neighbors)
          laplacian = symmetric_laplacian(affinity)
          embedding = spectral_embedding(laplacian, components=32)
          eigengap = eigengap(embedding.eigenvalue)
          spectral_kmeans = spectral_kmeans(embedding.spectral, clusters=range(2, 9))
          kmeans = kmeans(embedding.spectral, clusters=range(2, 9))
          hdbscan = hdbscan(embedding.spectral)
          clusterings = combine(spectral_kmeans, kmeans, hdbscan)
          scores = cluster_scores(embedding.spectral, clusterings, spectral=True)
          clever_hans = clever_hans(scores, eigengap)
          prototypes = prototypes(embedding.spectral, clusterings)
          -> embedding, neighbors, eigengap, clusterings, scores, clever_hans, prototypes
    """
    source = f"attributions.{variable}"
    pooled = [Step("pooled", partial(pool, window=window), (source,), per_sample=True)] if window else []
    before = "pooled" if window else source
    scaled = Step("features", partial(normalize, by=normalization), (before,), per_sample=True)
    return from_features(name, (*pooled, scaled), **options)


def spectral_hdbscan(*, min_cluster_size: Iterable[int] = (5, 10, 20), components: int = 8, **options: Any) -> Recipe:
    """`spectral` with HDBSCAN alone, for several smallest sizes of a cluster: their number is found, noise is left out.

    A low-dimensional embedding suits densities better; that is why `components` is smaller here.

    Args:
        min_cluster_size: One clustering for each.
        components: Of the embedding.
        options: Of `spectral`, but for `clusterings`.

    Returns:
        A recipe.

    Example:
        >>> [step.name for step in spectral_hdbscan(embeddings=[]).steps if "hdbscan" in step.name]
        ['hdbscan', 'hdbscan_2', 'hdbscan_3']
    """
    stages = [partial(hdbscan, min_cluster_size=size) for size in min_cluster_size]
    return spectral(name="spectral_hdbscan", clusterings=stages, components=components, **options)


def histogram(*, variable: str = "relevance", bins: int = 256, **options: Any) -> Recipe:
    """Spectral clustering of each channel's histogram of relevance: what counts is how much, not where.

    Args:
        variable: What to analyse.
        bins: Of each histogram.
        options: Of `from_features`.

    Returns:
        A recipe.

    Example:
        >>> print(histogram(bins=32).steps[0])
        histogram = histogram(attributions.relevance, bins=32)
    """
    steps = (
        Step("histogram", partial(histograms, bins=bins), (f"attributions.{variable}",), per_sample=True),
        Step("features", partial(normalize, by="sum"), ("histogram",), per_sample=True),
    )
    return from_features("histogram", steps, **options)


def concept(*, variable: str = "hidden", channel: str = "channel", **options: Any) -> Recipe:
    """Latent SpRAy: spectral clustering of the relevance of each channel of a hidden layer (Achtibat et al. 2023).

    Args:
        variable: Relevance of a hidden layer.
        channel: Its dimension of concepts.
        options: Of `from_features`.

    Returns:
        A recipe.

    Example:
        >>> print(concept().steps[0])
        summed = concept_relevance(attributions.hidden, channel='channel')
    """
    return from_features("concept", _concepts(variable, channel, "features"), **options)


def pcx(
    *,
    variable: str = "hidden",
    channel: str = "channel",
    prototypes: int = 8,
    covariance: str = "full",
    embeddings: Iterable[Stage] = (pca,),
) -> Recipe:
    """Prototypical concept-based explanations (Dreyer et al. 2024, arXiv 2311.16681): a Gaussian mixture of each
    category's concept relevances.

    Args:
        variable: Relevance of a hidden layer.
        channel: Its dimension of concepts.
        prototypes, covariance: See `spray.gaussian_prototypes`.
        embeddings: Stages of the concepts.

    Returns:
        A recipe.

    Example:
        >>> print(pcx(prototypes=4))
        pcx:
          summed = concept_relevance(attributions.hidden, channel='channel')
          concepts = normalize(summed, by='sum')
          prototypes = gaussian_prototypes(concepts, prototypes=4, covariance='full')
          pca = pca(concepts)
          -> prototypes, pca
    """
    mixture = partial(gaussian_prototypes, prototypes=prototypes, covariance=covariance)
    maps = _named(embeddings, "concepts")
    steps = (*_concepts(variable, channel, "concepts"), Step("prototypes", mixture, ("concepts",)), *maps)
    return Recipe("pcx", steps, ("prototypes", *(step.name for step in maps)))


def from_features(
    name: str,
    features: Iterable[Step],
    *,
    neighbors: int = 10,
    metric: str = "euclidean",
    distance: Stage | None = None,
    affinity: Stage = knn_affinity,
    laplacian: Stage = symmetric_laplacian,
    components: int = 32,
    clusterings: Iterable[Stage] = (SPECTRAL_KMEANS, KMEANS, hdbscan),
    embeddings: Iterable[Stage] = (tsne,),
    thorough: bool = False,
) -> Recipe:
    """Neighbours, affinity, Laplacian, spectral embedding, clusterings and scores of what the last of `features` makes.

    `clusterings` and `embeddings` are stages of the spectral embedding. `distance` is a stage that makes all pairs'
    distances where `metric` cannot, such as `ssim_distance`. `thorough` adds what tau is worth: that of a null model
    and that in attribution space.

    Args:
        name: Of the recipe.
        features: Steps; the last one makes the features.
        neighbors, metric: See `spray.knn_graph`.
        distance: A stage that makes all pairs' distances, where `metric` cannot.
        affinity, laplacian: Stages.
        components: See `spray.spectral_embedding`.
        clusterings, embeddings: Stages of the spectral embedding.
        thorough: Add a null model's tau, and tau in attribution space.

    Returns:
        A recipe.

    Example:
        >>> steps = [Step("features", normalize, ("attributions.relevance",))]
        >>> from_features("mine", steps, embeddings=[], clusterings=[]).result
        ('embedding', 'neighbors', 'eigengap')
    """
    last = (features := tuple(features))[-1].name
    maps, clusters = _named(embeddings, "embedding.spectral"), _named(clusterings, "embedding.spectral")
    near = [Step("neighbors", partial(knn_graph, neighbors=neighbors, metric=metric), (last,))]
    if distance is not None:
        near = [
            Step("distance", distance, (last,), remember=False),
            Step("neighbors", partial(nearest, neighbors=neighbors), ("distance",)),
        ]
    scores = _scores(clusters)
    if thorough and clusters:
        stages = tuple(step.stage for step in clusters)
        null = partial(null_tau, clusterings=stages, neighbors=neighbors, metric=metric, components=components)
        scores += [Step("null", null, (last,)), Step("attribution_tau", attribution_tau, (last, "clusterings"))]
    steps = (
        *features,
        *near,
        Step("affinity", affinity, ("neighbors",), remember=False),
        Step("laplacian", laplacian, ("affinity",), remember=False),
        Step("embedding", partial(spectral_embedding, components=components), ("laplacian",)),
        Step("eigengap", eigengap, ("embedding.eigenvalue",), remember=False),
        *maps,
        *clusters,
        *scores,
    )
    kept = [step.name for step in (*maps, *scores)]
    return Recipe(name, steps, ("embedding", "neighbors", "eigengap", *kept))


def _scores(clusters: list[Step]) -> list[Step]:
    if not clusters:
        return []
    return [
        Step("clusterings", combine, tuple(step.name for step in clusters), remember=False),
        Step("scores", partial(cluster_scores, spectral=True), ("embedding.spectral", "clusterings")),
        Step("clever_hans", clever_hans, ("scores", "eigengap"), remember=False),
        Step("prototypes", prototypes, ("embedding.spectral", "clusterings")),
    ]


def _concepts(variable: str, channel: str, name: str) -> tuple[Step, Step]:
    summed = partial(concept_relevance, channel=channel)
    return (
        Step("summed", summed, (f"attributions.{variable}",), per_sample=True),
        Step(name, partial(normalize, by="sum"), ("summed",), per_sample=True),
    )


def concept_relevance(data: xr.DataArray, *, channel: str = "channel") -> xr.DataArray:
    """`(sample, concept)`: the relevance of each channel of a hidden layer, summed over places.

    Args:
        data: `(sample, channel, ...)`.
        channel: Which dimension the concepts are.

    Returns:
        `(sample, concept)`.

    Raises:
        ValueError: There is no such dimension.

    Example:
        >>> import xarray as xr
        >>> hidden = xr.DataArray([[[1.0, 2.0], [3.0, 4.0]]], dims=["sample", "channel", "place"])
        >>> concept_relevance(hidden).values.tolist()
        [[3.0, 7.0]]
    """
    if channel not in data.dims:
        raise ValueError(f"no dimension {channel!r} of concepts, {data.name} has {data.dims}")
    places = [dim for dim in data.dims if dim not in ("sample", channel)]
    return data.sum(places, keep_attrs=True).rename({channel: "concept"})


def partial(stage: Stage, **given: Any) -> Stage:
    """`stage` with some parameters given, which printing shows.

    Args:
        stage: A function.
        given: Some of its keywords.

    Returns:
        The stage, in need of the others only.

    Example:
        >>> partial(kmeans, clusters=3).keywords
        {'clusters': 3}
    """
    return functools.partial(stage, **given)


def _named(stages: Iterable[Stage], source: str) -> list[Step]:
    """One step a stage, numbered where one stage occurs with several parameters."""
    steps: list[Step] = []
    for stage in stages:
        taken = sum(stage_name(step.stage) == stage_name(stage) for step in steps)
        steps.append(Step(stage_name(stage) + (f"_{taken + 1}" if taken else ""), stage, (source,)))
    return steps


RECIPES: dict[str, Callable[..., Recipe]] = {
    "spectral": spectral,
    "spectral_hdbscan": spectral_hdbscan,
    "histogram": histogram,
    "concept": concept,
    "pcx": pcx,
}

OWN = {"spectral_hdbscan": {"clusterings"}}
"""What a recipe gives to `from_features` itself, so that nobody else can."""
