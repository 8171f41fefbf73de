"""What clusterings give: labels by size, one clustering above the other.

Clusters are numbered by size, the largest is 0, and equal ones by their smallest sample id: numbers do not depend on
how an algorithm happened to count.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import xarray as xr

from spray.arrays.labels import sample_ids


def clusterings(method: str, rows: Mapping[str, tuple[np.ndarray, dict[str, Any]]], data: xr.DataArray) -> xr.Dataset:
    """One dataset of several clusterings (name -> labels, parameters) of the samples of `data`.

    Args:
        method: Name of the stage.
        rows: Name of each clustering -> its labels (-1 for noise) and its parameters.
        data: What was clustered.

    Returns:
        `cluster (clustering, sample)`, clusters numbered by size.

    Example:
        >>> import numpy as np
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> clusterings("mine", {"mine-2": (np.array([5, 0, 0, 0]), {"k": 2})}, points).cluster.values.tolist()
        [[1, 0, 0, 0]]
    """
    ids = sample_ids(data)
    labels = np.stack([by_size(labels, ids) for labels, _ in rows.values()])
    parameters = [json.dumps(given) for _, given in rows.values()]
    coords = {
        "clustering": np.asarray(list(rows), dtype=object),
        "method": ("clustering", np.asarray([method] * len(rows), dtype=object)),
        "parameters": ("clustering", np.asarray(parameters, dtype=object)),
        "sample": ids,
    }
    return xr.Dataset({"cluster": (("clustering", "sample"), labels)}, coords)


def by_size(labels: np.ndarray, ids: np.ndarray) -> np.ndarray:
    """Clusters renumbered 0, 1, ... by falling size, then by smallest id; noise stays -1.

    Args:
        labels: Of any numbers, negative for noise.
        ids: Of the samples.

    Returns:
        The new labels.

    Example:
        >>> import numpy as np
        >>> by_size(np.array([4, 9, 9, -1]), np.array([1, 2, 3, 4])).tolist()
        [1, 0, 0, -1]
    """
    found = [label for label in np.unique(labels) if label >= 0]
    found.sort(key=lambda label: (-np.sum(labels == label), ids[labels == label].min()))
    new = np.full(len(labels), -1, dtype=np.int64)
    for number, label in enumerate(found):
        new[labels == label] = number
    return new


def graph_parts(embedding: xr.Dataset) -> xr.Dataset:
    """The parts of a graph as clusters, where it has more of them than components were asked for; else no clustering.

    Fewer parts are what the embedding shows anyway.

    Args:
        embedding: Of `spray.spectral_embedding`, which then says `graph_part (sample)`.

    Returns:
        `cluster (clustering, sample)`, one row or none.

    Example:
        >>> import xarray as xr
        >>> few = xr.Dataset({"spectral": (("sample", "component"), [[1.0], [1.0], [0.0], [0.0]])})
        >>> graph_parts(few.assign(graph_part=("sample", [0, 0, 1, 2]))).cluster.values.tolist()
        [[0, 0, 1, 2]]
        >>> graph_parts(few).cluster.shape
        (0, 4)
    """
    part = embedding.get("graph_part")
    labels = np.zeros(embedding.sizes["sample"], int) if part is None else part.values
    return clusterings("graph_parts", {"parts": (labels, {})}, embedding.spectral).isel(
        clustering=slice(part is not None)
    )


def combine(*clustered: xr.Dataset) -> xr.Dataset:
    """Clusterings of several methods one above the other; what each is based on becomes a coordinate.

    Args:
        clustered: What clustering stages gave.

    Returns:
        `cluster (clustering, sample)`; a name that occurs again gets a number.

    Example:
        >>> import xarray as xr
        >>> from spray import kmeans
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> list(combine(kmeans(points), kmeans(points)).clustering.values)
        ['kmeans-2', 'kmeans-2.2']
    """
    parts = []
    for part in clustered:
        base = np.full(part.sizes["clustering"], part.cluster.attrs.get("base", ""), dtype=object)
        parts.append(part[["cluster"]].assign_coords(base=("clustering", base)))
    stacked = xr.concat(parts, "clustering", data_vars="all", coords="different", compat="equals", join="exact")
    names = [str(name) for name in stacked.clustering.values]
    again = [names[:i].count(name) for i, name in enumerate(names)]
    unique = [f"{name}.{times + 1}" if times else name for name, times in zip(names, again, strict=True)]
    return stacked.assign_coords(clustering=np.asarray(unique, dtype=object)).drop_attrs()
