"""What all stages share: labels of samples, neighbours, and graphs as labelled edges."""

from spray.arrays import graph, labels, neighbors

__all__ = ["graph", "labels", "neighbors"]
