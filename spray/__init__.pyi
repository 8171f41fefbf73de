# The public names: __init__.py loads each at its first use, and type checkers read this file.
from . import (
    affinity,
    analysis,
    clustering,
    colormap,
    distance,
    embedding,
    graph,
    laplacian,
    maps,
    memo,
    null,
    preprocess,
    prototypes,
    ranking,
    recipes,
    resample,
    store,
)
from .affinity import knn_affinity, knn_graph
from .analysis import analyse
from .clustering import agglomerative, dbscan, dendrogram, dendrogram_figure, hdbscan, kmeans, spectral_kmeans
from .distance import gaussian_affinity, nearest, ssim_distance
from .embedding import spectral_embedding
from .laplacian import random_walk_laplacian, symmetric_laplacian
from .maps import isomap, lle, mds, pca, tsne, umap
from .memo import memoize
from .preprocess import channel_sum, normalize, pool, sum_pool
from .prototypes import cluster_means, gaussian_prototypes
from .ranking import cluster_scores, eigengap
from .resample import histogram, pad, rescale, resize, select
from .store import ProjectError, open_analysis, open_attributions, save_analysis

__all__ = [
    "ProjectError",
    "affinity",
    "agglomerative",
    "analyse",
    "analysis",
    "channel_sum",
    "cluster_means",
    "cluster_scores",
    "clustering",
    "colormap",
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
    "nearest",
    "normalize",
    "null",
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
    "resample",
    "rescale",
    "resize",
    "save_analysis",
    "select",
    "spectral_embedding",
    "spectral_kmeans",
    "ssim_distance",
    "store",
    "sum_pool",
    "symmetric_laplacian",
    "tsne",
    "umap",
]
