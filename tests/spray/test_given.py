"""Projects from anybody's arrays: right, or a message for each thing that does not fit."""

import numpy as np
import pandas as pd
import pytest
import torch
import xarray as xr
from click.testing import CliRunner

import spray
from spray import store
from spray.cli.group import cli

N = 6
LABEL = np.arange(N) % 2


def written(tmp_path, **given):
    return store.open_attributions(spray.write_arrays(tmp_path / "p", **{"label": LABEL, **given}))


@pytest.mark.parametrize(
    "convert", [np.asarray, torch.as_tensor, lambda x: xr.DataArray(x, dims=["sample", "channel", "time"])]
)
def test_arrays_of_every_library(tmp_path, convert):
    values = np.random.default_rng(0).normal(size=(N, 3, 20))
    kind = None if convert(values).__class__.__name__ == "DataArray" else "signal"
    found = written(
        tmp_path, relevance=convert(values), inputs=convert(values), kind=kind, channel_name=["a", "b", "c"]
    )
    np.testing.assert_allclose(found.relevance, values.astype("f4"))
    assert found.relevance.dims == ("sample", "channel", "time") and found.relevance.attrs["kind"] == "signal"
    assert found.channel_name.values.tolist() == ["a", "b", "c"]


def test_a_table_of_pandas_brings_its_names(tmp_path):
    frame = pd.DataFrame(np.random.default_rng(0).normal(size=(N, 2)), columns=["age", "mass"])
    found = written(tmp_path, relevance=frame.to_numpy(), inputs=frame, unit=["a", "kg"], site=["x", "y"] * 3)
    assert found.feature_name.values.tolist() == ["age", "mass"] and found.relevance.attrs["kind"] == "table"
    assert found.unit.values.tolist() == ["a", "kg"] and found.site.values.tolist() == ["x", "y"] * 3


def test_ragged_texts_are_filled_up(tmp_path):
    token = [["a", "b"], ["c"], ["d", "e", "f"]]
    relevance = [np.array([1.0, 2.0]), torch.tensor([3.0]), [4.0, 5.0, 6.0]]
    found = written(tmp_path, relevance=relevance, token=token, label=["x", "y", "x"])
    assert found.token_text.values.tolist() == [["a", "b", ""], ["c", "", ""], ["d", "e", "f"]]
    assert found.mask.values.tolist() == [[1, 1, 0], [1, 0, 0], [1, 1, 1]]
    assert found.relevance.values.tolist() == [[1, 2, 0], [3, 0, 0], [4, 5, 6]]


def test_channels_last_and_several_methods(tmp_path):
    heat = np.ones((N, 8, 6, 3))
    dims = ("height", "width", "channel")
    found = written(tmp_path, relevance={"captum": heat, "shap": -heat}, dims=dims)
    assert found.relevance.dims == ("sample", *dims)
    assert found.relevance_shap.attrs["method"] == "shap" and (found.relevance_shap == -1).all()


def test_embeddings_and_clusterings_are_kept_as_they_are(tmp_path):
    points, groups = np.random.default_rng(0).normal(size=(N, 4)), np.array([0, 0, 1, 1, -1, -1])
    spray.write_arrays(
        tmp_path / "p",
        embedding={"umap": points[:, :2], "features": torch.as_tensor(points)},
        clustering={"mine": groups, "label": LABEL},
        sample=np.arange(N) + 10,
        inputs=np.ones((N, 8, 9)),
        kind="image",
        label=LABEL,
    )
    found = store.open_analysis(tmp_path / "p", "given")["all"]
    np.testing.assert_allclose(found.umap, points[:, :2].astype("f4"))
    assert found.cluster.sel(clustering="mine").values.tolist() == groups.tolist()
    assert found.sample.values.tolist() == list(range(10, 10 + N))
    kept = store.open_attributions(tmp_path / "p")
    assert "relevance" not in kept and kept.embedding.attrs["kind"] == "none" and kept.image.shape == (N, 8, 9)


