"""The recipes by name."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal

from spray.recipes.parts import concepts, from_features, named, partial
from spray.recipes.recipe import Recipe, Stage, Step
from spray.stages.clustering import hdbscan
from spray.stages.maps import pca
from spray.stages.preprocess import normalize, pool
from spray.stages.prototypes import BIC, gaussian_prototypes
from spray.stages.resample import histogram as histograms
from spray.stages.words import word_neighbors


def spectral(
    *,
    variable: str = "relevance",
    window: Mapping[str, int] | int | Literal["kind"] | None = "kind",
    normalization: str = "sum",
    name: str = "spectral",
    **options: Any,
) -> Recipe:
    """SpRAy (Lapuschkin et al. 2019, doi:10.1038/s41467-019-08987-4): cluster attributions in the spectral embedding
    of their nearest-neighbour graph. `window=None` leaves the resolution as it is; `options` are those of
    `from_features`.

    Args:
        variable: What to analyse.
        window: Of pooling, see `spray.pool`; None leaves the resolution as it is. By default what the kind of the
            samples says: squares of an image, windows in time of a signal, the columns of a table as they are.
        normalization: See `spray.normalize`.
        name: Of the recipe.
        options: Of `from_features`.

    Returns:
        A recipe.

    Example:
        >>> print(spectral(neighbors=5, embeddings=[]))
        spectral:
          pooled = pool(attributions.relevance, window='kind')
          features = normalize(pooled, by='sum')
          neighbors = knn_graph(features, neighbors=5, metric='euclidean')
          affinity = knn_affinity(neighbors)
          laplacian = symmetric_laplacian(affinity)
          embedding = spectral_embedding(laplacian, components=32, every_part=True)
          eigengap = eigengap(embedding.eigenvalue)
          spectral_kmeans = spectral_kmeans(embedding.spectral, clusters=range(2, 9))
          kmeans = kmeans(embedding.spectral, clusters=range(2, 9))
          hdbscan = hdbscan(embedding.spectral)
          graph_parts = graph_parts(embedding)
          clusterings = combine(spectral_kmeans, kmeans, hdbscan, graph_parts)
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


def spectral_hdbscan(
    *, min_cluster_size: Iterable[int | float] = (5, 10, 20), components: int | str = 8, **options: Any
) -> Recipe:
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


def text(*, variable: str = "relevance", tokens: str = "token_text", neighbors: int = 10, **options: Any) -> Recipe:
    """SpRAy of texts: neighbours by the relevance of their words, wherever these stand.

    Tokens at the same place of two texts have nothing in common, so a text has no features by places.

    Args:
        variable: What to analyse, `(sample, token)`.
        tokens: The variable that holds the tokens' texts.
        neighbors: Of each text.
        options: Of `from_features`, but for features and distances.

    Returns:
        A recipe.

    Example:
        >>> print(text(embeddings=[]).steps[0])
        neighbors = word_neighbors(attributions.relevance, attributions.token_text, neighbors=10)
    """
    sources = (f"attributions.{variable}", f"attributions.{tokens}")
    near = Step("neighbors", partial(word_neighbors, neighbors=neighbors), sources)
    return from_features("text", (), near=near, **options)


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


def concept(
    *,
    layer: str | None = None,
    statistic: str = "magnitude",
    variable: str | None = None,
    channel: str | None = None,
    **options: Any,
) -> Recipe:
    """Latent SpRAy: spectral clustering of what each channel of a hidden layer does (Anders et al. 2022,
    doi:10.1016/j.inffus.2021.07.015).

    It finds what moves about, which pixels do not show; what stays in place is plainer in pixels (`spectral`).

    Args:
        layer: Whose channels; not needed where the project was attributed with one layer (`--concepts LAYER`).
        statistic: Over the layer's places: "magnitude", the sum of |R|; "relevance", the sum of R; "peak", its maximum;
            "max" and "mean", of the activation.
        variable: Instead of both, a variable `(sample, channel, ...)`; of one with places |R| is summed.
        channel: Its dimension of concepts, where it is not the only one.
        options: Of `from_features`.

    Returns:
        A recipe.

    Raises:
        ValueError: Both a layer and a variable.

    Example:
        >>> print(concept(layer="4").steps[0])
        summed = concept_values(attributions, layer='4', statistic='magnitude')
    """
    return from_features("concept", concepts(variable, channel, layer, statistic, "features"), **options)


def pcx(
    *,
    layer: str | None = None,
    statistic: str = "magnitude",
    variable: str | None = None,
    channel: str | None = None,
    prototypes: int | str = BIC,
    covariance: str = "full",
    n_init: int = 10,
    embeddings: Iterable[Stage] = (pca,),
) -> Recipe:
    """Prototypical concept-based explanations (Dreyer et al. 2024, arXiv 2311.16681): a Gaussian mixture of each
    category's concept relevances.

    Args:
        layer, statistic, variable, channel: See `concept`.
        prototypes, covariance, n_init: See `spray.gaussian_prototypes`.
        embeddings: Stages of the concepts.

    Returns:
        A recipe.

    Raises:
        ValueError: Both a layer and a variable.

    Example:
        >>> print(pcx(prototypes=4))
        pcx:
          summed = concept_values(attributions, statistic='magnitude')
          concepts = normalize(summed, by='sum')
          prototypes = gaussian_prototypes(concepts, prototypes=4, covariance='full', n_init=10)
          pca = pca(concepts)
          -> prototypes, pca
    """
    mixture = partial(gaussian_prototypes, prototypes=prototypes, covariance=covariance, n_init=n_init)
    maps = named(embeddings, "concepts")
    steps = (
        *concepts(variable, channel, layer, statistic, "concepts"),
        Step("prototypes", mixture, ("concepts",)),
        *maps,
    )
    return Recipe("pcx", steps, ("prototypes", *(step.name for step in maps)))


RECIPES: dict[str, Callable[..., Recipe]] = {
    "spectral": spectral,
    "spectral_hdbscan": spectral_hdbscan,
    "text": text,
    "histogram": histogram,
    "concept": concept,
    "pcx": pcx,
}

OWN = {"spectral_hdbscan": {"clusterings"}, "text": {"near", "distance", "metric", "thorough"}}
"""What a recipe gives to `from_features` itself, so that nobody else can."""
