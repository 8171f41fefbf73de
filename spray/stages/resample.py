"""Images of other sizes, and parts of images. Stages `(sample, ...) -> (sample, ...)`."""

from collections.abc import Mapping, Sequence

import numpy as np
import scipy.ndimage
import xarray as xr

from spray.arrays.labels import check_finite
from spray.kinds import places_of


def resize(data: xr.DataArray, *, size: Mapping[str, int], order: int = 1, antialias: bool = False) -> xr.DataArray:
    """Splines of `order` 0 to 5 through the pixels, read at the centres of `size` new ones along the named dimensions.

    Pixels are areas: the image's border stays where it is. `antialias` blurs first where an image shrinks, with
    sigma = (factor - 1) / 2.

    Args:
        data: `(sample, ...)`, numbers.
        size: Pixels along each dimension that changes.
        order: 0 for the nearest pixel, 1 for linear, 3 for cubic.
        antialias: Blur before an image shrinks.

    Returns:
        Data of the same dimensions and the sizes given.

    Raises:
        ValueError: `order` is not 0 to 5, a size is not positive or of no dimension, or a number is not finite (the
            error names the samples).

    Example:
        >>> import numpy as np, xarray as xr
        >>> heat = xr.DataArray(np.arange(8.0).reshape(2, 2, 2), dims=["sample", "height", "width"])
        >>> resize(heat, size={"height": 4, "width": 1}).shape
        (2, 4, 1)
    """
    if not 0 <= order <= 5:
        raise ValueError(f"order must be 0 to 5, got {order}")
    unknown = [dim for dim in size if dim not in data.dims or dim == "sample"]
    if unknown or min(size.values(), default=0) < 1:
        raise ValueError(f"size {dict(size)} needs positive sizes along dimensions of {data.dims}")
    check_finite(data)
    dims = list(size)
    return xr.apply_ufunc(
        _resize,
        data,
        input_core_dims=[dims],
        output_core_dims=[dims],
        exclude_dims=set(dims),
        kwargs={"size": tuple(size.values()), "order": order, "antialias": antialias},
        keep_attrs=True,
    ).transpose(*data.dims)


def _resize(values: np.ndarray, size: tuple[int, ...], order: int, antialias: bool) -> np.ndarray:
    lead = values.ndim - len(size)
    factor = np.divide(values.shape[lead:], size)
    values = values if values.dtype.kind == "f" else values.astype(np.float64)
    if antialias:
        sigma = np.maximum(0, (factor - 1) / 2)
        values = scipy.ndimage.gaussian_filter(values, (0,) * lead + tuple(sigma), mode="nearest")
    zoom = (1.0,) * lead + tuple(1 / factor)
    return np.asarray(scipy.ndimage.zoom(values, zoom, order=order, mode="nearest", grid_mode=True))


def rescale(data: xr.DataArray, *, scale: float, order: int = 1, antialias: bool = False) -> xr.DataArray:
    """Resize along the places of a sample (height and width, or time) by a factor, rounded to whole ones, at least one.

    Args:
        data: `(sample, ..., height, width)`.
        scale: Above 1 makes images larger.
        order, antialias: As in `resize`.

    Returns:
        Data of the same dimensions.

    Raises:
        ValueError: `scale` is not positive.

    Example:
        >>> import numpy as np, xarray as xr
        >>> heat = xr.DataArray(np.arange(8.0).reshape(2, 2, 2), dims=["sample", "height", "width"])
        >>> rescale(heat, scale=2).shape
        (2, 4, 4)
    """
    if not scale > 0:
        raise ValueError(f"scale must be positive, got {scale}")
    size = {str(dim): max(1, round(scale * data.sizes[dim])) for dim in places_of(data)}
    return resize(data, size=size, order=order, antialias=antialias)


