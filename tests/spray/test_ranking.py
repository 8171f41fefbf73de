"""Scores against their formulas and on data where the answer is known; prototypes against brute force."""

import functools

import numpy as np
import pytest
import scipy.linalg
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist
from scipy.stats import multivariate_normal
from sklearn.metrics import adjusted_rand_score, silhouette_score

import spray
from spray import hdbscan, kmeans, recipes, spectral_kmeans
from spray.recipes import from_features
from spray.stages.prototypes import cluster_means, gaussian_prototypes, prototypes
from spray.stages.ranking import attribution_tau, clever_hans, cluster_scores, crossed_tau, eigengap, null_tau, tau
from spray.stages.ranking.separability import RIDGE
from tests.support.spray_data import blobs, noise, shuffled


@given(st.integers(2, 5), st.integers(1, 6), st.integers(0, 30))
def test_tau_is_the_mean_squared_canonical_correlation(clusters, features, seed):
    """By the definition, and without the ridge by canonical correlations of data and indicators."""
    rng = np.random.default_rng(seed)
    labels = np.repeat(np.arange(clusters), 12)
    values = rng.normal(size=(len(labels), features)) + rng.normal(size=(clusters, features))[labels]
    groups = [values[labels == k] for k in range(clusters)]
    within = sum((g - g.mean(0)).T @ (g - g.mean(0)) for g in groups) / len(values)
    centre = values.mean(0)
    between = sum(len(g) * np.outer(g.mean(0) - centre, g.mean(0) - centre) for g in groups) / len(values)
    ridge = RIDGE * np.trace(within) / features * np.eye(features)
    count = min(clusters - 1, features)
    ratios = np.sort(np.linalg.eigvals(np.linalg.inv(within + ridge) @ between).real)[::-1][:count]
    assert tau(values, labels) == pytest.approx(np.mean(ratios / (1 + ratios)), abs=1e-9)
    first, second = scipy.linalg.orth(values - centre), scipy.linalg.orth(np.eye(clusters)[labels] - 1 / clusters)
    canonical = np.square(scipy.linalg.svdvals(first.T @ second)).sum() / count
    assert tau(values, labels) == pytest.approx(canonical, abs=0.01)


def test_tau_of_more_clusters_than_dimensions_is_of_as_many_correlations_as_there_are():
    """20 perfect groups in 8 dimensions have 8 canonical correlations of 1; 19 were counted, which gave 0.42."""
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(20), 10)
    values = 100 * rng.normal(size=(20, 8))[labels] + rng.normal(size=(200, 8))
    assert tau(values, labels) > 0.99


def test_more_parts_than_components_are_said_and_are_clusters(caplog):
    """Bursts of near-duplicates, as of video frames: the graph falls apart, and no sample is a row of zeros."""
    rng = np.random.default_rng(0)
    burst = np.repeat(np.arange(12), 15)
    heat = rng.normal(size=(12, 6, 6))[burst] + 0.01 * rng.normal(size=(180, 6, 6))
    data = xr.Dataset({"relevance": (("sample", "height", "width"), heat)})
    recipe = recipes.spectral(window=None, components=8, embeddings=[], thorough=True)
    found = recipe(data)
    assert "12 parts, more than 8 components" in caplog.text and found.attrs["graph_parts"] == 12
    assert found.attrs["suggested_k"] == 12 and found.attrs["clever_hans"] > 0.5
    assert (np.abs(found.spectral).sum("component") > 0).all()
    parts = found.sel(clustering="parts")
    assert adjusted_rand_score(parts.cluster, burst) == 1 and float(parts.tau) == 1 and np.isnan(parts.null_tau)
    alone = spray.spectral_embedding(spray.symmetric_laplacian(spray.knn_affinity(spray.knn_graph(data.relevance))))
    assert alone.sizes["component"] == 32  # what is asked for, unless every part is


