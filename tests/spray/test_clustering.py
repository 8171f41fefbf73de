"""Clusterings find what is there, follow their samples, and number clusters by size."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.cluster import hierarchy as sch
from sklearn.cluster import DBSCAN
from sklearn.metrics import adjusted_rand_score

from spray import CLUSTERINGS, hdbscan, kmeans, spectral_kmeans
from spray.stages.clustering import LINKAGES, agglomerative, by_size, dbscan, dendrogram, dendrogram_figure
from tests.support.spray_data import blobs, noise, shuffled

STAGES = [
    lambda d: kmeans(d, clusters=[2, 3]),
    lambda d: hdbscan(d, min_cluster_size=4),
    lambda d: agglomerative(d, clusters=[2, 3]),
    lambda d: dbscan(d, eps=1.0, min_samples=3),
]
ALL = [*STAGES, *CLUSTERINGS.values()]


@pytest.mark.parametrize("stage", ALL)
def test_permuting_samples_permutes_labels(stage):
    data = noise(40, 3)
    xr.testing.assert_identical(stage(data), stage(shuffled(data)).sel(sample=data.sample.values))


@pytest.mark.parametrize("stage", STAGES)
def test_clear_clusters_are_found(stage):
    data, truth = blobs(60, centres=3, spread=0.1)
    labels = stage(data).cluster.values[-1]
    assert adjusted_rand_score(labels, truth) == 1.0


def test_spectral_kmeans_uses_the_first_columns_only():
    data, truth = blobs(60, features=8, centres=3, spread=0.05)
    near = np.eye(3)[truth] + 0.01 * noise(60, 3).values
    embedding = np.concatenate([near, 50 * noise(60, 5, 1).values], axis=1)
    data = data.copy(data=embedding / np.linalg.norm(embedding, axis=1, keepdims=True))
    assert adjusted_rand_score(spectral_kmeans(data, clusters=3).cluster[0], truth) == 1.0
    assert adjusted_rand_score(kmeans(data, clusters=3).cluster[0], truth) < 0.5


def test_many_numbers_of_clusters_in_one_call():
    data, _ = blobs(40)
    both = kmeans(data, clusters=range(2, 6), seed=1)
    assert list(both.clustering.values) == ["kmeans-2", "kmeans-3", "kmeans-4", "kmeans-5"]
    assert list(both.parameters.values) == ['{"k": 2}', '{"k": 3}', '{"k": 4}', '{"k": 5}']
    np.testing.assert_array_equal(both.cluster[1], kmeans(data, clusters=3, seed=1).cluster[0])


@pytest.mark.parametrize("n", [1, 2, 3, 7])
@pytest.mark.parametrize("stage", ALL)
def test_few_or_equal_samples(stage, n):
    for data in (noise(n), noise(n) * 0):
        labels = stage(data).cluster.values
        assert labels.shape[1] == n and labels.min() >= -1 and labels.max() < n
    if n < 4:
        assert (hdbscan(noise(n), min_cluster_size=4).cluster == -1).all()


@given(arrays(int, st.integers(1, 30), elements=st.integers(-1, 5)))
def test_numbers_fall_with_size_and_the_partition_stays(labels):
    ids = np.random.default_rng(0).permutation(1000)[: len(labels)]
    new = by_size(labels, ids)
    counts = np.bincount(new[new >= 0]) if (new >= 0).any() else np.empty(0)
    assert (np.diff(counts) <= 0).all() and (counts > 0).all()
    np.testing.assert_array_equal(new == -1, labels == -1)
    assert len(set(zip(labels, new, strict=True))) == len(set(labels)) == len(set(new))
    order = np.random.default_rng(1).permutation(len(labels))
    np.testing.assert_array_equal(by_size(labels[order], ids[order]), new[order])


def test_bad_numbers_are_named():
    with pytest.raises(ValueError, match=r"clusters must be one or more positive numbers, got \[\]"):
        kmeans(noise(5), clusters=[])
    with pytest.raises(ValueError, match="got 0"):
        kmeans(noise(5), clusters=0)
    with pytest.raises(ValueError, match="min_cluster_size must be at least 2, got 1"):
        hdbscan(noise(5), min_cluster_size=1)


@pytest.mark.parametrize("linkage", LINKAGES)
def test_agglomerative_cuts_are_scipys(linkage):
    """scipy cuts by height; the trees of centroid and median can turn back, so only the others are compared by it."""
    data = noise(25, 3)
    found = agglomerative(data, clusters=range(1, 8), linkage=linkage)
    tree = sch.linkage(data.sortby("sample").values, linkage)
    order = np.argsort(np.argsort(data.sample.values))
    for k, labels in zip(range(1, 8), found.cluster.values, strict=True):
        assert len(set(labels)) == k
        if linkage not in ("centroid", "median"):
            expected = sch.fcluster(tree, k, "maxclust")[order]
            assert adjusted_rand_score(labels, expected) == 1.0
    xr.testing.assert_identical(
        found, agglomerative(shuffled(data), clusters=range(1, 8), linkage=linkage).sel(sample=data.sample)
    )


def test_agglomerative_of_ties_few_samples_and_other_metrics():
    for n in (1, 2, 5):
        labels = agglomerative(noise(n) * 0, clusters=[1, 3]).cluster.values
        assert [len(set(row)) for row in labels] == [1, min(3, n)]
    found = agglomerative(noise(20, 4), clusters=3, linkage="average", metric="cityblock")
    tree = sch.linkage(noise(20, 4).sortby("sample").values, "average", "cityblock")
    expected = sch.fcluster(tree, 3, "maxclust")[np.argsort(np.argsort(noise(20, 4).sample.values))]
    assert adjusted_rand_score(found.cluster[0], expected) == 1.0


def test_dendrogram_is_drawn_and_has_scipys_numbers():
    pytest.importorskip("matplotlib")
    data = noise(30, 3)
    tree = dendrogram(data, linkage="complete")
    expected = sch.linkage(data.sortby("sample").values, "complete")
    for name, column in zip(("left", "right", "height", "size"), expected.T, strict=True):
        np.testing.assert_allclose(tree[name], column)
    figure = dendrogram_figure(tree, clusters=3)
    assert figure.axes[0].collections, "branches are drawn"
    with pytest.raises(ValueError, match="single sample"):
        dendrogram_figure(dendrogram(noise(1)))


def test_dbscan_is_scikit_learns():
    data = noise(50, 2)
    expected = DBSCAN(eps=0.4, min_samples=3).fit_predict(data.values)
    found = dbscan(data, eps=0.4, min_samples=3)
    assert adjusted_rand_score(found.cluster[0], expected) == 1.0 and list(found.clustering.values) == ["dbscan-0.4"]
    np.testing.assert_array_equal(found.cluster[0] == -1, expected == -1)


def test_linkages_say_what_they_cannot():
    with pytest.raises(ValueError, match="linkage must be one of ward, complete"):
        dendrogram(noise(5), linkage="best")
    with pytest.raises(ValueError, match="'ward' is defined for metric 'euclidean' only, got 'cosine'"):
        agglomerative(noise(5), metric="cosine")
