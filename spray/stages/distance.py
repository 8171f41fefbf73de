"""All distances between samples, for measures that need pairs. `n` x `n` numbers: for a few thousand samples.

`spray.knn_graph` finds neighbours without ever holding this matrix, and is the way to go for everything it can do.
"""

from typing import Any

import numpy as np
import scipy.spatial.distance as ssd
import xarray as xr
from scipy.ndimage import uniform_filter

from spray.arrays import graph
from spray.arrays.labels import check_finite, features, sample_ids
from spray.arrays.rules import by_rule, neighbors_of
from spray.kinds import kind_of, places_of
from spray.kinds.image import IMAGE

WINDOW = 7  # pixels of the mean that SSIM is made of


def distance(data: xr.DataArray, *, metric: str = "euclidean", options: dict[str, Any] | None = None) -> xr.DataArray:
    """`(sample, other)` distances by any metric of scipy (`options` are its own, such as `p` of "minkowski").

    "correlation" is 1 - r: the least for the most alike, and 1 for a constant sample, which correlates with nothing.

    Args:
        data: `(sample, ...)`, all other dimensions are features.
        metric: Its name.
        options: Of the metric.

    Returns:
        `(sample, other)`.

    Raises:
        ValueError: A number is not finite (the error names the samples).

    Example:
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> distance(points).values[0].round(1).tolist()
        [0.0, 0.1, 9.0, 9.2]
    """
    ids, values = sample_ids(data), features(data)
    if metric == "correlation":
        values, metric = values - values.mean(1, keepdims=True), "cosine"
    pairs: Any = ssd.pdist(values, metric, **(options or {}))  # pyright: ignore[reportCallIssue, reportArgumentType]
    matrix = ssd.squareform(pairs)
    return _matrix(_defined(matrix, values) if metric == "cosine" else matrix, ids)


def _defined(matrix: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Cosine distances where a sample is zero: to nothing else is it alike, to itself and other zeros it is."""
    zero = ~values.any(1)
    matrix[zero, :] = matrix[:, zero] = 1.0
    matrix[np.ix_(zero, zero)] = 0.0
    return matrix


def _matrix(matrix: np.ndarray, ids: np.ndarray) -> xr.DataArray:
    return xr.DataArray(matrix, dims=["sample", "other"], coords={"sample": ids, "other": ids}, name="distance")


def ssim_distance(data: xr.DataArray, *, data_range: float | None = None) -> xr.DataArray:
    """1 - SSIM, the structural similarity of images (Wang et al. 2004, doi:10.1109/TIP.2003.819861, Eq. 13).

    Over windows of 7 x 7 pixels (fewer where an image is smaller), averaged over channels; C1 = (0.01 L)^2 and
    C2 = (0.03 L)^2 with L = `data_range`, by default max - min of all the data.

    Args:
        data: `(sample, ..., height, width)`.
        data_range: L; None for that of the data.

    Returns:
        `(sample, other)`, 0 for equal images.

    Raises:
        ValueError: These are no images, or a number is not finite (the error names the samples).

    Example:
        >>> import numpy as np, xarray as xr
        >>> heat = xr.DataArray(np.arange(8.0).reshape(2, 2, 2), dims=["sample", "height", "width"])
        >>> ssim_distance(heat).values.round(2).tolist()
        [[0.0, 0.57], [0.57, 0.0]]
    """
    check_finite(data)
    if kind_of(data) is not IMAGE:
        raise ValueError(f"SSIM compares images, got {kind_of(data)}: give (sample, ..., height, width)")
    ids, values = sample_ids(data), data.transpose("sample", ..., *places_of(data)).values.astype(np.float64)
    extent = float(np.ptp(values)) if data_range is None else data_range
    return _matrix(_ssim(values.reshape(len(values), -1, *values.shape[-2:]), extent), ids)


def _ssim(images: np.ndarray, extent: float) -> np.ndarray:
    """(sample, sample) of 1 - SSIM of (sample, channel, height, width)."""
    width = min(WINDOW, *(side - (side + 1) % 2 for side in images.shape[-2:]))  # odd
    count, edge = width**2, width // 2
    inner = (..., slice(edge, images.shape[-2] - edge), slice(edge, images.shape[-1] - edge))
    sample = count / (count - 1) if count > 1 else 1.0  # covariances are those of a sample

    def mean(values: np.ndarray) -> np.ndarray:
        return uniform_filter(values, width, axes=(-2, -1))[inner]

    first, c1, c2 = mean(images), (0.01 * extent) ** 2, (0.03 * extent) ** 2
    variance = sample * (mean(images**2) - first**2)
    result = np.zeros((len(images), len(images)))
    for i, image in enumerate(images[:-1]):
        covariance = sample * (mean(image * images[i + 1 :]) - first[i] * first[i + 1 :])
        top = (2 * first[i] * first[i + 1 :] + c1) * (2 * covariance + c2)
        bottom = (first[i] ** 2 + first[i + 1 :] ** 2 + c1) * (variance[i] + variance[i + 1 :] + c2)
        similar = np.divide(top, bottom, out=np.ones_like(top), where=bottom != 0)
        result[i, i + 1 :] = result[i + 1 :, i] = 1 - similar.reshape(len(similar), -1).mean(1)
    return result


def nearest(distances: xr.DataArray, *, neighbors: int | str = 10) -> xr.Dataset:
    """The neighbours form (see `spray.graph`) of a distance matrix: the smallest of each row, never itself.

    Args:
        distances: `(sample, other)`.
        neighbors: How many; "auto" as in `spray.knn_graph`.

    Returns:
        The neighbours form.

    Raises:
        ValueError: `neighbors` is below 1, or a distance is not finite.

    Example:
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> nearest(distance(points), neighbors=1).neighbor.values.ravel().tolist()
        [1, 0, 3, 2]
    """
    check_finite(distances)
    ids = sample_ids(distances)
    count = min(by_rule("neighbors", neighbors, len(ids), neighbors_of), len(ids) - 1)
    order = np.argsort(ids, kind="stable")
    matrix = distances.transpose("sample", "other").values[np.ix_(order, order)].astype(np.float64)
    np.fill_diagonal(matrix, np.inf)
    near = np.argsort(matrix, axis=1, kind="stable")[:, :count]
    return graph.neighbours(ids, order, near, np.take_along_axis(matrix, near, 1))


def gaussian_affinity(distances: xr.DataArray, *, sigma: float | str = "median") -> xr.Dataset:
    """The full graph A_ij = exp(-d_ij^2 / 2 sigma^2), i != j; `sigma` "median" is that of all distances.

    Args:
        distances: `(sample, other)`.
        sigma: The width, or "median".

    Returns:
        The edges form.

    Raises:
        ValueError: `sigma` is not positive.

    Example:
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> gaussian_affinity(distance(points), sigma=1.0).weight.values.round(2)[:3].tolist()
        [1.0, 0.0, 0.0]
    """
    ids, matrix = sample_ids(distances), distances.transpose("sample", "other").values
    upper = matrix[np.triu_indices(len(ids), 1)]
    width = float(np.median(upper)) if sigma == "median" and upper.size else sigma
    if isinstance(width, str) or not width > 0:
        raise ValueError(f"sigma must be a positive number, or 'median' where that is positive, got {sigma!r}")
    weights = np.exp(-np.square(matrix) / (2 * width**2))
    np.fill_diagonal(weights, 0)
    return graph.to_edges(graph.sp.csr_array(weights), ids)