def test_neighbours_components_and_sizes_follow_from_n():
    data = noise(100, 4)
    near = spray.knn_graph(data, neighbors="auto")
    assert near.sizes["rank"] == 5
    laplacian = spray.symmetric_laplacian(spray.knn_affinity(near))
    assert spray.spectral_embedding(laplacian, components="auto").sizes["component"] == 9
    with pytest.raises(ValueError, match="components must be a number or \"auto\", got 'many'"):
        spray.spectral_embedding(laplacian, components="many")
    assert (hdbscan(data, min_cluster_size=0.1).cluster.values == hdbscan(data, min_cluster_size=10).cluster).all()


def test_tau_of_extremes():
    values = noise(40, 4).values
    labels = np.arange(40) % 2
    assert tau(values, np.zeros(40, int)) == 0 and tau(values, np.full(40, -1)) == 0
    assert tau(values + 1e6 * labels[:, None], labels) == pytest.approx(1, abs=1e-3)
    assert tau(np.eye(2)[labels], labels) == 1.0
    with_noise = np.where(np.arange(40) < 10, -1, labels)
    assert tau(values, with_noise) == tau(values[10:], labels[10:])


def test_crossed_tau_is_high_for_what_is_real_and_near_zero_for_what_is_not():
    data, truth = blobs(90, features=20, centres=3, spread=1.0)
    assert crossed_tau(data.values, truth) > 0.95
    guesses = [crossed_tau(noise(90, 20, seed).values, np.arange(90) % 3) for seed in range(8)]
    assert abs(np.mean(guesses)) < 0.15
    assert np.isnan(crossed_tau(data.values, np.zeros(90, int))) and np.isnan(
        crossed_tau(data.values[:3], np.arange(3))
    )


def test_null_tau_shows_that_tau_alone_says_little():
    """On noise tau is what the null model gives, and that is high: one reason not to rank by tau alone."""
    stage = functools.partial(kmeans, clusters=2)
    data, _ = blobs(90, features=20, centres=2, spread=0.5)

    def taus(values):
        laplacian = spray.symmetric_laplacian(spray.knn_affinity(spray.knn_graph(values)))
        embedding = spray.spectral_embedding(laplacian, components=8).spectral
        null = null_tau(values, clusterings=(stage,), components=8, repeats=4)
        return tau(embedding.values, stage(embedding).cluster.values[0]), null

    real, null = taus(noise(90, 20))
    assert float(null.null_tau[0]) > 0.4 and abs(real - float(null.null_tau[0])) < 0.25
    planted, null = taus(data)
    assert planted > float(null.null_tau[0]) and float(null.null_cluster_gap) < 0.2
    xr.testing.assert_identical(null, null_tau(shuffled(data), clusterings=(stage,), components=8, repeats=4))


def test_scores_are_what_they_say():
    data, _ = blobs(60, centres=3)
    both = spray.clustering.combine(kmeans(data, clusters=[2, 3]), hdbscan(data))
    found = cluster_scores(data, both)
    labels = both.cluster.sel(clustering="kmeans-3").values
    row = found.sel(clustering="kmeans-3")
    assert int(row.clusters) == 3 and float(row.noise) == 0
    assert float(row.silhouette) == pytest.approx(silhouette_score(data.values, labels))
    np.testing.assert_allclose(row.share, np.bincount(labels) / 60)
    spread = np.square(data.values - data.values.mean(0)).sum(1).mean()
    inner = [np.square(v - v.mean(0)).sum(1).mean() for v in (data.values[labels == c] for c in range(3))]
    np.testing.assert_allclose(row.compactness, 1 - np.asarray(inner) / spread)
    np.testing.assert_allclose(
        row.peculiar, row.cluster_silhouette * row.compactness * np.minimum(1, 2 * (1 - row.share))
    )
    assert np.isnan(found.share.sel(clustering="kmeans-2").values[2])
    moved = shuffled(data)
    xr.testing.assert_allclose(cluster_scores(moved, both), found)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_scores_of_few_or_equal_samples_are_finite(n):
    for data in (noise(n), noise(n) * 0):
        found = spray.clustering.combine(kmeans(data, clusters=2), hdbscan(data))
        scores = cluster_scores(data, found)
        assert np.isfinite(scores.tau).all() and np.isfinite(scores.silhouette).all()
        hans = clever_hans(scores, eigengap(xr.DataArray([0.0], dims="component")))
        assert float(hans.clever_hans) == 0.0
        assert (prototypes(data, found, count=2).medoid.values >= -1).all()
        assert attribution_tau(data, found).attribution_tau.shape == (2,)


