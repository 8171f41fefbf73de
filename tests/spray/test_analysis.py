"""A recipe on every category: the planted strategy is found, written and read back."""

import functools
import json
import os
import signal

import numpy as np
import pytest
import xarray as xr
from sklearn.metrics import adjusted_rand_score

import spray
from spray import recipes, store


def attributions(n=90, seed=0):
    """Heatmaps of two classes; half of class 1 puts its relevance on a box in the corner."""
    rng = np.random.default_rng(seed)
    label = np.arange(n) % 2
    heat = np.zeros((n, 1, 8, 8), dtype=np.float32)
    heat[:, 0, 3:6, 3:6] = 1
    boxed = (label == 1) & (np.arange(n) % 4 == 1)
    heat[boxed] = 0
    heat[boxed, 0, :2, :2] = 1
    heat += 0.05 * rng.normal(size=heat.shape)
    ids = rng.permutation(5 * n)[:n]
    coords = {"sample": ids, "label": ("sample", label), "label_name": ("class", ["three", "five"])}
    data = {"relevance": (("sample", "channel", "height", "width"), heat), "boxed": ("sample", boxed)}
    return xr.Dataset(data, coords)


RECIPE = recipes.spectral(
    neighbors=5, components=6, clusterings=[recipes.partial(spray.kmeans, clusters=[2, 3]), spray.hdbscan]
)


@pytest.fixture(scope="module")
def tree():
    return spray.analyse(attributions(), RECIPE, progress=False)


def test_the_planted_strategy_is_a_cluster(tree):
    data, found = attributions(), tree["1"].to_dataset()
    boxed = data.boxed.sel(sample=found.sample)
    assert adjusted_rand_score(boxed, spray.kmeans(found.spectral[:, :2]).cluster[0]) == 1.0
    assert found.attrs["suggested_k"] == 2 and found.gap[1] > 2 * tree["0"].gap[1]


def test_the_schema_is_met(tree):
    found = tree["1"].to_dataset()
    dims = {name: found[name].dims for name in found.data_vars}
    assert dims == {
        "spectral": ("sample", "component"),
        "eigenvalue": ("component",),
        "tsne": ("sample", "axis"),
        "cluster": ("clustering", "sample"),
        "neighbor": ("sample", "rank"),
        "distance": ("sample", "rank"),
        "gap": ("component",),
        **dict.fromkeys(["clusters", "noise", "tau", "silhouette"], ("clustering",)),
        **dict.fromkeys(["share", "compactness", "cluster_silhouette", "peculiar"], ("clustering", "number")),
        **dict.fromkeys(["medoid", "outlier"], ("clustering", "number", "place")),
    }
    assert list(found.clustering.values) == ["kmeans-2", "kmeans-3", "hdbscan-5"]
    assert list(found.base.values) == ["embedding.spectral"] * 3
    assert (found.attrs["category"], found.attrs["label"], found.attrs["n"]) == ("1", "five", 45)
    assert found.tsne.attrs["base"] == "embedding.spectral"
    assert json.loads(found.tsne.attrs["parameters"])["perplexity"] == 30.0
    assert "knn_graph(features, neighbors=5" in found.attrs["recipe"]
    assert set(found.neighbor.values.ravel()) <= set(found.sample.values)


def test_saved_and_opened_it_is_the_same(tree, tmp_path):
    store.write_project(tmp_path, name="p")
    spray.save_analysis(tree, tmp_path, name="spectral")
    read = spray.open_analysis(tmp_path, "spectral")
    for category, dataset in read.items():
        xr.testing.assert_equal(dataset, tree[category].to_dataset())
        assert dataset.attrs["eigengap"] == tree[category].attrs["eigengap"]
    index = store.read_analysis_index(tmp_path, "spectral")
    assert list(index.n.values) == [45, 45] and list(index.label.values) == ["three", "five"]
    assert index.eigengap.values.argmax() == 1


