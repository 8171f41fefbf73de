"""`lrp-viewer arrays.npz`: a file of arrays is imported, analysed and found again."""

import numpy as np
import pytest

from spray import store
from viewer.arrays import projects_of
from viewer.projects import open_projects


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "lrp-spray"


def test_a_file_of_arrays_is_a_project_and_found_again(tmp_path, cache, capsys):
    file = tmp_path / "found.npz"
    relevance = np.random.default_rng(0).normal(size=(30, 4)) + 9 * np.eye(4)[np.arange(30) % 2]
    np.savez(file, relevance=relevance, kind="table", label=np.zeros(30, int), method="SHAP")
    [folder, other] = projects_of([str(file), "other"])
    assert other == "other" and str(cache) in folder and f"{file} is the project {folder}" in capsys.readouterr().err
    project = open_projects([folder])[store.read_project(folder)["name"]]
    assert not project.error and project.analyses["spectral"] == ("0",)
    assert projects_of([str(file)]) == [folder] and len(list(cache.iterdir())) == 1


def test_given_embeddings_are_shown_as_they_are(tmp_path, cache):
    np.savez(tmp_path / "found.npz", embedding=np.ones((5, 2)), clustering=np.arange(5))
    [folder] = projects_of([str(tmp_path / "found.npz")])
    assert store.analyses(folder) == ["given"] and cache.is_dir()


@pytest.mark.parametrize("content", [b"", b"no arrays"])
def test_what_is_no_file_of_arrays_is_said_in_a_line(tmp_path, cache, capsys, content):
    (tmp_path / "broken.npz").write_bytes(content)
    with pytest.raises(SystemExit) as ended:
        projects_of([str(tmp_path / "broken.npz")])
    assert ended.value.code == 1 and "is no file of numpy.savez" in capsys.readouterr().err
    with pytest.raises(SystemExit, match=r"lrp-viewer: .*none\.npz cannot be read: No such file"):
        projects_of([str(tmp_path / "none.npz")])
    assert not cache.exists()
