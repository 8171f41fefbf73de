"""ViRelAy's projects: opened as they are, made ours, and back."""

import json

import h5py
import numpy as np
import pytest
import yaml
from PIL import Image
from playwright.sync_api import expect

from spray import store
from spray.store import ProjectError
from spray.virelay.images import fit, image_files
from tests.support import viewer_projects
from viewer.cli import convert
from viewer.cli import serve as serve_command
from viewer.projects import open_projects
from viewer.scene import resolve
from viewer.state import State

WORDNET = ["n01440764", "n01443537"]


@pytest.fixture(scope="module")
def theirs(tmp_path_factory):
    """A project as ViRelAy's own example script lays it out: WordNet ids, groups of samples, ids that are not rows."""
    folder = tmp_path_factory.mktemp("virelay") / "fish"
    folder.mkdir()
    random = np.random.default_rng(1)
    with h5py.File(folder / "dataset.h5", "w") as file:
        for row in range(12):
            file[f"data/{row:04d}"] = random.random((6, 6, 3), dtype=np.float32)
            file[f"label/{row:04d}"] = np.uint16(row % 2)
    with h5py.File(folder / "attribution.h5", "w") as file:
        file["attribution"] = random.normal(size=(8, 3, 6, 6)).astype(np.float32)
        file["prediction"] = random.random((8, 2), dtype=np.float32)
        file["label"] = np.eye(2, dtype=bool)[np.arange(8) % 2]
        file["index"] = np.arange(8, dtype=np.uint32) + 4
    with h5py.File(folder / "analysis.h5", "w") as file:
        for at, name in enumerate(WORDNET):
            file[f"{name}/index"] = np.arange(4, 12, dtype=np.uint32)[at::2]
            spectral = file.create_dataset(f"{name}/embedding/spectral", data=random.random((4, 3), dtype=np.float32))
            spectral.attrs["eigenvalue"] = np.array([1.0, 0.9, 0.2])
            file[f"{name}/embedding/tsne"] = random.random((4, 2), dtype=np.float32)
            file[f"{name}/cluster/kmeans-2"] = np.array([0, 1, 0, 1])
    labels = [{"index": at, "word_net_id": name, "name": f"fish {at}"} for at, name in enumerate(WORDNET)]
    (folder / "labels.json").write_text(json.dumps(labels))
    dataset = {"name": "fish", "type": "hdf5", "path": "dataset.h5", "input_width": 6, "input_height": 6}
    project = {"name": "Fish", "model": "VGG", "label_map": "labels.json", "dataset": dataset}
    project["attributions"] = {"attribution_method": "LRP", "sources": ["attribution.h5"]}
    project["analyses"] = [{"analysis_method": "spectral", "sources": ["analysis.h5"]}]
    (folder / "project.yaml").write_text(yaml.safe_dump({"project": project}))
    return folder / "project.yaml"


def images(project, ids):
    return project.attributions.sel(sample=ids)["image"].values


def test_opened_as_it_is(theirs):
    project = open_projects([str(theirs)])["fish"]
    assert project.error == "" and project.name == "Fish"
    assert project.category_text(WORDNET[1]) == "fish 1 (n01443537)"
    with h5py.File(theirs.parent / "dataset.h5") as file:
        assert np.array_equal(images(project, [7])[0], np.moveaxis(file["data/0007"][:], -1, 0))
    with h5py.File(theirs.parent / "attribution.h5") as file:
        assert np.array_equal(project.attributions["relevance"].sel(sample=7).values, file["attribution"][3])
    scene = resolve({"fish": project}, State())
    assert scene.category.sample.tolist() == [4, 6, 8, 10]
    assert scene.category.eigenvalue.tolist() == [0.2, 0.9, 1.0]


def test_in_the_browser(serve, visit, theirs):
    viewer = visit(at=serve(theirs))
    viewer.page.get_by_role("button", name="Select cluster 1").click()
    viewer.expect_samples([6, 10])
    viewer.settled()
    viewer.page.get_by_role("button", name="Categories").click()
    expect(viewer.page.get_by_role("button", name="fish 1 (n01443537)")).to_be_visible()