def test_lazy_and_in_memory_attributions_agree(tree, tmp_path, monkeypatch):
    data = attributions()
    store.write_project(tmp_path, name="p")
    for number in range(3):
        store.write_part(tmp_path, number, data.isel(sample=slice(number * 30, number * 30 + 30)))
    monkeypatch.setattr("spray.recipes.recipe.BLOCK", 4000)  # many blocks
    lazy = spray.analyse(
        spray.open_attributions(tmp_path), RECIPE, out=tmp_path, memo=tmp_path / "cache", progress=False
    )
    xr.testing.assert_equal(lazy["1"], tree["1"].to_dataset())
    assert list(lazy) == ["0", "1"]
    assert any((tmp_path / "cache").rglob("*.nc"))


def test_storage_order_does_not_matter(tree):
    data = attributions()
    moved = spray.analyse(data.isel(sample=np.random.default_rng(3).permutation(90)), RECIPE, progress=False)
    expected = tree["1"].to_dataset()
    xr.testing.assert_equal(moved["1"].to_dataset().sel(sample=expected.sample.values), expected)


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_tiny_categories(n):
    data = attributions().isel(sample=slice(1, 2 * n, 2))
    found = spray.analyse(data, RECIPE, progress=False)["1"].to_dataset()
    assert found.attrs["n"] == n and found.sizes["component"] == min(6, n) and found.sizes["rank"] == min(5, n - 1)
    assert np.isfinite(found.spectral.values).all() and np.isfinite(found.tsne.values).all()


def test_groups_by_function_by_name_or_not_at_all():
    data = attributions(24)
    quick = recipes.spectral(neighbors=3, components=3, clusterings=[], embeddings=[])
    assert spray.analyse(data, quick, by=None, progress=False)["all"].attrs["n"] == 24
    thirds = spray.analyse(data, quick, by=lambda d: d.sample.values % 3, min_size=2, progress=False)
    assert sum(node.attrs["n"] for node in thirds.children.values()) == 24
    assert list(spray.analyse(data, quick, categories=[1], progress=False)) == ["1"]
    assert list(spray.analyse(data, quick, by="boxed", min_size=10, progress=False)) == ["False"]


def test_bad_requests_are_named():
    data = attributions(20)
    with pytest.raises(ValueError, match="no per-sample coordinate 'colour' to group by: give one of boxed, label or"):
        spray.analyse(data, RECIPE, by="colour", progress=False)
    with pytest.raises(ValueError, match="no sample is of category 7; there are 0, 1"):
        spray.analyse(data, RECIPE, categories=[7], progress=False)
    with pytest.raises(ValueError, match="attributions has no variable 'heat', it has relevance, boxed"):
        spray.analyse(data, recipes.spectral(variable="heat"), progress=False)
    with pytest.raises(ValueError, match="need a dimension 'sample'"):
        spray.analyse(data.rename(sample="row"), RECIPE, progress=False)


def test_a_plain_function_is_a_recipe():
    tree = spray.analyse(
        attributions(), lambda d: d[["boxed"]].mean("sample").assign_attrs(eigengap=0.0), progress=False
    )
    assert float(tree["1"].boxed) == pytest.approx(23 / 45, abs=0.03)


