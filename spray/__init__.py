"""Spectral Relevance Analysis: find the few strategies among thousands of explanations."""

from spray import recipes
from spray.affinity import knn_affinity, knn_graph
from spray.analysis import analyse
from spray.clustering import hdbscan, kmeans
from spray.embedding import spectral_embedding
from spray.laplacian import random_walk_laplacian, symmetric_laplacian
from spray.maps import tsne
from spray.memo import memoize
from spray.preprocess import channel_sum, normalize, pool, sum_pool
from spray.ranking import eigengap
from spray.store import ProjectError, open_analysis, open_attributions, save_analysis

__all__ = [
    "ProjectError",
    "analyse",
    "channel_sum",
    "eigengap",
    "hdbscan",
    "kmeans",
    "knn_affinity",
    "knn_graph",
    "memoize",
    "normalize",
    "open_analysis",
    "open_attributions",
    "pool",
    "random_walk_laplacian",
    "recipes",
    "save_analysis",
    "spectral_embedding",
    "sum_pool",
    "symmetric_laplacian",
    "tsne",
]