def heatmaps(seed, planted):
    """100 samples; if planted, a third of them have their relevance in a corner."""
    rng = np.random.default_rng(seed)
    heat = 0.6 * rng.normal(size=(100, 8, 8))
    heat[:, 3:6, 3:6] += rng.uniform(0.5, 1.5, size=(100, 1, 1))
    if planted:
        heat[:33] = 0.2 * rng.normal(size=(33, 8, 8))
        heat[:33, :2, :2] += 1
    return heat


def test_the_planted_category_ranks_first_of_ten():
    heat = np.concatenate([heatmaps(c, c == 6) for c in range(10)])
    coords = {"label": ("sample", np.repeat(np.arange(10), 100))}
    data = xr.DataArray(heat, dims=["sample", "height", "width"], coords=coords, name="relevance")
    clusterings = [functools.partial(spectral_kmeans, clusters=range(2, 5)), hdbscan]
    recipe = recipes.spectral(neighbors=10, components=8, clusterings=clusterings, embeddings=[])
    tree = spray.analyse(data, recipe, progress=False)
    scores = {name: node.attrs["clever_hans"] for name, node in tree.children.items()}
    others = [score for name, score in scores.items() if name != "6"]
    assert max(scores, key=scores.__getitem__) == "6" and scores["6"] > 1.5 * max(others)
    found = tree["6"].to_dataset()
    suspect = found.cluster.sel(clustering=found.attrs["suspect_clustering"]) == found.attrs["suspect_cluster"]
    boxed = set(range(600, 633))
    assert set(found.sample.values[suspect.values]) == boxed
    medoids = found.medoid.sel(clustering=found.attrs["suspect_clustering"], number=found.attrs["suspect_cluster"])
    assert set(medoids.values) <= boxed


def test_prototypes_are_the_most_and_the_least_central():
    data = noise(40, 4)
    found = kmeans(data, clusters=3)
    chosen = prototypes(data, found, count=3)
    labels = found.cluster.values[0]
    for cluster in range(3):
        members = data.values[labels == cluster]
        ids = data.sample.values[labels == cluster]
        order = np.argsort(cdist(members, members).sum(1))
        np.testing.assert_array_equal(chosen.medoid[0, cluster], ids[order[:3]])
        np.testing.assert_array_equal(chosen.outlier[0, cluster], ids[order[::-1][:3]])
    xr.testing.assert_identical(chosen, prototypes(shuffled(data), found, count=3))


def test_cluster_means_read_sample_by_sample():
    data = noise(30, 4)
    found = kmeans(data, clusters=3).cluster[0]
    means = cluster_means(shuffled(data), found)
    expected = [data.values[found.values == c].mean(0) for c in range(3)]
    np.testing.assert_allclose(means, expected)
    with pytest.raises(ValueError, match="at least one cluster"):
        cluster_means(data, found * 0 - 1)


def test_gaussian_prototypes_are_the_mixture_of_the_formula():
    data, truth = blobs(90, features=4, centres=3, spread=0.5)
    data = data.rename(feature="concept")
    found = gaussian_prototypes(data, prototypes=3)
    labels = found.cluster.values[0]
    assert len(set(zip(labels, truth, strict=True))) == 3
    density = np.zeros(90)
    for k in range(3):
        members = data.values[labels == k]
        np.testing.assert_allclose(found["mean"][k], members.mean(0), atol=1e-6)
        nearest = data.sample.values[np.argmin(np.square(data.values - members.mean(0)).sum(1))]
        assert int(found.prototype_sample[k]) == nearest
        covariance = np.cov(members.T, bias=True) + 1e-6 * data.values.var() * np.eye(4)
        density += float(found.weight[k]) * multivariate_normal(members.mean(0), covariance).pdf(data.values)
    np.testing.assert_allclose(found.log_likelihood, np.log(density), atol=1e-4)
    np.testing.assert_allclose(found.delta, data.values - found["mean"].values[labels])
    xr.testing.assert_identical(found, gaussian_prototypes(shuffled(data), prototypes=3).sel(sample=data.sample.values))