def test_made_ours(theirs, tmp_path):
    convert([str(theirs), str(tmp_path / "ours")])
    ours, as_is = open_projects([str(tmp_path / "ours"), str(theirs)]).values()
    ids = as_is.attributions.sample.values
    assert np.array_equal(images(ours, ids), images(as_is, ids))
    assert np.array_equal(ours.attributions["relevance"].values, as_is.attributions["relevance"].values)
    assert store.open_analysis(tmp_path / "ours", "spectral")[WORDNET[0]].cluster.values.tolist() == [[0, 1, 0, 1]]


def test_ours_made_theirs_and_back(tmp_path):
    ours = viewer_projects.write(tmp_path / "ours", 40)
    convert(["--to-virelay", str(ours), str(tmp_path / "theirs")])
    convert([str(tmp_path / "theirs" / "project.yaml"), str(tmp_path / "again")])
    first, second = store.open_attributions(ours), store.open_attributions(tmp_path / "again")
    for name in ("sample", "image", "relevance", "output", "label", "prediction"):
        assert np.array_equal(first[name].values, second[name].values), name
    for name, category in store.open_analysis(ours, "spectral").items():
        back = store.open_analysis(tmp_path / "again", "spectral")[name]
        assert np.array_equal(category.tsne.values, back.tsne.values)
        same = back.cluster.sel(clustering=category.clustering.values)
        assert np.array_equal(category.cluster.values, same.values)


def test_convert_never_overwrites(theirs, tmp_path, capsys):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(SystemExit):
        convert([str(theirs), str(tmp_path)])
    assert "is not empty" in capsys.readouterr().err


@pytest.mark.parametrize(
    "text", ["", "[]", "project: 3", "project: {name: x}", "a: b: c", "!!python/object:os.system {}"]
)
def test_a_foreign_yaml_is_an_error_in_the_page(tmp_path, text):
    (tmp_path / "project.yaml").write_text(text)
    project = next(iter(open_projects([str(tmp_path / "project.yaml")]).values()))
    assert "is no project of ViRelAy" in project.error


def test_image_directory(tmp_path):
    folder = tmp_path / "images"
    (folder / "cat").mkdir(parents=True)
    for at in range(3):
        Image.fromarray(np.full((4 + at, 4, 3), 50 * at, np.uint8)).save(folder / "cat" / f"{at}.png")
    (tmp_path / "labels.json").write_text("[]")
    dataset = {"name": "d", "type": "image_directory", "path": "images", "input_width": 5, "input_height": 5}
    dataset |= {"up_sampling_method": "edge_repeat", "down_sampling_method": "center_crop"}
    project = {"name": "d", "model": "m", "label_map": "labels.json", "dataset": dataset}
    (tmp_path / "project.yaml").write_text(yaml.safe_dump({"project": project}))
    found = next(iter(open_projects([str(tmp_path / "project.yaml")]).values()))
    assert found.attributions["image"].shape == (3, 3, 5, 5)
    assert found.attributions["image"].isel(sample=2).values.min() == 100


def test_a_list_of_paths_cannot_lead_out_of_its_directory(tmp_path):
    (tmp_path / "images").mkdir()
    (tmp_path / "secret.png").write_text("")
    (tmp_path / "images_paths.txt").write_text("images/../secret.png\n")
    with pytest.raises(ProjectError, match="leads out of"):
        image_files(tmp_path / "images")


@pytest.mark.parametrize("up", ["fill_zeros", "fill_ones", "edge_repeat", "mirror_edge", "wrap_around", "resize"])
@pytest.mark.parametrize("down", ["center_crop", "resize"])
@pytest.mark.parametrize("size", [(3, 3), (9, 9), (6, 6)])
def test_sampling_reaches_the_size(up, down, size):
    image = np.full((*size, 3), 7, np.uint8)
    fitted = fit(image, 6, 6, up, down)
    assert fitted.shape == (6, 6, 3) and (fitted[2:4, 2:4] == 7).all()


def test_command_line_of_the_server():
    command = serve_command(["a", "b", "--port", "1", "--prefix", "/x", "--no-show"])
    assert command[3:] == ["--address", "localhost", "--port", "1", "--prefix", "/x", "--args", "a", "b"]
    assert "--show" in serve_command(["a"])
    assert serve_command(["a", "--address", "0.0.0.0"])[5] == "0.0.0.0"