def stored(path, n=90):
    """A project on disk with the attributions in three parts."""
    store.write_project(path, name="p")
    for number in range(3):
        store.write_part(path, number, attributions(n).isel(sample=slice(number * n // 3, (number + 1) * n // 3)))
    return spray.open_attributions(path)


QUICK = recipes.spectral(neighbors=4, components=4, clusterings=[spray.kmeans], embeddings=[])


def killed_once(data, *, marker):
    """QUICK, but the first worker that gets here is killed."""
    if not marker.exists():
        marker.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return QUICK(data)


@pytest.mark.parametrize("how", ["processes", "client"])
def test_processes_and_clusters_give_what_one_process_gives(tmp_path, how):
    data = stored(tmp_path)
    expected = spray.analyse(data, QUICK, progress=False)
    if how == "processes":
        found = spray.analyse(data, QUICK, out=tmp_path, processes=2, progress=False)
    else:
        distributed = pytest.importorskip("dask.distributed")
        local = {"n_workers": 2, "threads_per_worker": 1, "dashboard_address": None}
        with distributed.LocalCluster(**local) as cluster, distributed.Client(cluster) as client:
            killing = functools.partial(killed_once, marker=tmp_path / "killed")
            found = spray.analyse(data, killing, out=tmp_path, client=client, progress=False)
        assert (tmp_path / "killed").exists(), "a worker died in the middle of a category"
    for category in ("0", "1"):
        xr.testing.assert_allclose(found[category], expected[category].to_dataset())
    assert list(store.read_analysis_index(tmp_path, "spectral").n.values) == [45, 45]


def test_what_is_done_is_not_done_again_unless_something_changed(tmp_path):
    data = stored(tmp_path)
    folder = tmp_path / "analyses" / "spectral"

    def times():
        return {file.name: file.stat().st_mtime_ns for file in folder.glob("[01].nc")}

    spray.analyse(data, QUICK, out=tmp_path, progress=False)
    first = times()
    (folder / "1.nc").unlink()
    spray.analyse(spray.open_attributions(tmp_path), QUICK, out=tmp_path, progress=False)
    assert times()["0.nc"] == first["0.nc"] and times()["1.nc"] > first["1.nc"]
    second = times()
    (folder / "0.nc").write_bytes((folder / "0.nc").read_bytes()[:400])
    spray.analyse(data, QUICK, out=tmp_path, progress=False)
    assert times()["0.nc"] > second["0.nc"] and times()["1.nc"] == second["1.nc"]
    third = times()
    spray.analyse(data.assign(relevance=2 * data.relevance), QUICK, out=tmp_path, progress=False)
    fourth = times()
    assert all(fourth[name] > third[name] for name in third)
    other = recipes.spectral(neighbors=3, components=4, clusterings=[spray.kmeans], embeddings=[])
    spray.analyse(data, other, out=tmp_path, progress=False)
    assert all(times()[name] > fourth[name] for name in fourth)


@pytest.mark.parametrize("processes", [1, 2])
def test_a_failing_category_is_recorded_and_the_others_finish(tmp_path, processes):
    data = stored(tmp_path).load()
    bad = data.sample.values[data.label.values == 0][:2]
    data.relevance.loc[{"sample": bad}] = np.nan
    found = spray.analyse(data, QUICK, out=tmp_path, processes=processes, progress=False)
    assert list(found) == ["1"]
    error = store.read_analysis_index(tmp_path, "spectral").error
    assert str(error.sel(category="1").item()) == ""
    assert "ValueError: 2 sample(s) of relevance hold NaN or inf" in str(error.sel(category="0").item())
    tree = spray.analyse(data, QUICK, progress=False)
    assert list(tree) == ["1"] and "NaN" in json.loads(tree.attrs["errors"])["0"]
    spray.analyse(attributions(), QUICK, out=tmp_path, progress=False)
    assert list(store.read_analysis_index(tmp_path, "spectral").error.values) == ["", ""]


def test_an_interrupted_run_is_listed_and_resumed(tmp_path):
    data = stored(tmp_path)

    def interrupted(category):
        if int(category.label[0]) == 1:
            raise KeyboardInterrupt
        return QUICK(category)

    with pytest.raises(KeyboardInterrupt):
        spray.analyse(data, interrupted, out=tmp_path, progress=False)
    assert list(store.read_analysis_index(tmp_path, "spectral").category.values) == ["0"]
    assert list(spray.analyse(data, QUICK, out=tmp_path, progress=False)) == ["0", "1"]


def test_tasks_know_of_their_own_samples_only(tmp_path):
    import pickle

    from spray.store.lazy import compacted

    data = stored(tmp_path)
    some = data.isel(sample=[4, 50, 7], height=slice(2, 5))
    small = pickle.loads(pickle.dumps(compacted(some)))
    np.testing.assert_array_equal(small.relevance.values, some.relevance.values)
    assert small.relevance.variable._data.array.part.size == 3
    assert len(small.relevance.variable._data.array.files) == 2
