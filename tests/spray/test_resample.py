"""Other sizes, parts and histograms of images against scikit-image and numpy; distances against scipy."""

import numpy as np
import pytest
import scipy.spatial.distance as ssd
import xarray as xr
from skimage.metrics import structural_similarity
from skimage.transform import resize as reference

from spray import knn_graph
from spray.arrays import graph
from spray.stages.distance import distance, gaussian_affinity, nearest, ssim_distance
from spray.stages.resample import histogram, pad, pad_together, rescale, resize, select
from tests.support.spray_data import noise, shuffled


def images(n=4, channels=2, height=9, width=12, seed=0):
    values = np.random.default_rng(seed).random((n, channels, height, width))
    dims = ["sample", "channel", "height", "width"]
    return xr.DataArray(values, dims=dims, coords={"sample": np.arange(n) * 3}, name="relevance")


@pytest.mark.parametrize("order", [0, 1, 3])
@pytest.mark.parametrize("size", [(5, 20), (18, 6), (9, 12)])
def test_resize_is_scikit_images(order, size):
    data = images()
    found = resize(data, size={"height": size[0], "width": size[1]}, order=order)
    options = {"order": order, "mode": "edge", "anti_aliasing": False, "clip": False}
    expected = [[reference(channel, size, **options) for channel in image] for image in data.values]
    np.testing.assert_allclose(found, expected, atol=1e-10)
    np.testing.assert_array_equal(found.sample, data.sample)


def test_antialiasing_and_rescale():
    data = images(height=16, width=16)
    found = resize(data, size={"height": 4, "width": 4}, antialias=True)
    expected = [
        [reference(c, (4, 4), order=1, mode="edge", anti_aliasing=True, clip=False) for c in i] for i in data.values
    ]
    np.testing.assert_allclose(found, expected, atol=1e-10)
    np.testing.assert_array_equal(rescale(data, scale=0.25, antialias=True), found)
    assert rescale(data, scale=0.01).shape == (4, 2, 1, 1)


def test_padding_keeps_what_is_there():
    small, large = (
        images(2, height=3, width=4),
        images(3, height=6, width=5, seed=1).assign_coords(sample=[100, 101, 102]),
    )
    padded = pad(small, size={"height": 6, "width": 5}, fill=-1.0)
    np.testing.assert_array_equal(padded[..., 1:4, :4], small)
    assert float((padded == -1).sum()) == padded.size - small.size
    together = pad_together([small, large])
    assert together.shape == (5, 2, 6, 5) and float(together.sum()) == pytest.approx(float(small.sum() + large.sum()))
    with pytest.raises(ValueError, match="sizes must be at least the data's"):
        pad(large, size={"height": 2})


def test_select_takes_the_pixels_of_the_mask():
    data, mask = images(), np.random.default_rng(0).random((9, 12)) < 0.3
    np.testing.assert_array_equal(select(data, mask=mask), data.values[:, :, mask])
    with pytest.raises(ValueError, match="must cover the last dimensions"):
        select(data, mask=mask.T)


@pytest.mark.parametrize("bins", [1, 7, 32])
def test_histograms_are_numpys(bins):
    data = images()
    data[1, 0] = 3.0
    expected = [[np.histogram(channel, bins)[0] for channel in image] for image in data.values]
    np.testing.assert_array_equal(histogram(data, bins=bins), expected)
    gray = data.isel(channel=1, drop=True)
    np.testing.assert_array_equal(histogram(gray, bins=bins), [np.histogram(image, bins)[0] for image in gray.values])


@pytest.mark.parametrize(
    "metric", ["euclidean", "cityblock", "cosine", "correlation", "braycurtis", "canberra", "chebyshev"]
)
def test_distances_are_scipys(metric):
    data = noise(20, 6)
    np.testing.assert_allclose(
        distance(data, metric=metric), ssd.squareform(ssd.pdist(data.values, metric)), atol=1e-12
    )


def test_distance_options_and_constant_samples():
    data = noise(8, 5)
    expected = ssd.squareform(ssd.pdist(data.values, "minkowski", p=3))
    np.testing.assert_allclose(distance(data, metric="minkowski", options={"p": 3}), expected)
    data[2], data[5] = 1.0, 4.0
    found = distance(data, metric="correlation").values
    assert np.isfinite(found).all() and found[2, 5] == 0 and (np.delete(found[2], [2, 5]) == 1).all()


@pytest.mark.parametrize("shape", [(9, 12), (7, 7), (4, 5), (1, 3)])
def test_ssim_is_scikit_images_and_a_distance(shape):
    data = images(5, 1, *shape)
    found = ssim_distance(data, data_range=1.0)
    width = min(7, *(side - (side + 1) % 2 for side in shape))
    if width >= 3:
        options = {"data_range": 1.0, "win_size": width}
        expected = [[1 - structural_similarity(a[0], b[0], **options) for b in data.values] for a in data.values]
        np.testing.assert_allclose(found, expected, atol=1e-12)
    assert (np.diag(found) == 0).all() and (found.values >= 0).all()
    near = nearest(found, neighbors=2)
    best = np.argsort(found.values + np.diag(np.full(5, np.inf)), axis=1)[:, :2]
    np.testing.assert_array_equal(near.neighbor, data.sample.values[best])


def test_constant_images_have_no_undefined_ssim():
    assert np.isfinite(ssim_distance(images() * 0)).all()
    with pytest.raises(ValueError, match="SSIM compares images"):
        ssim_distance(noise(5))


def test_nearest_of_distances_is_the_neighbour_graph():
    data = shuffled(noise(30, 5))
    xr.testing.assert_allclose(nearest(distance(data), neighbors=6), knn_graph(data, neighbors=6))
    assert nearest(distance(noise(1))).neighbor.shape == (1, 0)


def test_the_full_gaussian_graph():
    data = noise(12, 3)
    apart = distance(data)
    found = graph.to_sparse(gaussian_affinity(apart, sigma=2.0)).toarray()
    expected = np.exp(-np.square(apart.values) / 8)
    np.fill_diagonal(expected, 0)
    np.testing.assert_allclose(found, expected, atol=1e-14)
    assert np.isfinite(graph.to_sparse(gaussian_affinity(apart)).toarray()).all()
    with pytest.raises(ValueError, match="sigma must be a positive number"):
        gaussian_affinity(apart * 0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: resize(images(), size={"depth": 3}), "needs positive sizes along dimensions"),
        (lambda: resize(images(), size={"height": 0}), "needs positive sizes"),
        (lambda: resize(images(), size={"height": 3}, order=9), "order must be 0 to 5, got 9"),
        (lambda: rescale(images(), scale=0), "scale must be positive, got 0"),
        (lambda: histogram(images(), bins=0), "bins must be at least 1, got 0"),
        (lambda: histogram(images() * np.nan), r"4 sample\(s\) of relevance hold NaN or inf"),
        (lambda: nearest(distance(noise(4)), neighbors=0), "neighbors must be at least 1"),
    ],
)
def test_bad_options_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