def test_embeddings_alone_are_analysed(tmp_path):
    points = np.random.default_rng(0).normal(size=(60, 8)) + 9 * np.eye(8)[np.arange(60) % 2]
    spray.write_arrays(tmp_path / "p", embedding=points, label=np.arange(60) // 30)
    run = CliRunner().invoke(cli, ["analyse", str(tmp_path / "p"), "--embedding", "pca", "--no-memo"])
    assert run.exit_code == 0, run.output
    found = store.open_analysis(tmp_path / "p", "spectral")["0"]
    groups = found.cluster.sel(clustering="spectral-2").values
    assert len(set(groups[::2])) == len(set(groups[1::2])) == 1 and groups[0] != groups[1]


def test_large_samples_are_written_in_parts(tmp_path, monkeypatch):
    monkeypatch.setattr("spray.store.given.BYTES", 1000)
    values = np.random.default_rng(0).normal(size=(N, 100)).astype("f4")
    spray.write_arrays(tmp_path / "p", relevance=values, kind="none")
    assert len(store.parts(tmp_path / "p")) == 3
    np.testing.assert_array_equal(store.open_attributions(tmp_path / "p").relevance, values)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "neither relevance nor an embedding"),
        ({"embedding": np.ones(N)}, r"has the shape \(6,\): give \(sample, axis\)"),
        ({"embedding": np.full((N, 2), np.nan)}, "not finite"),
        ({"embedding": np.ones((N + 1, 2)), "relevance": np.ones((N, 3)), "kind": "table"}, "has 7 samples"),
        ({"embedding": {"cluster": np.ones((N, 2))}}, "means something else"),
        ({"embedding": np.ones((N, 2)), "clustering": ["a"] * N}, "give an integer for each sample"),
        ({"embedding": np.ones((N, 2)), "clustering": [0] * 5}, "'given' has 5 samples"),
        ({"embedding": np.ones((N, 2)), "token": [["a"]] * N}, "token is for texts"),
        ({"relevance": np.ones((N, 3)), "kind": "table", "clustering": LABEL}, "needs an embedding"),
        ({"relevance": np.ones((N, 3, 20))}, "say kind=, one of image"),
        ({"relevance": np.ones(N), "kind": "table"}, "at least one axis behind"),
        ({"relevance": np.ones((0, 3)), "kind": "table"}, "no samples"),
        ({"relevance": np.ones((N, 3)), "kind": "picture"}, "give one of image"),
        ({"relevance": np.ones((N, 3)) * 1j, "kind": "table"}, "holds complex128"),
        ({"relevance": np.full((N, 3), np.nan), "kind": "table"}, "not finite in the samples at 0, 1, 2, 3, 4, ..."),
        ({"relevance": np.ones((N, 8, 9, 3)), "kind": "image"}, "looks like channels last"),
        ({"relevance": np.ones((N, 8, 9, 3)), "dims": ("height", "width")}, "dims name"),
        ({"relevance": np.ones((N, 8)), "kind": "volume"}, "has other axes"),
        ({"relevance": np.ones((N, 3)), "kind": "table", "inputs": np.ones((N + 1, 3))}, "inputs|image has 7 samples"),
        ({"relevance": np.ones((N, 3)), "kind": "table", "feature_name": ["a"]}, "1 names, the axis feature has 3"),
        ({"relevance": np.ones((N, 3)), "kind": "table", "channel_name": ["a"]}, "axis channel; these are table"),
        ({"relevance": np.ones((N, 3)), "kind": "table", "label": np.ones(N) / 2}, "integers or names"),
        ({"relevance": np.ones((N, 3)), "kind": "table", "mask": np.ones(N)}, "'mask' is a name of the format"),
        ({"relevance": np.ones((N, 3)), "kind": "table", "font": np.ones((N, 2))}, "one number or name"),
        ({"relevance": np.ones((N, 3)), "kind": "table", "sample": [1] * N}, "more than once"),
        ({"relevance": [[1.0]] * N, "token": ["abc"] * N}, "split it as the model does"),
        ({"relevance": [[1.0]] * N, "token": [[]] * N}, "no token in any sample"),
        ({"relevance": [[1.0, 2.0, 3.0]] * N, "token": [["a"]] * N}, "it has 1 tokens"),
        ({"relevance": {}}, "empty dict"),
    ],
)
def test_what_does_not_fit_is_named(tmp_path, given, message):
    with pytest.raises(store.ProjectError, match=message):
        written(tmp_path, **given)
    assert not (tmp_path / "p" / "attributions").exists()


def test_a_project_is_not_overwritten(tmp_path):
    written(tmp_path, relevance=np.ones((N, 3)), kind="table")
    with pytest.raises(store.ProjectError, match="is a project already"):
        written(tmp_path, relevance=np.ones((N, 3)), kind="table")


def test_from_the_shell(tmp_path):
    file = tmp_path / "found.npz"
    np.savez(file, relevance=np.random.default_rng(0).normal(size=(40, 5)), kind="table", label=np.arange(40) % 2)
    run = CliRunner().invoke(cli, ["import", str(file), str(tmp_path / "p")])
    assert run.exit_code == 0, run.output
    run = CliRunner().invoke(cli, ["analyse", str(tmp_path / "p"), "--embedding", "pca", "--no-memo"])
    assert run.exit_code == 0, run.output
    assert store.read_analysis_index(tmp_path / "p", "spectral").sizes["category"] == 2
    np.savez(file, heat=np.ones((4, 5)))
    run = CliRunner().invoke(cli, ["import", str(file), str(tmp_path / "q")])
    assert "holds heat, but no relevance and no embedding" in run.output
    file.write_bytes(b"PK\x03\x04 nothing")
    with pytest.raises(store.ProjectError, match=r"no file of numpy\.savez"):
        store.read_arrays(file)


def test_a_file_that_declares_more_than_fits_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "found.npz"
    np.savez_compressed(file, relevance=np.zeros((1000, 1000)))
    monkeypatch.setattr("spray.store.netcdf.MEMORY", 1_000_000)
    with pytest.raises(store.ProjectError, match=r"0\.0 GB asked for at once"):
        store.read_arrays(file)
