"""What all stages share: labels of samples, neighbours, and graphs as labelled edges."""

from spray.arrays import association, graph, labels, neighbors

__all__ = ["association", "graph", "labels", "neighbors"]
