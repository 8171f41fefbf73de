"""What recipes are made of: the steps from features to scores, and from a hidden layer to concepts."""

import functools
from collections.abc import Iterable
from typing import Any

import xarray as xr

from spray.concepts.layers import concept_values
from spray.memo import stage_name
from spray.recipes.recipe import Recipe, Stage, Step
from spray.stages.affinity import knn_affinity, knn_graph
from spray.stages.clustering import combine, graph_parts, hdbscan, kmeans, spectral_kmeans
from spray.stages.distance import nearest
from spray.stages.embedding import spectral_embedding
from spray.stages.laplacian import symmetric_laplacian
from spray.stages.maps import tsne
from spray.stages.preprocess import normalize
from spray.stages.prototypes import prototypes
from spray.stages.ranking import attribution_tau, clever_hans, cluster_scores, eigengap, null_tau

KMEANS = functools.partial(kmeans, clusters=range(2, 9))
SPECTRAL_KMEANS = functools.partial(spectral_kmeans, clusters=range(2, 9))


def from_features(
    name: str,
    features: Iterable[Step],
    *,
    neighbors: int | str = 10,
    metric: str = "euclidean",
    distance: Stage | None = None,
    near: Step | None = None,
    affinity: Stage = knn_affinity,
    laplacian: Stage = symmetric_laplacian,
    components: int | str = 32,
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
        near: A step that finds the neighbours itself, of no features; it is called "neighbors".
        affinity, laplacian: Stages.
        components: See `spray.spectral_embedding`.
        clusterings, embeddings: Stages of the spectral embedding.
        thorough: Add a null model's tau, and tau in attribution space.

    Returns:
        A recipe.

    Raises:
        ValueError: There are both features and a step that needs none.

    Example:
        >>> steps = [Step("features", normalize, ("attributions.relevance",))]
        >>> from_features("mine", steps, embeddings=[], clusterings=[]).result
        ('embedding', 'neighbors', 'eigengap')
    """
    features = tuple(features)
    if near is not None and (features or distance is not None or thorough):
        raise ValueError("a recipe whose neighbours are found without features has none to analyse thoroughly")
    last = features[-1].name if features else ""
    maps, clusters = named(embeddings, "embedding.spectral"), named(clusterings, "embedding.spectral")
    found = [near or Step("neighbors", partial(knn_graph, neighbors=neighbors, metric=metric), (last,))]
    if distance is not None:
        found = [
            Step("distance", distance, (last,), remember=False),
            Step("neighbors", partial(nearest, neighbors=neighbors), ("distance",)),
        ]
    scores = _scores(clusters)
    if thorough and clusters:
        stages = tuple(step.stage for step in clusters)
        null = partial(null_tau, clusterings=stages, neighbors=neighbors, metric=metric, components=components)
        scores += [
            Step("null", null, (last, "clusterings")),
            Step("attribution_tau", attribution_tau, (last, "clusterings")),
        ]
    steps = (
        *features,
        *found,
        Step("affinity", affinity, ("neighbors",), remember=False),
        Step("laplacian", laplacian, ("affinity",), remember=False),
        Step("embedding", partial(spectral_embedding, components=components, every_part=True), ("laplacian",)),
        Step("eigengap", eigengap, ("embedding.eigenvalue",), remember=False),
        *maps,
        *clusters,
        *scores,
    )
    kept = [step.name for step in (*maps, *scores) if step.name != "graph_parts"]
    return Recipe(name, steps, ("embedding", "neighbors", "eigengap", *kept))


def _scores(clusters: list[Step]) -> list[Step]:
    if not clusters:
        return []
    return [
        Step("graph_parts", graph_parts, ("embedding",), remember=False),
        Step("clusterings", combine, (*(step.name for step in clusters), "graph_parts"), remember=False),
        Step("scores", partial(cluster_scores, spectral=True), ("embedding.spectral", "clusterings")),
        Step("clever_hans", clever_hans, ("scores", "eigengap"), remember=False),
        Step("prototypes", prototypes, ("embedding.spectral", "clusterings")),
    ]


def concepts(
    variable: str | None, channel: str | None, layer: str | None, statistic: str, name: str
) -> tuple[Step, Step]:
    """From a statistic that is kept of a layer, or from a variable that holds all of its places.

    Raises:
        ValueError: Both a layer and a variable.
    """
    if variable is not None and layer is not None:
        raise ValueError(f"either the variable {variable!r} or the layer {layer!r}, not both")
    if variable is not None:
        known = {} if channel is None else {"channel": channel}
        stage, source = partial(concept_relevance, **known), f"attributions.{variable}"
    else:
        known = {} if layer is None else {"layer": layer}
        stage, source = partial(concept_values, **known, statistic=statistic), "attributions"
    scaled = Step(name, partial(normalize, by="sum"), ("summed",), per_sample=True)
    return Step("summed", stage, (source,), per_sample=True), scaled


def concept_relevance(data: xr.DataArray, *, channel: str | None = None) -> xr.DataArray:
    """`(sample, concept)`: the magnitude of relevance of each channel of a hidden layer, summed over places; without
    places the values as they are.

    Args:
        data: `(sample, channel, ...)`.
        channel: Which dimension the concepts are. Default: the only one beside `sample`, or the one that is called
            channel.

    Returns:
        `(sample, concept)`.

    Raises:
        ValueError: There is no such dimension, or it cannot be told.

    Example:
        >>> import xarray as xr
        >>> hidden = xr.DataArray([[[1.0, 2.0], [3.0, 4.0]]], dims=["sample", "channel", "place"])
        >>> concept_relevance(hidden).values.tolist()
        [[3.0, 7.0]]
    """
    others = [str(dim) for dim in data.dims if dim != "sample"]
    found = channel or (others[0] if len(others) == 1 else "channel")
    if found not in others:
        raise ValueError(f"no dimension {found!r} of concepts, {data.name} has {data.dims}: say which, by channel=")
    places = [dim for dim in others if dim != found]
    summed = abs(data).sum(places, keep_attrs=True) if places else data
    return summed.rename({found: "concept"})


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


def named(stages: Iterable[Stage], source: str) -> list[Step]:
    """One step a stage, numbered where one stage occurs with several parameters."""
    steps: list[Step] = []
    for stage in stages:
        taken = sum(stage_name(step.stage) == stage_name(stage) for step in steps)
        steps.append(Step(stage_name(stage) + (f"_{taken + 1}" if taken else ""), stage, (source,)))
    return steps
