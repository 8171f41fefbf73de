# The public names: __init__.py loads each at its first use, and type checkers read this file.
from . import analysis, colour, concepts, memo, recipes, stages, store, virelay
from .analysis import analyse
from .arrays import graph
from .colour import colormap
from .concepts import (
    cav,
    cav_auroc,
    concept_values,
    conditional_relevance,
    crops,
    more_like_these,
    references,
    stored_conditions,
    tcav,
)
from .memo import memoize
from .stages import (
    affinity,
    clustering,
    distance,
    embedding,
    laplacian,
    maps,
    preprocess,
    prototypes,
    ranking,
    resample,
)
from .stages.affinity import knn_affinity, knn_graph
from .stages.clustering import (
    CLUSTERINGS,
    agglomerative,
    dbscan,
    dendrogram,
    dendrogram_figure,
    hdbscan,
    kmeans,
    spectral_kmeans,
)
from .stages.distance import gaussian_affinity, nearest, ssim_distance
from .stages.embedding import spectral_embedding
from .stages.laplacian import random_walk_laplacian, symmetric_laplacian
from .stages.maps import EMBEDDINGS, isomap, lle, mds, pca, tsne, umap
from .stages.preprocess import channel_sum, normalize, pool, sum_pool
from .stages.prototypes import cluster_means, gaussian_prototypes
from .stages.ranking import cluster_scores, eigengap
from .stages.resample import histogram, pad, rescale, resize, select
from .store import ProjectError, open_analysis, open_attributions, save_analysis, write_arrays

__all__ = [
    "CLUSTERINGS",
    "EMBEDDINGS",
    "ProjectError",
    "affinity",
    "agglomerative",
    "analyse",
    "analysis",
    "cav",
    "cav_auroc",
    "channel_sum",
    "cluster_means",
    "cluster_scores",
    "clustering",
    "colormap",
    "colour",
    "concept_values",
    "concepts",
    "conditional_relevance",
    "crops",
    "dbscan",
    "dendrogram",
    "dendrogram_figure",
    "distance",
    "eigengap",
    "embedding",
    "gaussian_affinity",
    "gaussian_prototypes",
    "graph",
    "hdbscan",
    "histogram",
    "isomap",
    "kmeans",
    "knn_affinity",
    "knn_graph",
    "laplacian",
    "lle",
    "maps",
    "mds",
    "memo",
    "memoize",
    "more_like_these",
    "nearest",
    "normalize",
    "open_analysis",
    "open_attributions",
    "pad",
    "pca",
    "pool",
    "preprocess",
    "prototypes",
    "random_walk_laplacian",
    "ranking",
    "recipes",
    "references",
    "resample",
    "rescale",
    "resize",
    "save_analysis",
    "select",
    "spectral_embedding",
    "spectral_kmeans",
    "ssim_distance",
    "stages",
    "store",
    "stored_conditions",
    "sum_pool",
    "symmetric_laplacian",
    "tcav",
    "tsne",
    "umap",
    "virelay",
    "write_arrays",
]
