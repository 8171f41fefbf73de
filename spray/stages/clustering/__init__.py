"""Clusterings of an embedding. Every stage returns `cluster (clustering, sample)`, -1 for noise."""

from spray.stages.clustering.centres import kmeans, leading, numbers, spectral_kmeans
from spray.stages.clustering.density import dbscan, hdbscan, least_size
from spray.stages.clustering.labels import by_size, clusterings, combine, graph_parts
from spray.stages.clustering.merging import LINKAGES, agglomerative, dendrogram, dendrogram_figure

CLUSTERINGS = {stage.__name__: stage for stage in (spectral_kmeans, kmeans, hdbscan, dbscan, agglomerative)}
"""Every clustering by its name: what the command line offers, with the keywords of its signature as options."""

__all__ = [
    "CLUSTERINGS",
    "LINKAGES",
    "agglomerative",
    "by_size",
    "clusterings",
    "combine",
    "dbscan",
    "dendrogram",
    "dendrogram_figure",
    "graph_parts",
    "hdbscan",
    "kmeans",
    "leading",
    "least_size",
    "numbers",
    "spectral_kmeans",
]
