"""Before the comparison: make attributions small and alike in scale. Stages `(sample, ...) -> (sample, ...)`."""

import itertools
from collections.abc import Mapping
from functools import reduce as fold
from typing import Literal

import numpy as np
import xarray as xr

from spray.arrays.labels import check_finite
from spray.kinds import kind_of, window_of
from spray.kinds.text import TEXT

POOLS = {"sum": np.add, "mean": np.add, "max": np.maximum}
NORMS = {
    "sum": lambda flat: np.abs(flat).sum(1, dtype=np.float64),
    "l2": lambda flat: np.sqrt(np.square(flat, dtype=np.float64).sum(1)),
    "max": lambda flat: np.abs(flat).max(1, initial=0).astype(np.float64),
}


def pool(
    data: xr.DataArray,
    *,
    window: Mapping[str, int] | int | Literal["kind"] = "kind",
    stride: Mapping[str, int] | None = None,
    reduce: str = "sum",
) -> xr.DataArray:
    """Sum, mean or max over windows: y_i = sum_{0 <= w < window} x_{i stride + w} along each named dimension.

    A number stands for that many places along each dimension that has places, "kind" for what the kind of the samples
    has by default (`spray.kinds`): channels, leads and the columns of tables are never added up. Windows reach over the
    edge, where there is nothing to add: the sum stays complete, the mean is over what is there. `stride` is the window
    unless given.

    Args:
        data: `(sample, ...)`, numbers.
        window: Its size along named dimensions; a number, or "kind", is along those that the kind says.
        stride: From one window to the next; None for the window itself.
        reduce: "sum", "mean" or "max".

    Returns:
        Data of the same dimensions, fewer pixels.

    Raises:
        ValueError: `reduce` is another word, a size is not positive or of no dimension, the kind is not certain, or a
            number is not finite (the error names the samples).

    Example:
        >>> import numpy as np, xarray as xr
        >>> x = xr.DataArray(np.ones((2, 3, 5, 4)), dims=["sample", "channel", "height", "width"])
        >>> pooled = pool(x, window={"height": 2, "width": 2})
        >>> pooled.shape, float(pooled.sum())
        ((2, 3, 3, 2), 120.0)
    """
    if reduce not in POOLS:
        raise ValueError(f"reduce must be one of {', '.join(POOLS)}, got {reduce!r}")
    sizes = dict(window) if isinstance(window, Mapping) else window_of(data, window)
    if not isinstance(window, Mapping) and kind_of(data) is TEXT:
        raise ValueError(
            "tokens at the same place of two texts have nothing in common: analyse texts by their words "
            "(spray.recipes.text, --recipe text), or give window=None to compare places all the same"
        )
    steps = dict(sizes if stride is None else stride)
    unknown = [dim for dim in sizes | steps if dim not in data.dims or dim == "sample"]
    if unknown or sizes.keys() != steps.keys() or min([1, *sizes.values(), *steps.values()]) < 1:
        raise ValueError(f"window {sizes} and stride {steps} need positive sizes along dimensions of {data.dims}")
    check_finite(data)
    dims = list(sizes)
    if not dims:
        return data
    pooled = _pool(data, dims, sizes, steps, POOLS[reduce])
    if reduce == "mean":
        ones = xr.DataArray(np.ones([data.sizes[dim] for dim in dims], data.dtype), dims=dims)
        pooled = pooled / _pool(ones, dims, sizes, steps, np.add)
    return pooled.transpose(*data.dims).rename(data.name).assign_attrs(data.attrs)


def sum_pool(data: xr.DataArray, *, window: Mapping[str, int] | int | Literal["kind"] = "kind") -> xr.DataArray:
    """Sum over windows; total relevance is conserved.

    Args:
        data: `(sample, ...)`, numbers.
        window: As in `pool`.

    Returns:
        Data of the same dimensions, fewer pixels.

    Raises:
        ValueError: A number is not finite (the error names the samples).

    Example:
        >>> import numpy as np, xarray as xr
        >>> heat = xr.DataArray(np.arange(8.0).reshape(2, 2, 2), dims=["sample", "height", "width"])
        >>> sum_pool(heat).values.ravel().tolist()
        [6.0, 22.0]
    """
    return pool(data, window=window, reduce="sum")


