"""The tree of merges of a category's samples (agglomerative clustering), and the clusters of cutting it."""

import re
from collections.abc import Iterator, Mapping
from functools import cached_property

import numpy as np
import xarray as xr

MOST_COMPARED = 3000  # samples, all of whose pairs are compared
MOST_CLUSTERS = 20  # clusters; also the branches that are drawn
CUT_NAME = re.compile(r"tree-(\d{1,3})")


class Clusterings(Mapping[str, np.ndarray]):
    """Name -> cluster of each sample: the analysis' own are listed, `tree-2` to `tree-20` are made when asked for."""

    def __init__(self, own: Mapping[str, np.ndarray], points: xr.DataArray | None):
        self.own = own
        self.points = None if points is None or not 2 <= points.sizes["sample"] <= MOST_COMPARED else points

    def __getitem__(self, name: str) -> np.ndarray:
        if name in self.own:
            return self.own[name]
        if CUT_NAME.fullmatch(name) and self.points is not None:
            return self.cuts[name]
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self.own)

    def __len__(self) -> int:
        return len(self.own)

    @cached_property
    def cuts(self) -> dict[str, np.ndarray]:
        from spray.stages.clustering import agglomerative  # scikit-learn takes a second to load

        if self.points is None:
            return {}
        found = agglomerative(
            self.points, clusters=range(2, min(MOST_CLUSTERS, self.points.sizes["sample"]) + 1)
        ).cluster
        return {f"tree-{at}": row.astype(np.int32) for at, row in enumerate(found.values, start=2)}

    @cached_property
    def merges(self) -> np.ndarray:
        """(merge, 4) as in scipy: left, right, height, size, in the order of heights; none for too many samples."""
        if self.points is None:
            return np.empty((0, 4))
        from spray.stages.clustering import dendrogram

        found = dendrogram(self.points)
        return np.column_stack([found[name].values for name in ("left", "right", "height", "size")]).astype(float)


def branches(merges: np.ndarray) -> tuple[list[list[float]], list[list[float]]]:
    """The last merges as lines: the places of the four corners of each, and their heights."""
    if not len(merges):
        return [], []
    from scipy.cluster.hierarchy import dendrogram

    drawn = dendrogram(merges, truncate_mode="lastp", p=MOST_CLUSTERS, no_plot=True)
    return drawn["icoord"], drawn["dcoord"]


def count_at(merges: np.ndarray, height: float) -> int:
    """How many clusters a cut at `height` makes."""
    return 1 + int(np.count_nonzero(merges[:, 2] > height))


def cut_height(merges: np.ndarray, clustering: str) -> float | None:
    """Where the tree is cut for a clustering: half way between two merges; None for one that is no cut."""
    if not (match := CUT_NAME.fullmatch(clustering)) or not 2 <= (k := int(match[1])) <= len(merges):
        return None
    return float(merges[-k, 2] + merges[-k + 1, 2]) / 2
