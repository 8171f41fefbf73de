"""Maps to a few axes, for the eye: of attributions, or of any embedding. Stages `(sample, ...) -> (sample, axis)`.

Samples that do not differ, or fewer than four, lie on a line in the order of their ids: there is nothing to map.
"""

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import xarray as xr
from sklearn.decomposition import PCA
from sklearn.manifold import MDS, TSNE, Isomap, LocallyLinearEmbedding

from spray._optional import optional
from spray.arrays.labels import by_sample, labelled

LARGE = 10_000  # samples from which on the tree of Barnes and Hut is slower than an interpolation by FFT


def tsne(
    data: xr.DataArray,
    *,
    axes: int = 2,
    perplexity: float = 30.0,
    early_exaggeration: float = 12.0,
    metric: str = "euclidean",
    method: str = "auto",
    seed: int = 0,
) -> xr.DataArray:
    """t-SNE (van der Maaten and Hinton 2008), started from the principal components.

    The perplexity is at most a third of the number of other samples. `method`: "barnes_hut", "exact" (scikit-learn),
    "fft" (openTSNE, the extra `embeddings`), or "auto": "fft" for more than 10 000 samples.

    Args:
        data: `(sample, ...)`, all other dimensions are features.
        axes: Of the map.
        perplexity: About how many neighbours count.
        early_exaggeration, metric, seed: As in scikit-learn.
        method: How it is computed.

    Returns:
        `(sample, axis)`.

    Raises:
        ValueError: `method` is another word, `axes` is below 1, or a number is not finite (the error names the
            samples).
        ImportError: A package that it needs is not installed; the message names it.

    Example:
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> tsne(points).sizes
        Frozen({'sample': 4, 'axis': 2})
    """
    if method not in ("auto", "barnes_hut", "exact", "fft"):
        raise ValueError(f"method must be auto, barnes_hut, exact or fft, got {method!r}")
    if method == "auto":
        small = "barnes_hut" if axes < 4 else "exact"
        method = "fft" if data.sizes["sample"] > LARGE and axes < 3 else small
    options = {"perplexity": perplexity, "early_exaggeration": early_exaggeration, "metric": metric, "seed": seed}
    return _map(_fft_tsne if method == "fft" else _tsne, data, "tsne", axes, method=method, **options)


def _tsne(values: np.ndarray, axes: int, *, perplexity: float, seed: int, **options: Any) -> np.ndarray:
    start = "pca" if min(values.shape) >= axes else "random"
    perplexity = min(perplexity, (len(values) - 1) / 3)
    return TSNE(axes, perplexity=perplexity, init=start, random_state=seed, **options).fit_transform(values)


def _fft_tsne(
    values: np.ndarray, axes: int, *, perplexity: float, seed: int, method: str, **options: Any
) -> np.ndarray:
    opentsne = optional("openTSNE", purpose="t-SNE by FFT")
    options |= {"n_components": axes, "perplexity": min(perplexity, (len(values) - 1) / 3), "random_state": seed}
    return np.asarray(opentsne.TSNE(negative_gradient_method=method, **options).fit(values))


def umap(
    data: xr.DataArray,
    *,
    axes: int = 2,
    neighbors: int = 15,
    min_distance: float = 0.1,
    metric: str = "euclidean",
    seed: int = 0,
) -> xr.DataArray:
    """UMAP (McInnes, Healy, Melville 2018), by umap-learn: the extra `embeddings`.

    Args:
        data: `(sample, ...)`, all other dimensions are features.
        axes: Of the map.
        neighbors: How many count.
        min_distance: Of two samples in the map.
        metric, seed: As in umap-learn.

    Returns:
        `(sample, axis)`.

    Raises:
        ValueError: `axes` is below 1, or a number is not finite (the error names the samples).
        ImportError: A package that it needs is not installed; the message names it.

    Example:
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [9.0]], dims=["sample", "axis"])
        >>> umap(points).values.tolist()  # two samples lie on a line
        [[0.0, 0.0], [1.0, 0.0]]
    """
    options = {"min_distance": min_distance, "metric": metric, "seed": seed}
    return _map(_umap, data, "umap", axes, neighbors=neighbors, **options)


def _umap(values: np.ndarray, axes: int, *, neighbors: int, min_distance: float, metric: str, seed: int) -> np.ndarray:
    library = optional("umap", purpose="UMAP")
    n = len(values)
    start = "spectral" if n > 3 * (axes + 2) else "random"  # its eigensolver needs some more samples than axes
    options = {"min_dist": min_distance, "metric": metric, "init": start, "random_state": seed, "n_jobs": 1}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # on graphs that are not connected it falls back by itself
        return library.UMAP(n_neighbors=min(neighbors, n - 1), n_components=axes, **options).fit_transform(values)


