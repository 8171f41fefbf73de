"""Spectral embedding against dense eigendecomposition; maps are deterministic and follow their samples."""

import numpy as np
import pytest
import scipy.linalg
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from spray import (
    eigengap,
    knn_affinity,
    knn_graph,
    random_walk_laplacian,
    spectral_embedding,
    symmetric_laplacian,
    tsne,
)
from spray.arrays import graph
from spray.stages import embedding as module
from tests.support.spray_data import blobs, noise, shuffled


def laplacian_of(data, neighbors=6, symmetric="mean", kind=symmetric_laplacian):
    return kind(knn_affinity(knn_graph(data, neighbors=neighbors), symmetric=symmetric))


@settings(max_examples=30, deadline=None)
@given(n=st.integers(1, 60), k=st.integers(1, 8), components=st.integers(1, 70), seed=st.integers(0, 50))
def test_pairs_are_the_smallest_of_the_dense_laplacian(n, k, components, seed):
    """L v = lambda v, V orthonormal and the eigenvalues are the smallest ones: that is all an eigenbasis is."""
    laplacian = laplacian_of(noise(n, 3, seed), k)
    found = spectral_embedding(laplacian, components=components, normalize_rows=False)
    matrix, vectors = graph.to_sparse(laplacian).toarray(), found.spectral.values
    count = min(components, n)
    np.testing.assert_allclose(found.eigenvalue, np.linalg.eigvalsh(matrix)[:count], atol=1e-8)
    np.testing.assert_allclose(matrix @ vectors, vectors * found.eigenvalue.values, atol=1e-7)
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(count), atol=1e-7)


@pytest.mark.parametrize("n", [300, 700])
def test_arpack_agrees_with_the_dense_solver(n):
    laplacian = laplacian_of(noise(n, 5), 10)
    assert n > module.DENSE
    found = spectral_embedding(laplacian, components=12, normalize_rows=False)
    values, vectors = scipy.linalg.eigh(graph.to_sparse(laplacian).toarray(), subset_by_index=[0, 11])
    np.testing.assert_allclose(found.eigenvalue, values, atol=1e-9)
    overlap = np.abs(np.sum(found.spectral.values * vectors, axis=0))
    np.testing.assert_allclose(overlap, 1, atol=1e-6)


def test_lobpcg_steps_in_when_arpack_does_not_converge(monkeypatch):
    laplacian = laplacian_of(noise(400, 4), 10)
    expected = spectral_embedding(laplacian, components=6)

    def fail(*_args, **_kwargs):
        raise module.ArpackNoConvergence("no", np.empty(0), np.empty((0, 0)))

    monkeypatch.setattr(module, "eigsh", fail)
    found = spectral_embedding(laplacian, components=6)
    np.testing.assert_allclose(found.eigenvalue, expected.eigenvalue, atol=1e-7)
    np.testing.assert_allclose(found.spectral, expected.spectral, atol=1e-3)


def test_lobpcg_steps_in_for_narrow_graphs_too(monkeypatch):
    points = xr.DataArray(np.arange(2100.0)[:, None], dims=["sample", "axis"])
    laplacian = laplacian_of(points, 6)
    expected = spectral_embedding(laplacian, components=4, normalize_rows=False)
    asked = []

    def fail(*_args, **_kwargs):
        raise module.ArpackNoConvergence("no", np.empty(0), np.empty((0, 0)))

    def instead(_matrix, guess, **_options):
        asked.append(guess.shape)
        return 1 - expected.eigenvalue.values, expected.spectral.values

    monkeypatch.setattr(module, "eigsh", fail)
    monkeypatch.setattr(module, "lobpcg", instead)
    found = spectral_embedding(laplacian, components=4, normalize_rows=False)
    assert asked == [(2100, 4)]
    np.testing.assert_allclose(found.eigenvalue, expected.eigenvalue, atol=1e-12)


def test_a_ring_has_the_eigenvalues_of_a_circulant():
    """Ten neighbours each: L is a circulant, whose eigenvalues are 1 - mean of cos(2 pi m j / n), j = 1 ... 5, twice.

    Its smallest ones lie within 1e-3 of each other: `python -m bench.spray --curves` prints what that costs.
    """
    n = 4000
    angle = 2 * np.pi * np.arange(n) / n
    points = xr.DataArray(np.stack([np.cos(angle), np.sin(angle)], 1), dims=["sample", "axis"])
    laplacian = laplacian_of(points, 10)
    found = spectral_embedding(laplacian, components=32, normalize_rows=False)
    assert module._profile(graph.to_sparse(laplacian)) <= module.NARROW * n
    m = np.arange(17)[:, None]
    closed = np.sort(np.repeat(1 - np.cos(2 * np.pi * m * np.arange(1, 6) / n).mean(1), 2))[1:33]
    np.testing.assert_allclose(found.eigenvalue.values, closed, atol=1e-12)
    vectors = found.spectral.values
    np.testing.assert_allclose(vectors.T @ vectors, np.eye(32), atol=1e-8)
    matrix = graph.to_sparse(laplacian)
    np.testing.assert_allclose(matrix @ vectors, vectors * closed, atol=1e-9)


