"""Spectral Relevance Analysis: find the few strategies among thousands of explanations."""

from spray import memo, recipes
from spray.affinity import knn_affinity, knn_graph
from spray.analysis import analyse
from spray.clustering import agglomerative, dbscan, dendrogram, dendrogram_figure, hdbscan, kmeans, spectral_kmeans
from spray.distance import gaussian_affinity, nearest, ssim_distance
from spray.embedding import spectral_embedding
from spray.laplacian import random_walk_laplacian, symmetric_laplacian
from spray.maps import isomap, lle, mds, pca, tsne, umap
from spray.memo import memoize
from spray.preprocess import channel_sum, normalize, pool, sum_pool
from spray.prototypes import cluster_means, gaussian_prototypes
from spray.ranking import cluster_scores, eigengap
from spray.resample import histogram, pad, rescale, resize, select
from spray.store import ProjectError, open_analysis, open_attributions, save_analysis

__all__ = [
    "ProjectError",
    "agglomerative",
    "analyse",
    "channel_sum",
    "cluster_means",
    "cluster_scores",
    "dbscan",
    "dendrogram",
    "dendrogram_figure",
    "eigengap",
    "gaussian_affinity",
    "gaussian_prototypes",
    "hdbscan",
    "histogram",
    "isomap",
    "kmeans",
    "knn_affinity",
    "knn_graph",
    "lle",
    "mds",
    "memo",
    "memoize",
    "nearest",
    "normalize",
    "open_analysis",
    "open_attributions",
    "pad",
    "pca",
    "pool",
    "random_walk_laplacian",
    "recipes",
    "rescale",
    "resize",
    "save_analysis",
    "select",
    "spectral_embedding",
    "spectral_kmeans",
    "ssim_distance",
    "sum_pool",
    "symmetric_laplacian",
    "tsne",
    "umap",
]
