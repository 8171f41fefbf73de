"""Maps to a few axes: deterministic, with their samples, and the plain ones equal to their reference."""

import numpy as np
import pytest
import xarray as xr
from sklearn.metrics import silhouette_score

from spray import knn_graph
from spray._optional import optional
from spray.stages import affinity, maps
from tests.support.spray_data import blobs, noise, shuffled

LEARNED = [maps.tsne, maps.pca, maps.lle, maps.isomap, maps.mds]


@pytest.mark.parametrize("stage", LEARNED)
def test_permutation_permutes_and_clusters_stay_apart(stage):
    data, truth = blobs(45, centres=3)
    found = stage(data)
    xr.testing.assert_identical(found, stage(shuffled(data)).sel(sample=data.sample.values))
    assert found.dims == ("sample", "axis") and found.shape == (45, 2)
    if stage is not maps.lle:
        assert silhouette_score(found.values, truth) > 0.6


@pytest.mark.parametrize("stage", [*LEARNED, pytest.param(maps.umap, marks=pytest.mark.slow)])
@pytest.mark.parametrize("n", [1, 2, 3, 4, 6])
def test_few_samples_and_equal_ones(stage, n):
    if stage is maps.umap:
        pytest.importorskip("umap")
    for data in (noise(n), noise(n) * 0):
        found = stage(data)
        assert found.shape == (n, 2) and np.isfinite(found.values).all()


@pytest.mark.slow
def test_umap_is_deterministic_and_keeps_clusters():
    pytest.importorskip("umap")
    data, truth = blobs(60, centres=3)
    found = maps.umap(data)
    xr.testing.assert_identical(found, maps.umap(shuffled(data)).sel(sample=data.sample.values))
    assert silhouette_score(found.values, truth) > 0.6


@pytest.mark.slow
def test_fft_tsne_keeps_clusters():
    pytest.importorskip("openTSNE")
    data, truth = blobs(80, centres=2)
    assert silhouette_score(maps.tsne(data, method="fft").values, truth) > 0.5


def test_principal_components_are_the_singular_vectors():
    data = noise(30, 5)
    centred = data.sortby("sample").values - data.values.mean(0)
    left, scale, _ = np.linalg.svd(centred, full_matrices=False)
    found = maps.pca(data.sortby("sample"), axes=3).values
    np.testing.assert_allclose(np.abs(found), np.abs(left * scale)[:, :3], atol=1e-10)
    white = maps.pca(data, axes=3, whiten=True).values
    np.testing.assert_allclose(white.std(0, ddof=1), 1, atol=1e-10)
    assert maps.pca(noise(10, 2), axes=4).shape == (10, 4)


@pytest.mark.slow
def test_approximate_neighbours_are_nearly_all_of_the_exact_ones(monkeypatch):
    pytest.importorskip("pynndescent")
    data, _ = blobs(600, features=6, centres=5, spread=1.0)
    exact, found = knn_graph(data, neighbors=8), knn_graph(data, neighbors=8, approximate_above=100)
    shared = [len(set(a) & set(b)) for a, b in zip(exact.neighbor.values, found.neighbor.values, strict=True)]
    assert np.mean(shared) / 8 > 0.95
    assert not (found.neighbor == found.sample).any() and (np.diff(found.distance, axis=1) >= 0).all()
    assert exact.neighbor.attrs == exact.distance.attrs == {"search": "exact", "recall": 1.0}
    assert found.neighbor.search.startswith("pynndescent ") and found.neighbor.recall > 0.95
    monkeypatch.setattr(affinity, "TRIED", 600)
    monkeypatch.setattr(affinity, "ENOUGH", 1.01)
    with pytest.warns(UserWarning, match="found .* of the true neighbours of 600 samples"):
        found = knn_graph(data, neighbors=8, approximate_above=100)
    assert found.neighbor.recall == pytest.approx(np.mean(shared) / 8, abs=1e-9)


def test_what_is_missing_is_named(monkeypatch):
    with pytest.raises(ImportError, match=r"fun needs no_such_library .*: pip install no_such_library"):
        optional("no_such_library", purpose="fun")
    with pytest.raises(ValueError, match="axes must be at least 1, got 0"):
        maps.pca(noise(5), axes=0)
    with pytest.raises(ValueError, match="method must be"):
        maps.tsne(noise(5), method="fast")
    monkeypatch.setattr(affinity, "optional", lambda *_, **__: (_ for _ in ()).throw(ImportError("pynndescent")))
    with pytest.raises(ImportError, match="pynndescent"):
        knn_graph(noise(20), approximate_above=10)
