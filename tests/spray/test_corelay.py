"""Side by side with CoRelAy: the same graph and eigenvalues where it is right, our answer where it is not."""

import functools
import warnings

import numpy as np
import pytest
import scipy.sparse as sp
import xarray as xr

from spray import hdbscan, kmeans, knn_affinity, knn_graph, memoize, pool, spectral_embedding, symmetric_laplacian
from spray.arrays import graph
from spray.memo.digest import digest
from spray.stages.distance import distance
from spray.stages.resample import histogram, rescale, resize
from tests.support.spray_data import noise

h5py = pytest.importorskip("h5py")
pytest.importorskip("corelay")

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # it imports umap, which misses TensorFlow
    from corelay.io.hashing import ext_hash
    from corelay.io.storage import HashedHDF5
    from corelay.processor.affinity import SparseKNN
    from corelay.processor.clustering import KMeans
    from corelay.processor.distance import SciPyPDist
    from corelay.processor.embedding import EigenDecomposition
    from corelay.processor.laplacian import SymmetricNormalLaplacian
    from corelay.processor.preprocessing import Pooling


def in_order(data):
    return data.sortby("sample")


@pytest.mark.parametrize("n", [40, 300])
def test_same_graph_and_eigenvalues(n):
    data = in_order(noise(n, 12))
    theirs = SymmetricNormalLaplacian()(SparseKNN(n_neighbors=10)(SciPyPDist()(data.values)))
    edges = knn_affinity(knn_graph(data, neighbors=10))
    laplacian = symmetric_laplacian(edges)
    np.testing.assert_allclose(
        graph.to_sparse(edges).toarray(), SparseKNN(n_neighbors=10)(SciPyPDist()(data.values)).toarray(), atol=1e-8
    )
    normalized = sp.eye_array(n) - graph.to_sparse(laplacian)
    np.testing.assert_allclose(normalized.toarray(), theirs.toarray(), atol=1e-8)
    values = np.sort(EigenDecomposition(n_eigval=8, which="LA")(theirs)[0])
    np.testing.assert_allclose(spectral_embedding(laplacian, components=8).eigenvalue, values, atol=1e-8)


def test_its_default_lets_large_eigenvalues_in_and_ours_does_not():
    """'LM' on D^-1/2 A D^-1/2 takes eigenvalues near -1 as well: those are the largest of L, not the smallest."""
    data = in_order(noise(300, 64))
    theirs = SymmetricNormalLaplacian()(SparseKNN(n_neighbors=3)(SciPyPDist()(data.values)))
    laplacian = symmetric_laplacian(knn_affinity(knn_graph(data, neighbors=3)))
    smallest = np.linalg.eigvalsh(graph.to_sparse(laplacian).toarray())[:32]
    assert np.abs(np.sort(EigenDecomposition(n_eigval=32)(theirs)[0]) - smallest).max() > 0.1
    np.testing.assert_allclose(spectral_embedding(laplacian, components=32).eigenvalue, smallest, atol=1e-8)


