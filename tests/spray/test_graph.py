"""Neighbours, affinities and Laplacians against brute force and dense algebra."""

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import csgraph
from scipy.spatial.distance import cdist, pdist

from spray import knn_affinity, knn_graph, random_walk_laplacian, symmetric_laplacian
from spray.arrays import graph
from tests.support.spray_data import noise, shuffled


def dense(edges):
    return graph.to_sparse(edges).toarray()


@settings(max_examples=40, deadline=None)
@given(n=st.integers(1, 40), k=st.integers(1, 15), seed=st.integers(0, 99), distinct=st.integers(1, 40))
def test_neighbours_are_the_nearest_also_among_duplicates(n, k, seed, distinct):
    """Brute force: no other sample is nearer than the last neighbour, and none is the sample itself."""
    data = noise(n, 3, seed)
    data = data.copy(data=data.values[np.arange(n) % distinct])
    found = knn_graph(data, neighbors=k)
    true = cdist(data.values, data.values)
    width = min(k, n - 1)
    assert found.neighbor.shape == (n, width)
    for row, sample in enumerate(data.sample.values):
        others = np.sort(np.delete(true[row], row))[:width]
        np.testing.assert_allclose(found.distance[row], others, atol=1e-7)
        near = found.neighbor[row].values
        assert sample not in near and len(set(near)) == width
        np.testing.assert_allclose(true[row, graph.positions(data.sample.values, near)], others, atol=1e-7)


@pytest.mark.parametrize("metric", ["euclidean", "cityblock", "cosine", "correlation", "chebyshev"])
def test_metrics_are_scipys(metric):
    data = noise(30, 6)
    found = knn_graph(data, neighbors=4, metric=metric)
    true = cdist(data.values, data.values, metric)
    np.fill_diagonal(true, np.inf)
    np.testing.assert_array_equal(found.neighbor.values, data.sample.values[np.argsort(true, 1)[:, :4]])


def test_permuting_samples_permutes_neighbours_and_edges():
    data = noise(40)
    one, two = knn_graph(data, neighbors=6), knn_graph(shuffled(data), neighbors=6)
    xr.testing.assert_identical(two.sel(sample=data.sample.values).drop_vars("distance"), one.drop_vars("distance"))
    a, b = knn_affinity(one), knn_affinity(two)
    rows = graph.positions(b.sample.values, a.sample.values)
    np.testing.assert_array_equal(dense(a), dense(b)[np.ix_(rows, rows)])


@pytest.mark.parametrize("kind", ["mean", "union", "mutual"])
def test_affinity_is_the_matrix_of_the_formula(kind):
    data = noise(25)
    near = knn_graph(data, neighbors=4)
    directed = np.zeros((25, 25))
    for row, ids in enumerate(near.neighbor.values):
        directed[row, graph.positions(data.sample.values, ids)] = 1
    expected = {
        "mean": (directed + directed.T) / 2,
        "union": np.maximum(directed, directed.T),
        "mutual": np.minimum(directed, directed.T),
    }
    np.testing.assert_array_equal(dense(knn_affinity(near, symmetric=kind)), expected[kind])


def test_gaussian_weights():
    data = noise(20)
    near = knn_graph(data, neighbors=3)
    weights = dense(knn_affinity(near, symmetric="union", sigma=1.5))
    true = np.exp(-(cdist(data.values, data.values) ** 2) / (2 * 1.5**2))
    np.testing.assert_allclose(weights[weights > 0], true[weights > 0], rtol=1e-9)
    median = float(np.median(near.distance))
    np.testing.assert_allclose(dense(knn_affinity(near, sigma="median")), dense(knn_affinity(near, sigma=median)))


def test_every_edge_form_is_its_own_matrix():
    rng = np.random.default_rng(0)
    matrix = np.where(rng.random((9, 9)) < 0.4, rng.random((9, 9)), 0)
    ids = rng.permutation(90)[:9]
    np.testing.assert_array_equal(dense(graph.to_edges(graph.sp.csr_array(matrix), ids)), matrix)


@pytest.mark.parametrize("kind", ["mean", "mutual"])
def test_laplacians_are_scipys(kind):
    """Mutual neighbours leave isolated samples: there D^-1/2 is not infinite, and L_ii is 0."""
    edges = knn_affinity(knn_graph(noise(40), neighbors=2), symmetric=kind)
    adjacency = dense(edges)
    expected = csgraph.laplacian(adjacency, normed=True)
    np.testing.assert_allclose(dense(symmetric_laplacian(edges)), expected, atol=1e-12)
    degree = adjacency.sum(1)
    assert kind == "mean" or (degree == 0).any()
    inverse = np.divide(1, degree, out=np.zeros(40), where=degree > 0)
    walk = np.diag((degree > 0).astype(float)) - inverse[:, None] * adjacency
    np.testing.assert_allclose(dense(random_walk_laplacian(edges)), walk, atol=1e-12)


def test_one_sample_and_constant_data():
    one = knn_graph(noise(1))
    assert one.neighbor.shape == (1, 0) and dense(symmetric_laplacian(knn_affinity(one))).tolist() == [[0.0]]
    same = noise(12) * 0 + 1
    found = knn_graph(same, neighbors=3)
    assert (found.distance == 0).all() and not (found.neighbor == found.sample).any()
    assert np.isfinite(dense(symmetric_laplacian(knn_affinity(found, sigma="median")))).all()


def test_bad_input_is_named():
    data = noise(10)
    data[3, 2], data[5, 0] = np.nan, np.inf
    ids = data.sample.values
    with pytest.raises(ValueError, match=rf"2 sample\(s\) of noise hold NaN or inf \({ids[3]}, {ids[5]}\)"):
        knn_graph(data)
    with pytest.raises(ValueError, match="holds no number"):
        knn_graph(noise(5).isel(sample=[]))
    with pytest.raises(ValueError, match="holds no number"):
        knn_graph(noise(5).isel(feature=[]))
    with pytest.raises(ValueError, match="neighbors must be at least 1, got 0"):
        knn_graph(noise(5), neighbors=0)
    with pytest.raises(ValueError, match="dimension 'sample', got"):
        knn_graph(noise(5).rename(sample="row"))
    with pytest.raises(ValueError, match="ids are not unique"):
        knn_graph(noise(5).assign_coords(sample=[1, 1, 2, 3, 4]))
    with pytest.raises(ValueError, match="must hold numbers, got dtype"):
        knn_graph(noise(5).astype(str))
    with pytest.raises(ValueError, match="sigma must be"):
        knn_affinity(knn_graph(noise(5)), sigma=-1.0)
    with pytest.raises(ValueError, match=r"1 id\(s\) are no samples of this graph \(999\)"):
        graph.positions(np.asarray([3, 1]), np.asarray([1, 999]))


def test_distances_agree_with_pdist():
    data = noise(30)
    found = knn_graph(data, neighbors=29)
    assert float(found.distance.sum()) == pytest.approx(2 * pdist(data.values).sum(), rel=1e-12)