def pca(data: xr.DataArray, *, axes: int = 2, whiten: bool = False, seed: int = 0) -> xr.DataArray:
    """Principal components; the entry of largest magnitude of each direction is positive.

    Args:
        data: `(sample, ...)`, all other dimensions are features.
        axes: Of the map.
        whiten: Axes of variance 1.
        seed: Of the solver.

    Returns:
        `(sample, axis)`.

    Raises:
        ValueError: `axes` is below 1, or a number is not finite (the error names the samples).

    Example:
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> pca(points, axes=1).values.ravel().round(2).tolist()
        [-4.57, -4.47, 4.43, 4.62]
    """
    return _map(_pca, data, "pca", axes, whiten=whiten, seed=seed)


def _pca(values: np.ndarray, axes: int, *, whiten: bool, seed: int) -> np.ndarray:
    found = PCA(min(axes, *values.shape), whiten=whiten, random_state=seed).fit_transform(values)
    return np.pad(found, ((0, 0), (0, axes - found.shape[1])))


def lle(data: xr.DataArray, *, axes: int = 2, neighbors: int = 5, seed: int = 0) -> xr.DataArray:
    """Locally linear embedding (Roweis and Saul 2000).

    Args:
        data: `(sample, ...)`, all other dimensions are features.
        axes: Of the map.
        neighbors: How many make a sample.
        seed: Of the solver.

    Returns:
        `(sample, axis)`.

    Raises:
        ValueError: `axes` is below 1, or a number is not finite (the error names the samples).

    Example:
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> lle(points, neighbors=2).sizes
        Frozen({'sample': 4, 'axis': 2})
    """
    return _map(_lle, data, "lle", axes, neighbors=neighbors, seed=seed)


def _lle(values: np.ndarray, axes: int, *, neighbors: int, seed: int) -> np.ndarray:
    n = len(values)
    solver: Any = "dense" if n <= 500 else "arpack"
    near, axes_found = min(neighbors, n - 1), min(axes, n - 2, values.shape[1])
    fit = LocallyLinearEmbedding(n_neighbors=near, n_components=axes_found, eigen_solver=solver, random_state=seed)
    return np.pad(fit.fit_transform(values), ((0, 0), (0, axes - axes_found)))


def isomap(data: xr.DataArray, *, axes: int = 2, neighbors: int = 5, metric: str = "euclidean") -> xr.DataArray:
    """Isomap (Tenenbaum, de Silva, Langford 2000): geodesic distances, n x n of them.

    Args:
        data: `(sample, ...)`, all other dimensions are features.
        axes: Of the map.
        neighbors: How many make a step.
        metric: Of the steps.

    Returns:
        `(sample, axis)`.

    Raises:
        ValueError: `axes` is below 1, or a number is not finite (the error names the samples).

    Example:
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> isomap(points, neighbors=2).sizes
        Frozen({'sample': 4, 'axis': 2})
    """
    return _map(_isomap, data, "isomap", axes, neighbors=neighbors, metric=metric)


def _isomap(values: np.ndarray, axes: int, *, neighbors: int, metric: str) -> np.ndarray:
    axes_found = min(axes, len(values) - 1)
    fit = Isomap(n_neighbors=min(neighbors, len(values) - 1), n_components=axes_found, metric=metric)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # components that are not connected are joined by their nearest samples
        return np.pad(fit.fit_transform(values), ((0, 0), (0, axes - axes_found)))


def mds(data: xr.DataArray, *, axes: int = 2, seed: int = 0) -> xr.DataArray:
    """Metric multidimensional scaling by SMACOF: n x n distances in every step, for some thousand samples.

    Args:
        data: `(sample, ...)`, all other dimensions are features.
        axes: Of the map.
        seed: Of the start.

    Returns:
        `(sample, axis)`.

    Raises:
        ValueError: `axes` is below 1, or a number is not finite (the error names the samples).

    Example:
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> mds(points).sizes
        Frozen({'sample': 4, 'axis': 2})
    """
    return _map(_mds, data, "mds", axes, seed=seed)


def _mds(values: np.ndarray, axes: int, *, seed: int) -> np.ndarray:
    options: dict[str, Any] = {"n_init": 1, "random_state": seed, "normalized_stress": False}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of other defaults in later versions, and of square data
        return np.asarray(MDS(axes, **options).fit_transform(values))


def _map(kernel: Callable, data: xr.DataArray, name: str, axes: int, **options: Any) -> xr.DataArray:
    if axes < 1:
        raise ValueError(f"axes must be at least 1, got {axes}")

    def run(values: np.ndarray) -> np.ndarray:
        if len(values) < 4 or not np.ptp(values, axis=0).any():
            return np.pad(np.arange(len(values), dtype=np.float64)[:, None], ((0, 0), (0, axes - 1)))
        return kernel(values, axes, **options)

    return labelled(by_sample(run, data), data, ("sample", "axis"), name)


EMBEDDINGS = {stage.__name__: stage for stage in (tsne, umap, pca, lle, isomap, mds)}
"""Every map by its name: what the command line offers, with the keywords of its signature as options."""