def _pool(
    data: xr.DataArray, dims: list[str], sizes: Mapping[str, int], steps: Mapping[str, int], ufunc
) -> xr.DataArray:
    kernel_sizes, kernel_steps = [sizes[dim] for dim in dims], [steps[dim] for dim in dims]
    return xr.apply_ufunc(
        _pool_last,
        data,
        input_core_dims=[dims],
        output_core_dims=[dims],
        exclude_dims=set(dims),
        kwargs={"sizes": kernel_sizes, "steps": kernel_steps, "ufunc": ufunc},
    )


def _pool_last(values: np.ndarray, sizes: list[int], steps: list[int], ufunc: np.ufunc) -> np.ndarray:
    """Combine shifted strided views, one for each place in the window: no copy as large as all windows."""
    lengths = values.shape[-len(sizes) :]
    # every window that starts inside and covers something no earlier one does
    places = zip(lengths, sizes, steps, strict=True)
    counts = [min(1 + max(0, -((size - n) // step)), -(-n // step)) for n, size, step in places]
    ends = [max(n, (c - 1) * step + size) for n, c, step, size in zip(lengths, counts, steps, sizes, strict=True)]
    # the neutral element of the sum is 0, and of the maximum the least value there is
    edge = 0 if ufunc is np.add else (-np.inf if values.dtype.kind == "f" else np.iinfo(values.dtype).min)
    if tuple(ends) != tuple(lengths):
        pads = [(0, 0)] * (values.ndim - len(sizes)) + [(0, e - n) for e, n in zip(ends, lengths, strict=True)]
        values = np.pad(values, pads, constant_values=edge)
    shifts = itertools.product(*map(range, sizes))
    views = (
        values[(..., *(slice(i, i + (c - 1) * s + 1, s) for i, c, s in zip(at, counts, steps, strict=True)))]
        for at in shifts
    )
    return fold(lambda total, view: ufunc(total, view, out=total), views, next(views).copy())


def channel_sum(data: xr.DataArray, *, dim: str = "channel") -> xr.DataArray:
    """Sum over channels: one relevance a pixel.

    Args:
        data: `(sample, channel, ...)`.
        dim: Which dimension the channels are.

    Returns:
        The data without that dimension.

    Raises:
        ValueError: There is no such dimension.

    Example:
        >>> import xarray as xr
        >>> heat = xr.DataArray([[[1.0], [-3.0]]], dims=["sample", "channel", "pixel"])
        >>> channel_sum(heat).values.tolist()
        [[-2.0]]
    """
    if dim not in data.dims:
        raise ValueError(f"no dimension {dim!r} to sum over, data has {data.dims}")
    return data.sum(dim, keep_attrs=True)


def normalize(data: xr.DataArray, *, by: str = "sum") -> xr.DataArray:
    """Divide each sample by sum |R|, by its L2 norm or by max |R|; a sample of zeros stays zero.

    The sum is of magnitudes: the signed sum of a heatmap can be near zero, and dividing by it explodes.

    Args:
        data: `(sample, ...)`, numbers.
        by: "sum", "l2" or "max".

    Returns:
        Data of the same shape.

    Raises:
        ValueError: `by` is another word, or a number is not finite (the error names the samples).

    Example:
        >>> import xarray as xr
        >>> heat = xr.DataArray([[1.0, -3.0], [0.0, 0.0]], dims=["sample", "pixel"])
        >>> normalize(heat).values.tolist()
        [[0.25, -0.75], [0.0, 0.0]]
    """
    if by not in NORMS:
        raise ValueError(f"by must be one of {', '.join(NORMS)}, got {by!r}")
    check_finite(data)
    values = data.transpose("sample", ...).values
    scale = NORMS[by](values.reshape(len(values), -1))
    scale = xr.DataArray(np.where(scale > 0, scale, 1.0), dims="sample")
    result = data / scale
    return result.astype(data.dtype if data.dtype.kind == "f" else np.float64).rename(data.name)