def pad(data: xr.DataArray, *, size: Mapping[str, int], fill: float = 0.0) -> xr.DataArray:
    """Put each image in the middle of `size` pixels along the named dimensions, `fill` around it.

    Args:
        data: `(sample, ...)`.
        size: Pixels along each dimension that grows.
        fill: What is put around the image.

    Returns:
        Data of the same dimensions and the sizes given.

    Raises:
        ValueError: A size is smaller than the data's, or of no dimension.

    Example:
        >>> import numpy as np, xarray as xr
        >>> heat = xr.DataArray(np.arange(8.0).reshape(2, 2, 2), dims=["sample", "height", "width"])
        >>> pad(heat, size={"height": 3, "width": 4}).shape
        (2, 3, 4)
    """
    lost = {dim: n for dim, n in size.items() if dim not in data.dims or n < data.sizes[dim]}
    if lost:
        raise ValueError(f"cannot pad {dict(data.sizes)} to {lost}: sizes must be at least the data's; resize first")
    around = {dim: ((n - data.sizes[dim]) // 2, -(-(n - data.sizes[dim]) // 2)) for dim, n in size.items()}
    return data.pad(around, constant_values=fill, keep_attrs=True)


def pad_together(arrays: Sequence[xr.DataArray], *, fill: float = 0.0) -> xr.DataArray:
    """Several sets of samples with images of different sizes as one, each image padded to the largest size.

    Args:
        arrays: `(sample, ...)`, of the same dimensions.
        fill: What is put around the images.

    Returns:
        One array of all samples.

    Example:
        >>> import numpy as np, xarray as xr
        >>> heat = xr.DataArray(np.arange(8.0).reshape(2, 2, 2), dims=["sample", "height", "width"])
        >>> larger = xr.DataArray(np.ones((1, 3, 3)), dims=heat.dims)
        >>> pad_together([heat, larger]).shape
        (3, 3, 3)
    """
    dims = [str(dim) for dim in arrays[0].dims if dim != "sample"]
    size = {dim: max(array.sizes[dim] for array in arrays) for dim in dims}
    return xr.concat([pad(array, size=size, fill=fill) for array in arrays], "sample", join="exact")


def select(data: xr.DataArray, *, mask: np.ndarray | xr.DataArray) -> xr.DataArray:
    """The pixels where `mask` is true, in one dimension `feature`; the mask covers the last dimensions of the data.

    Args:
        data: `(sample, ...)`.
        mask: True for what is kept, of the shape of the last dimensions.

    Returns:
        `(sample, ..., feature)`.

    Raises:
        ValueError: The mask is of another shape.

    Example:
        >>> import numpy as np, xarray as xr
        >>> heat = xr.DataArray(np.arange(8.0).reshape(2, 2, 2), dims=["sample", "height", "width"])
        >>> select(heat, mask=np.eye(2)).values.tolist()
        [[0.0, 3.0], [4.0, 7.0]]
    """
    keep = np.asarray(mask, dtype=bool)
    if keep.shape != data.shape[data.ndim - keep.ndim :] or keep.ndim >= data.ndim:
        raise ValueError(f"mask of shape {keep.shape} must cover the last dimensions of {dict(data.sizes)}")
    dims = [str(dim) for dim in data.dims[data.ndim - keep.ndim :]]
    kernel = lambda values: values[..., keep]  # noqa: E731
    return xr.apply_ufunc(kernel, data, input_core_dims=[dims], output_core_dims=[["feature"]], keep_attrs=True)


def histogram(data: xr.DataArray, *, bins: int = 32, channel: str = "channel") -> xr.DataArray:
    """How often each channel has values in each of `bins` equal parts of that sample's and channel's range.

    `(sample, channel, bin)`, or `(sample, bin)` without a dimension `channel`. What counts is the distribution of
    relevance, not its place. A constant channel fills one bin.

    Args:
        data: `(sample, ...)`, numbers.
        bins: How many parts.
        channel: Which dimension the channels are.

    Returns:
        Counts.

    Raises:
        ValueError: `bins` is below 1, or a number is not finite (the error names the samples).

    Example:
        >>> import numpy as np, xarray as xr
        >>> heat = xr.DataArray(np.arange(8.0).reshape(2, 2, 2), dims=["sample", "height", "width"])
        >>> histogram(heat, bins=2).values.tolist()
        [[2.0, 2.0], [2.0, 2.0]]
    """
    if bins < 1:
        raise ValueError(f"bins must be at least 1, got {bins}")
    check_finite(data)
    kept = ["sample", channel] if channel in data.dims else ["sample"]
    pixels = [str(dim) for dim in data.dims if dim not in kept]
    kernel = lambda values: _histogram(values.reshape(*values.shape[: len(kept)], -1), bins)  # noqa: E731
    ordered = data.transpose(*kept, *pixels)
    return xr.apply_ufunc(kernel, ordered, input_core_dims=[pixels], output_core_dims=[["bin"]], keep_attrs=True)


def _histogram(values: np.ndarray, bins: int) -> np.ndarray:
    """All histograms at once: the bin of each value, counted together with the row it is in."""
    rows = values.reshape(-1, values.shape[-1]).astype(np.float64)
    low, high = rows.min(1, keepdims=True), rows.max(1, keepdims=True)
    low, high = np.where(low == high, low - 0.5, low), np.where(low == high, high + 0.5, high)  # as numpy does
    place = np.clip(((rows - low) / (high - low) * bins).astype(np.int64), 0, bins - 1)
    counts = np.bincount((place + bins * np.arange(len(rows))[:, None]).ravel(), minlength=bins * len(rows))
    return counts.reshape(*values.shape[:-1], bins).astype(np.float64)