def test_duplicates_are_neighbours_and_nobody_is_its_own():
    data = in_order(noise(30, 4))
    data = data.copy(data=data.values[np.arange(30) // 3])
    theirs = SparseKNN(n_neighbors=2, symmetric=False)(SciPyPDist()(data.values))
    assert theirs.diagonal().any(), "what we are better than"
    near = knn_graph(data, neighbors=2)
    assert not (near.neighbor == near.sample).any() and (near.distance == 0).all()


DATA = noise(40, 6).rename(feature="width")
IMAGES = noise(6, 64).values.reshape(6, 1, 8, 8)
IMAGES = xr.DataArray(IMAGES, dims=["sample", "channel", "height", "width"], name="relevance")
P = functools.partial

# every stale result reproduced in CoRelAy's cache: a stage, and two sets of arguments that give different results
CHANGES = {
    "KMeans.kwargs (random_state)": (
        kmeans,
        DATA,
        {"clusters": 7, "restarts": 1, "seed": 0},
        {"clusters": 7, "restarts": 1, "seed": 1},
    ),
    "KMeans.index": (
        lambda d, *, index: kmeans(d[:, index], clusters=3),
        DATA,
        {"index": slice(2)},
        {"index": slice(2, 4)},
    ),
    "EigenDecomposition.which": (
        lambda d, *, which: np.linalg.eigvalsh(d.values.T @ d.values)[which],
        DATA,
        {"which": slice(2)},
        {"which": slice(-2, None)},
    ),
    "SciPyPDist.m_kwargs (p)": (
        distance,
        DATA,
        {"metric": "minkowski", "options": {"p": 1}},
        {"metric": "minkowski", "options": {"p": 3}},
    ),
    "Pooling.pooling_function": (pool, IMAGES, {"reduce": "sum"}, {"reduce": "max"}),
    "Pooling.stride": (pool, IMAGES, {"window": 2}, {"window": 4}),
    "Histogram.bins": (histogram, IMAGES, {"bins": 4}, {"bins": 8}),
    "Resize.width": (resize, IMAGES, {"size": {"width": 4}}, {"size": {"width": 5}}),
    "Rescale.scale": (rescale, IMAGES, {"scale": 0.5}, {"scale": 0.25}),
    "FunctionProcessor's function": (lambda d, *, f: f(d), DATA, {"f": lambda d: d + 1}, {"f": lambda d: d * 100}),
    "children of Sequential": (
        lambda d, *, steps: [step(d) for step in steps],
        DATA,
        {"steps": [np.abs]},
        {"steps": [np.abs, np.sign]},
    ),
    "Shaper.indices": (lambda d, *, indices: d.values[list(indices)], DATA, {"indices": (0, 1)}, {"indices": (1, 2)}),
    "tasks of a Pipeline": (
        lambda d, *, cluster: cluster(d),
        DATA,
        {"cluster": P(kmeans, clusters=2)},
        {"cluster": hdbscan},
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_no_stale_result(case, tmp_path):
    stage, data, one, two = CHANGES[case]
    remembered = memoize(stage, tmp_path)
    first, second = remembered(data, **one), remembered(data, **two)
    assert digest(first) == digest(stage(data, **one)) and digest(second) == digest(stage(data, **two))
    assert digest(first) != digest(second)


def test_classes_of_one_name_in_two_modules_are_two(tmp_path):
    def make(module, factor):
        def stage(x):
            return x * factor

        stage.__module__, stage.__qualname__ = module, "Stage"
        return memoize(stage, tmp_path)

    assert make("one", 2)(3.0) == 6.0
    assert make("two", 5)(3.0) == 15.0


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (np.asarray([1.0, 1.004]), np.asarray([1.009, 1.0])),
        (np.asarray([66], np.uint8), np.asarray([67], np.uint8)),
        (np.asarray([500]), np.asarray([501])),
        (sp.csr_array(0.501 * np.eye(3)), sp.csr_array(0.5 * np.eye(3))),
    ],
    ids=["floats 0.2 % apart", "bytes", "labels", "sparse"],
)
def test_data_that_collide_there_are_told_apart(one, two, tmp_path):
    assert ext_hash(one) == ext_hash(two), "what we are better than"
    remembered = memoize(lambda data: data * 2, tmp_path)
    for data in (one, two):
        assert digest(remembered(data)) == digest(data * 2)


def test_its_cache_gives_a_stale_result_where_ours_does_not(tmp_path):
    with h5py.File(tmp_path / "cache.h5", "a") as file:

        def pooled(function):
            return Pooling(stride=(1, 1, 2, 2), pooling_function=function, io=HashedHDF5(file.require_group("x")))(
                IMAGES.values
            )

        assert np.array_equal(pooled(np.sum), pooled(np.max)), "what we are better than"
    remembered = memoize(pool, tmp_path)
    assert not np.array_equal(remembered(IMAGES, reduce="sum"), remembered(IMAGES, reduce="max"))


def test_same_argument_twice_is_no_miss(tmp_path):
    """There, (x, x) and (x, equal copy) hash differently; here only content counts."""
    x = np.arange(5.0)
    assert digest((x, x)) == digest((x, x.copy())) and digest((x, x)) != digest((x, -x))
    remembered = memoize(lambda a, b: a + b, tmp_path)
    remembered(x, x)
    remembered(x, x.copy())
    assert len(list(tmp_path.rglob("*.nc"))) == 1


def test_sparse_matrices_lists_and_floats_are_remembered(tmp_path):
    for value in (sp.random_array((4, 4), density=0.5, rng=0).tocsr(), [1.5, "a"], 2.5, (np.eye(2), 3)):
        remembered = memoize(lambda data: data, tmp_path)
        assert digest(remembered(value)) == digest(remembered(value)) == digest(value)


def test_k_means_agrees():
    theirs = KMeans(n_clusters=3, kwargs={"random_state": 0, "n_init": 10})(in_order(DATA).values)
    ours = kmeans(in_order(DATA), clusters=3, seed=0).cluster.values[0]
    assert len(set(zip(theirs, ours, strict=True))) == 3