@settings(max_examples=2, deadline=None)
@given(n=st.integers(2001, 2100), seed=st.integers(0, 99))
def test_narrow_graphs_are_inverted_and_give_what_the_dense_solver_gives(n, seed):
    rng = np.random.default_rng(seed)
    place = np.sort(rng.uniform(0, 12, n))
    curve = np.stack([place * np.cos(place), place * np.sin(place)], 1) + rng.normal(0, 0.02, (n, 2))
    points = xr.DataArray(curve, dims=["sample", "axis"])
    laplacian = laplacian_of(points, 8)
    matrix = graph.to_sparse(laplacian)
    assert module._profile(matrix) <= module.NARROW * n
    dense = np.linalg.eigvalsh(matrix.toarray())[:12]
    found = spectral_embedding(laplacian, components=12)
    np.testing.assert_allclose(found.eigenvalue.values, np.clip(dense, 0, None), atol=1e-10)


def test_random_walk_vectors_are_eigenvectors_of_the_random_walk():
    laplacian = laplacian_of(noise(50, 3), 5, kind=random_walk_laplacian)
    found = spectral_embedding(laplacian, components=7, normalize_rows=False)
    matrix = graph.to_sparse(laplacian).toarray()
    np.testing.assert_allclose(
        matrix @ found.spectral.values, found.spectral.values * found.eigenvalue.values, atol=1e-8
    )
    np.testing.assert_allclose(np.sort(np.linalg.eigvals(matrix).real)[:7], found.eigenvalue, atol=1e-8)


def test_zeros_count_components_and_vectors_mark_them():
    data, truth = blobs(90, centres=3, spread=0.05)
    found = spectral_embedding(laplacian_of(data, 5), components=5)
    assert found.eigenvalue.attrs["connected_components"] == 3
    assert (found.eigenvalue.values[:3] == 0).all() and found.eigenvalue.values[3] > 0.01
    for centre in range(3):
        assert len(np.unique(found.spectral.values[truth == centre, :3] > 0, axis=0)) == 1
    assert eigengap(found.eigenvalue).suggested_k == 3


def test_isolated_samples_are_components_of_their_own():
    laplacian = laplacian_of(noise(40), 2, "mutual")
    isolated = int((laplacian.degree == 0).sum())
    found = spectral_embedding(laplacian, components=40, normalize_rows=False)
    assert (
        isolated and int((found.eigenvalue < 1e-9).sum()) == found.eigenvalue.attrs["connected_components"] > isolated
    )
    assert np.isfinite(found.spectral.values).all()


def test_rows_have_length_one_and_permutation_permutes_them():
    data = noise(70, 4)
    one, two = (spectral_embedding(laplacian_of(d, 8), components=6) for d in (data, shuffled(data)))
    np.testing.assert_allclose(np.linalg.norm(one.spectral, axis=1), 1, atol=1e-12)
    xr.testing.assert_equal(one, two.sel(sample=data.sample.values))


def test_signs_are_fixed_by_the_largest_entry():
    found = spectral_embedding(laplacian_of(noise(80), 8), components=6, normalize_rows=False)
    entries = found.spectral.values
    assert (entries[np.abs(entries).argmax(0), np.arange(6)] > 0).all()


def test_one_sample_duplicates_and_bad_numbers():
    one = spectral_embedding(laplacian_of(noise(1)))
    assert one.spectral.values.tolist() == [[1.0]] and one.eigenvalue.values.tolist() == [0.0]
    same = spectral_embedding(laplacian_of(noise(20) * 0, 4), components=5)
    assert np.isfinite(same.spectral.values).all()
    with pytest.raises(ValueError, match="components must be at least 1, got 0"):
        spectral_embedding(laplacian_of(noise(5)), components=0)


def test_eigengap_is_the_largest_difference():
    values = np.sort(np.random.default_rng(0).random(20))
    found = eigengap(xr.DataArray(values, dims="component"))
    best = max(range(19), key=lambda k: values[k + 1] - values[k])
    assert (int(found.suggested_k), float(found.eigengap)) == (best + 1, values[best + 1] - values[best])
    alone = eigengap(xr.DataArray([0.0], dims="component"))
    assert (int(alone.suggested_k), float(alone.eigengap)) == (1, 0.0)
    with pytest.raises(ValueError, match="must ascend"):
        eigengap(xr.DataArray([1.0, 0.0], dims="component"))


def test_tsne_follows_samples_seed_and_structure():
    data, truth = blobs(60, centres=2)
    one, again, moved = tsne(data, seed=3), tsne(data, seed=3), tsne(shuffled(data), seed=3)
    xr.testing.assert_identical(one, again)
    xr.testing.assert_identical(one, moved.sel(sample=data.sample.values))
    assert one.dims == ("sample", "axis") and one.shape == (60, 2)
    centre = [one.values[truth == t].mean(0) for t in (0, 1)]
    spread = max(one.values[truth == t].std() for t in (0, 1))
    assert np.linalg.norm(centre[0] - centre[1]) > 2 * spread


@pytest.mark.parametrize("n", [1, 2, 3, 4, 5])
def test_tsne_of_few_samples(n):
    assert np.isfinite(tsne(noise(n)).values).all()
    assert np.isfinite(tsne(noise(n) * 0).values).all()
