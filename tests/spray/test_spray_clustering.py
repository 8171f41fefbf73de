"""Clusterings find what is there, follow their samples, and number clusters by size."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.metrics import adjusted_rand_score
from spray_data import blobs, noise, shuffled

from spray import hdbscan, kmeans
from spray.clustering import by_size

STAGES = [lambda d: kmeans(d, clusters=[2, 3]), lambda d: hdbscan(d, min_cluster_size=4)]


@pytest.mark.parametrize("stage", STAGES)
def test_permuting_samples_permutes_labels(stage):
    data = noise(40, 3)
    xr.testing.assert_identical(stage(data), stage(shuffled(data)).sel(sample=data.sample.values))


@pytest.mark.parametrize("stage", STAGES)
def test_clear_clusters_are_found(stage):
    data, truth = blobs(60, centres=3, spread=0.1)
    labels = stage(data).cluster.values[-1]
    assert adjusted_rand_score(labels, truth) == 1.0


def test_many_numbers_of_clusters_in_one_call():
    data, _ = blobs(40)
    both = kmeans(data, clusters=range(2, 6), seed=1)
    assert list(both.clustering.values) == ["kmeans-2", "kmeans-3", "kmeans-4", "kmeans-5"]
    assert list(both.parameters.values) == ['{"k": 2}', '{"k": 3}', '{"k": 4}', '{"k": 5}']
    np.testing.assert_array_equal(both.cluster[1], kmeans(data, clusters=3, seed=1).cluster[0])


@pytest.mark.parametrize("n", [1, 2, 3, 7])
@pytest.mark.parametrize("stage", STAGES)
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
