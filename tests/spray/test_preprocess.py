"""Pooling and scaling against scikit-image and the formulas."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.measure import block_reduce

from spray import channel_sum, normalize, pool, sum_pool


def images(shape=(3, 2, 6, 5), seed=0, dtype="f8"):
    values = np.random.default_rng(seed).normal(size=shape).astype(dtype)
    ids = np.arange(shape[0]) * 7
    return xr.DataArray(values, dims=["sample", "channel", "height", "width"], coords={"sample": ids}, name="relevance")


sizes = st.integers(1, 7)


@settings(max_examples=60, deadline=None)
@given(height=sizes, width=sizes, h=sizes, w=sizes)
def test_sums_and_maxima_are_scikit_images(height, width, h, w):
    data = images((2, 1, height, width))
    window = {"height": h, "width": w}
    np.testing.assert_allclose(pool(data, window=window), block_reduce(data.values, (1, 1, h, w), np.sum), atol=1e-12)
    top = block_reduce(data.values, (1, 1, h, w), np.max, cval=-np.inf)
    np.testing.assert_array_equal(pool(data, window=window, reduce="max"), top)
    mean = block_reduce(data.values, (1, 1, h, w), np.nanmean, cval=np.nan)
    np.testing.assert_allclose(pool(data, window=window, reduce="mean"), mean, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(length=st.integers(1, 12), size=sizes, step=sizes)
def test_strides_are_the_windows_of_the_formula(length, size, step):
    data = images((1, 1, 1, length))
    found = pool(data, window={"width": size}, stride={"width": step}).values.ravel()
    expected = [data.values.ravel()[i * step : i * step + size].sum() for i in range(len(found))]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert (len(found) - 1) * step < length, "every window starts inside"
    covered = {place for i in range(len(found) + 1) for place in range(i * step, i * step + size) if place < length}
    assert len(covered) == len({p for p in covered if p < (len(found) - 1) * step + size}), "and none is missing"


def test_sum_pool_conserves_and_keeps_labels():
    data = images(dtype="f4")
    pooled = sum_pool(data, window=3)
    assert pooled.dtype == np.float32 and pooled.dims == data.dims and pooled.name == "relevance"
    np.testing.assert_array_equal(pooled.sample, data.sample)
    np.testing.assert_allclose(pooled.sum(["height", "width"]), data.sum(["height", "width"]), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("by", "order"), [("sum", 1), ("l2", 2), ("max", np.inf)])
def test_normalize_makes_the_norm_one(by, order):
    data = images()
    data[1] = 0
    flat = normalize(data, by=by).values.reshape(3, -1)
    np.testing.assert_allclose(np.linalg.norm(flat, order, axis=1), [1, 0, 1], rtol=1e-12)


def test_normalize_does_not_explode_where_the_signed_sum_is_zero():
    data = images()
    data[:] = data - data.mean(["channel", "height", "width"])
    assert np.abs(normalize(data).values).max() < 1


def test_channel_sum():
    np.testing.assert_allclose(channel_sum(images()), images().values.sum(1))
    with pytest.raises(ValueError, match="no dimension 'color'"):
        channel_sum(images(), dim="color")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"window": {"depth": 2}}, "dimensions of"),
        ({"window": 0}, "positive sizes"),
        ({"window": {"sample": 2}}, "dimensions of"),
        ({"window": 2, "stride": {"height": 1}}, "need positive sizes along"),
        ({"reduce": "median"}, "reduce must be one of sum, mean, max, got 'median'"),
    ],
)
def test_bad_options_are_named(options, message):
    with pytest.raises(ValueError, match=message):
        pool(images(), **options)


def test_nan_is_named_by_sample():
    data = images()
    data[2, 0, 0, 0] = np.nan
    for stage in (pool, normalize):
        with pytest.raises(ValueError, match=r"1 sample\(s\) of relevance hold NaN or inf \(14\)"):
            stage(data)
    with pytest.raises(ValueError, match="by must be one of sum, l2, max, got 'mean'"):
        normalize(images(), by="mean")