def test_fewer_samples_make_fewer_prototypes():
    assert gaussian_prototypes(noise(3), prototypes=8).sizes["prototype"] == 3
    assert gaussian_prototypes(noise(3)).sizes["prototype"] == 1
    assert gaussian_prototypes(noise(5) * 0).sizes["prototype"] == 1
    assert np.isfinite(gaussian_prototypes(noise(1)).log_likelihood).all()
    for prototypes_ in (0, "aic"):
        with pytest.raises(ValueError, match="prototypes must be 'bic' or at least 1"):
            gaussian_prototypes(noise(9), prototypes=prototypes_)
    with pytest.raises(ValueError, match="covariance must be one of full"):
        gaussian_prototypes(noise(9), covariance="round")
    with pytest.raises(ValueError, match="count must be at least 1"):
        prototypes(noise(9), kmeans(noise(9)), count=0)


@pytest.mark.parametrize("name", sorted(recipes.RECIPES.keys() - {"text"}))  # of other data: test_kinds.py
def test_every_recipe_runs_prints_and_follows_permutation(name):
    rng = np.random.default_rng(0)
    variable = "hidden" if name in ("concept", "pcx") else "relevance"
    data = xr.Dataset(
        {variable: (("sample", "channel", "height", "width"), rng.normal(size=(30, 6, 4, 4)))},
        {"sample": rng.permutation(300)[:30]},
    )
    options = {"prototypes": 2} if name == "pcx" else {"neighbors": 5, "embeddings": []}
    options |= {"variable": variable} if variable == "hidden" else {}
    if name not in ("pcx", "spectral_hdbscan"):
        options |= {"clusterings": [functools.partial(kmeans, clusters=[2, 3])]}
    recipe = recipes.RECIPES[name](**options)
    found, moved = recipe(data), recipe(shuffled(data))
    assert {"cluster"} <= set(found.data_vars) and str(recipe).startswith(f"{name}:\n  ")
    xr.testing.assert_allclose(found, moved.sel(sample=data.sample.values))


def test_thorough_adds_what_tau_is_worth_and_other_distances_fit_in():
    data = xr.Dataset({"relevance": (("sample", "height", "width"), np.random.default_rng(0).random((30, 8, 8)))})
    stages = {"clusterings": [functools.partial(kmeans, clusters=2)], "embeddings": [], "neighbors": 5, "components": 4}
    found = recipes.spectral(thorough=True, **stages)(data)
    assert {"null_tau", "null_tau_deviation", "attribution_tau"} <= set(found.data_vars)
    assert "null_cluster_gap" in found.attrs
    step = recipes.Step("features", spray.normalize, ("attributions.relevance",), per_sample=True)
    structural = from_features("ssim", [step], distance=spray.ssim_distance, **stages)
    assert "neighbors = nearest(distance, neighbors=5)" in str(structural)
    assert structural(data).neighbor.shape == (30, 5)


def test_many_clusterings_share_one_embedding_through_the_memo(tmp_path):
    rng = np.random.default_rng(0)
    data = xr.DataArray(rng.normal(size=(40, 4, 4)), dims=["sample", "y", "x"], name="relevance")
    for clusters in (2, 3, 4):
        stages = [functools.partial(kmeans, clusters=clusters)]
        recipe = recipes.spectral(neighbors=5, components=4, clusterings=stages, embeddings=[])
        spray.analyse(data, recipe, by=None, memo=tmp_path, progress=False)
    hits = {entry.stage.rpartition(".")[2]: entry.hits for entry in spray.memo.info(tmp_path)}
    assert hits["knn_graph"] == hits["spectral_embedding"] == 2
