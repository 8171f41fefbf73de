"""CoRelAy's and ViRelAy's HDF5: what is read is what was written, joined by sample id."""

import numpy as np
import pytest
import xarray as xr

import spray
from spray import cli, recipes, store
from spray.virelay import analyses as convert

h5py = pytest.importorskip("h5py")


@pytest.fixture
def foreign(tmp_path):
    """A file as CoRelAy's example script writes it: eigenvalues descend, ids are not rows."""
    rng = np.random.default_rng(0)
    path = tmp_path / "analysis.h5"
    with h5py.File(path, "w") as file:
        for category, n in (("00000003", 9), ("n01440764", 7)):
            group = file.create_group(category)
            group["index"] = rng.permutation(100)[:n].astype(np.uint32)
            spectral = group.create_dataset("embedding/spectral", data=rng.normal(size=(n, 4)).astype(np.float32))
            spectral.attrs["eigenvalue"] = np.asarray([0.9, 0.5, 0.25, 0.0])
            for name, width in (("tsne", 2), ("umap", 2), ("pca", 3)):
                node = group.create_dataset(f"embedding/{name}", data=rng.normal(size=(n, width)).astype(np.float32))
                node.attrs["embedding"], node.attrs["index"] = "spectral", np.asarray([0, 1])
            for k in (2, 3):
                node = group.create_dataset(f"cluster/kmeans-{k:02d}", data=rng.integers(-1, k, n))
                node.attrs["embedding"], node.attrs["k"], node.attrs["index"] = "spectral", k, np.arange(4)
            group["cluster/train_split"] = rng.random(n) < 0.5
    return path


def content(path):
    """Everything in an HDF5 file."""
    found = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, node: found.update({name: (node[()], dict(node.attrs))} if hasattr(node, "shape") else {})
        )
    return found


def test_read_has_our_schema(foreign):
    read = convert.read_hdf5(foreign)
    assert list(read) == ["3", "n01440764"]
    one = read["3"]
    raw = content(foreign)
    np.testing.assert_array_equal(one.sample, raw["00000003/index"][0])
    assert (one.spectral.dims, one.tsne.dims, one.pca.dims) == (
        ("sample", "component"),
        ("sample", "axis"),
        ("sample", "pca_axis"),
    )
    np.testing.assert_array_equal(one.eigenvalue, [0.0, 0.25, 0.5, 0.9])
    np.testing.assert_array_equal(one.spectral, raw["00000003/embedding/spectral"][0][:, ::-1])
    np.testing.assert_array_equal(one.cluster.sel(clustering="kmeans-03"), raw["00000003/cluster/kmeans-03"][0])
    assert one.tsne.attrs["base"] == "spectral" and one.tsne.attrs["base_index"] == [0, 1]


def test_there_and_back_is_the_same_file(foreign, tmp_path):
    convert.write_hdf5(convert.read_hdf5(foreign), tmp_path / "back.h5")
    before, after = content(foreign), content(tmp_path / "back.h5")
    assert before.keys() == after.keys()
    for name, (values, attrs) in before.items():
        np.testing.assert_array_equal(after[name][0], values)
        assert after[name][0].dtype == values.dtype
        assert all(np.array_equal(after[name][1][key], value) for key, value in attrs.items()), name


def test_ours_there_and_back_joins_by_id(tmp_path):
    rng = np.random.default_rng(0)
    coords = {"sample": rng.permutation(500)[:30], "label": ("sample", np.arange(30) % 2)}
    data = xr.DataArray(rng.normal(size=(30, 4, 4)), dims=["sample", "y", "x"], coords=coords, name="relevance")
    tree = spray.analyse(data, recipes.spectral(neighbors=4, components=5), progress=False)
    convert.write_hdf5(tree, tmp_path / "ours.h5")
    back = convert.read_hdf5(tmp_path / "ours.h5")
    for category, found in back.items():
        ours = tree[category].to_dataset()
        shuffled = found.sel(sample=ours.sample.values[::-1])
        np.testing.assert_allclose(shuffled.spectral, ours.spectral[::-1], atol=1e-6)
        np.testing.assert_array_equal(found.cluster.sel(clustering=ours.clustering.values), ours.cluster)
        np.testing.assert_allclose(found.eigenvalue, ours.eigenvalue)
        assert sorted(found.clustering.values) == sorted(ours.clustering.values)


def test_the_command_converts_into_a_project(foreign, tmp_path, capsys):
    store.write_project(tmp_path / "project", name="p")
    cli.main(["convert", str(foreign), str(tmp_path / "project"), "--analysis", "old"])
    assert list(spray.open_analysis(tmp_path / "project", "old")) == ["3", "n01440764"]
    cli.main(["convert", str(tmp_path / "project"), str(tmp_path / "out.h5"), "--analysis", "old"])
    assert content(tmp_path / "out.h5").keys() == content(foreign).keys()
    assert "project: analysis old" in capsys.readouterr().out


def test_the_command_overwrites_no_file_and_asks_for_the_name_of_the_analysis(foreign, tmp_path, capsys):
    store.write_project(tmp_path, name="p")
    before = content(foreign)
    for arguments, message in [
        ([tmp_path, foreign, "--analysis", "spectral"], "exists already: give another name (FROM comes first"),
        ([foreign, tmp_path], "say which analysis of the project the HDF5 file is: --analysis NAME"),
    ]:
        with pytest.raises(SystemExit) as end:
            cli.main(["convert", *map(str, arguments)])
        assert end.value.code == 2 and message in capsys.readouterr().err
    assert content(foreign).keys() == before.keys()


def test_other_files_are_refused(tmp_path):
    (tmp_path / "text.h5").write_text("no")
    with pytest.raises(store.ProjectError, match="cannot be read as HDF5"):
        convert.read_hdf5(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["a/b"] = np.eye(2)
    with pytest.raises(store.ProjectError, match="no sample ids at /a/index"):
        convert.read_hdf5(tmp_path / "other.h5")
    with h5py.File(tmp_path / "twice.h5", "w") as file:
        file["a/index"] = [1, 1]
    with pytest.raises(store.ProjectError, match="more than once"):
        convert.read_hdf5(tmp_path / "twice.h5")
