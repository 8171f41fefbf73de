"""From labelled to plain arrays and back.

Every stage works in the order of the sample ids, whatever the order of storage: permuting the samples permutes the
result, also where a kernel breaks ties by position or draws random numbers row by row.
"""

import functools
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
import xarray as xr
from threadpoolctl import ThreadpoolController

SMALL = 200_000  # numbers


def sample_ids(data: xr.DataArray | xr.Dataset) -> np.ndarray:
    """The ids of the samples; data without any are numbered.

    Args:
        data: With a dimension `sample`.

    Returns:
        One id a sample.

    Raises:
        ValueError: There is no dimension `sample`, or an id occurs twice.

    Example:
        >>> import xarray as xr
        >>> sample_ids(xr.DataArray([0.5, 0.7], dims="sample")).tolist()
        [0, 1]
    """
    if "sample" not in data.dims:
        raise ValueError(f"data needs a dimension 'sample', got {tuple(map(str, data.sizes))}: rename the samples' one")
    ids = data.coords["sample"].values if "sample" in data.coords else np.arange(data.sizes["sample"])
    if len(np.unique(ids)) != len(ids):
        raise ValueError(f"sample ids are not unique ({len(ids)} samples, {len(np.unique(ids))} ids): make them so")
    return ids


def features(data: xr.DataArray) -> np.ndarray:
    """(sample, feature) floats, all other dimensions flattened; anything but finite numbers is an error.

    Args:
        data: `(sample, ...)`, all other dimensions are features.

    Returns:
        `(sample, feature)`.

    Raises:
        ValueError: A number is not finite (the error names the samples), or there are none.

    Example:
        >>> import numpy as np, xarray as xr
        >>> heat = xr.DataArray(np.arange(8.0).reshape(2, 2, 2), dims=["sample", "height", "width"])
        >>> features(heat).shape
        (2, 4)
    """
    check_finite(data)
    values = data.transpose("sample", ...).values
    flat = values.reshape(len(values), int(np.prod(values.shape[1:])))
    if not flat.size:
        raise ValueError(f"data of shape {values.shape} holds no number: give at least one sample and one feature")
    return flat if flat.dtype in (np.float32, np.float64) else flat.astype(np.float64)


def check_finite(data: xr.DataArray) -> None:
    """Raise an error that names the samples with NaN or infinite values.

    Args:
        data: With a dimension `sample`.

    Raises:
        ValueError: A number is not finite (the error names the samples), or it holds no numbers.

    Example:
        >>> import xarray as xr
        >>> check_finite(xr.DataArray([[1.0], [float("nan")]], dims=["sample", "x"], coords={"sample": [7, 3]}))
        Traceback (most recent call last):
        ValueError: 1 sample(s) of data hold NaN or inf (3): drop or repair them
    """
    ids, values = sample_ids(data), data.transpose("sample", ...).values
    if values.dtype.kind not in "fiub":
        raise ValueError(f"{data.name or 'data'} must hold numbers, got dtype {values.dtype}")
    if values.dtype.kind != "f" or np.isfinite(np.sum(values, dtype=np.float64)):  # one pass, no copy
        return
    bad = ids[[not np.isfinite(row).all() for row in values]]
    if len(bad):
        names = ", ".join(map(str, bad[:10])) + (", ..." if len(bad) > 10 else "")
        raise ValueError(
            f"{len(bad)} sample(s) of {data.name or 'data'} hold NaN or inf ({names}): drop or repair them"
        )


def by_sample(kernel: Callable[..., Any], data: xr.DataArray, **parameters: Any) -> np.ndarray:
    """`kernel(values, **parameters)` on (sample, feature) values in the order of ids, its rows put back in place.

    Args:
        kernel: `(sample, feature)` values -> one row a sample.
        data: `(sample, ...)`, all other dimensions are features.
        parameters: Of the kernel.

    Returns:
        Its rows, in the order of the data.

    Raises:
        ValueError: A number is not finite (the error names the samples).

    Example:
        >>> import xarray as xr
        >>> data = xr.DataArray([[1.0], [2.0]], dims=["sample", "x"], coords={"sample": [7, 3]})
        >>> by_sample(lambda values: values.cumsum(), data).tolist()  # sample 3 comes first
        [3.0, 2.0]
    """
    order = np.argsort(sample_ids(data), kind="stable")
    values = features(data)[order]
    with few_threads(values.size):
        return np.asarray(kernel(values, **parameters))[np.argsort(order)]


def few_threads(size: int) -> AbstractContextManager:
    """One thread for small work: starting and awaiting several takes longer than they save."""
    return _pools().limit(limits=1) if size < SMALL else nullcontext()


@functools.cache
def _pools() -> ThreadpoolController:
    return ThreadpoolController()


def labelled(values: np.ndarray, like: xr.DataArray | xr.Dataset, dims: tuple[str, ...], name: str) -> xr.DataArray:
    """`values` with the coordinates that belong to the samples of `like`.

    Args:
        values: Of the shape of `dims`.
        like: Data of the same samples.
        dims, name: Of the result.

    Returns:
        The values with names.

    Example:
        >>> import numpy as np
        >>> import xarray as xr
        >>> points = xr.DataArray([[0.0], [0.1], [9.0], [9.2]], dims=["sample", "axis"])
        >>> labelled(np.ones((4, 2)), points, ("sample", "axis"), "map").sizes
        Frozen({'sample': 4, 'axis': 2})
    """
    coords = {key: value for key, value in like.coords.items() if value.dims == ("sample",)}
    return xr.DataArray(values, coords={"sample": sample_ids(like)} | coords, dims=dims, name=name)
