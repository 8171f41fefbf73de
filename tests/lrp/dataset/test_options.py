"""What attribute_dataset can be asked for: several methods and classes, compact storage, concepts, normalization."""

import pickle
import warnings

import numpy as np
import pytest
import torch
from PIL import Image
from torch.testing import assert_close
from torch.utils.data import Subset

import lrp
from lrp import attribution
from lrp.dataset import NORMALIZATIONS, Kept, Normalization, normalization
from lrp.dataset.manifest import identity
from lrp.dataset.reading.readers.arrays import Arrays
from spray import store
from spray.store import ProjectError
from tests.support.digits import Digits, small_explainer, small_model

SMALL = {"batch_size": 4, "shard_size": 10, "progress": False}
CLOSE = {"rtol": 1e-5, "atol": 1e-6}


@pytest.fixture(scope="module")
def explain():
    return small_explainer()


@pytest.fixture(scope="module")
def images():
    return Digits(13).images


def project(explain, tmp_path, size=13, **options):
    lrp.attribute_dataset(explain, Digits(size), tmp_path / "p", **SMALL | options)
    return store.open_attributions(tmp_path / "p")


def test_several_methods_in_one_pass(explain, tmp_path, images):
    gradient = attribution.gradient(small_model())
    found = project({"lrp": explain, "gradient": gradient}, tmp_path, target="label")
    labels = torch.arange(13) % 3
    np.testing.assert_allclose(found.relevance.values, explain(images, labels)[1], **CLOSE)
    np.testing.assert_allclose(found.relevance_gradient.values, gradient(images, labels)[1], **CLOSE)
    assert found.relevance.attrs["method"] == "lrp" and found.relevance_gradient.attrs["method"] == "gradient"
    settings = store.read_project(tmp_path / "p")["settings"]
    assert settings["method"] == "LRP" and settings["method gradient"]["method"] == "gradient()"
    with pytest.raises(ProjectError, match="method gradient"):
        project({"lrp": explain}, tmp_path, target="label")
    with pytest.raises(ProjectError, match="method gradient"):
        project({"lrp": explain, "gradient": attribution.gradient(small_model(1))}, tmp_path, target="label")


def test_what_a_method_is_made_of_is_told_apart(explain):
    guided = [
        attribution.guided_grad_cam(explain, "1", guided=lrp.explainer(small_model(), torch.zeros(1, 1, 8, 8), rows))
        for rows in (lrp.composites.guided_backprop(), lrp.composites.deconvnet())
    ]
    shap = [attribution.gradient_shap(small_model(), baselines=torch.full((1, 1, 8, 8), v)) for v in (0.0, 1.0)]
    smooth = [attribution.smooth_grad(explain, seed=seed) for seed in (0, 1)]
    for first, second in (guided, shap, smooth):
        assert identity({"": first}) == identity({"": first}) != identity({"": second})


@pytest.mark.parametrize("method", ["explainer", "gradient"])
def test_top_classes(explain, tmp_path, images, method):
    explain = explain if method == "explainer" else attribution.gradient(small_model())
    found = project(explain, tmp_path, target="top2")
    output, relevance = explain(images)
    order = output.argsort(1, descending=True)[:, :2]
    assert found.relevance_each.dims == ("sample", "rank", "channel", "height", "width")
    assert_close(torch.as_tensor(found.explained.values), order)
    np.testing.assert_allclose(found.relevance.values, relevance, **CLOSE)
    for rank in range(2):
        np.testing.assert_allclose(found.relevance_each.values[:, rank], explain(images, order[:, rank])[1], **CLOSE)


def test_every_class(explain, tmp_path, images):
    found = project(explain, tmp_path, target="every")
    assert found.relevance_each.dims[:2] == ("sample", "class") and "explained" not in found
    for number in range(3):
        np.testing.assert_allclose(found.relevance_each.values[:, number], explain(images, number)[1], **CLOSE)
    with pytest.raises(ValueError, match="the 4 highest of 3 classes"):
        project(explain, tmp_path / "other", target="top4")


def test_compact_storage(explain, tmp_path, images):
    found = project(explain, tmp_path, keep=Kept(dtype="float16", sum_channels=True, pool=2))
    whole = explain(images)[1]
    pooled = whole.sum(1).reshape(13, 4, 2, 4, 2).sum((2, 4))
    assert found.relevance.dims == ("sample", "height", "width") and found.image.dims[2:] == (
        "image_height",
        "image_width",
    )
    np.testing.assert_array_equal(found.relevance.values, pooled.half().float())
    plain = project(explain, tmp_path / "plain")
    assert plain.relevance.shape == (13, 1, 8, 8)
    with pytest.raises(ProjectError, match="float16"):
        project(explain, tmp_path)
    with pytest.raises(ValueError, match="pool 3 does not divide 8"):
        project(explain, tmp_path / "odd", keep=Kept(pool=3))
    with pytest.raises(ValueError, match="float64"):
        Kept(dtype="float64")


def test_half_precision_that_overflows_names_the_sample(tmp_path):
    def huge(x, target):
        assert target is None
        return x.flatten(1)[:, :3], torch.where(torch.arange(len(x))[:, None, None, None] == 2, 1e6, 1.0) * x

    with pytest.raises(lrp.SampleError, match="sample 2: its relevance is not finite"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        project(huge, tmp_path, keep=Kept(dtype="float16"))


class Tied(torch.nn.Module):
    """A size of the batch in a view ties the traced model to it."""

    def __init__(self):
        super().__init__()
        self.head = torch.nn.Linear(64, 3)

    def forward(self, x):
        return self.head(x.reshape(4, 64))


@pytest.mark.parametrize("target", ["label", "top2"])
def test_model_tied_to_its_batch_size(tmp_path, images, target):
    explain = lrp.explainer(Tied().eval(), images[:4], lrp.composites.epsilon_plus())
    assert explain.program.graph.batch == 4
    found = project(explain, tmp_path, target=target)
    labels = torch.arange(13) % 3
    for start in (0, 4, 9):
        at = slice(start, start + 4)
        wanted = explain(images[at], labels[at] if target == "label" else None)[1]
        np.testing.assert_allclose(found.relevance.values[at], wanted, **CLOSE)
    assert found.sizes["sample"] == 13


def test_concept_vectors(explain, tmp_path, images):
    found = project(explain, tmp_path, concepts=["1", "2"])
    output, pullback = explain.program(explain.weights, images)
    _, hidden = pullback(lrp.explain.seed_of(output, None), at=["1", "2"])
    for layer in ("1", "2"):
        wanted = hidden[layer].relevance.sum((2, 3))
        np.testing.assert_allclose(found[f"concept_{layer}"].values, wanted, **CLOSE)
        assert found[f"concept_{layer}"].dims == ("sample", f"channel_{layer}")
    with pytest.raises(TypeError, match="concepts need an explainer"):
        project(attribution.gradient(small_model()), tmp_path / "g", concepts=["1"])
    with pytest.raises(KeyError, match="nonsense"):
        project(explain, tmp_path / "k", concepts=["nonsense"])


def test_grad_cam_is_stored_without_a_channel(tmp_path):
    model = torch.nn.Sequential(torch.nn.Conv2d(2, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 3))
    cam = attribution.grad_cam(lrp.trace(model.eval(), torch.zeros(1, 2, 8, 8)), "1")
    lrp.attribute_dataset(cam, Arrays(np.random.default_rng(0).random((5, 2, 8, 8))), tmp_path / "p", **SMALL)
    found = store.open_attributions(tmp_path / "p")
    assert found.relevance.dims == ("sample", "height", "width") and found.image.shape == (5, 2, 8, 8)


def test_normalization_happens_inside_and_bytes_are_stored(tmp_path):
    scale = Normalization((0.5,), (0.25,))
    explain = lrp.explainer(
        small_model(), torch.zeros(1, 1, 8, 8), lrp.composites.epsilon_gamma_box(scale.low, scale.high)
    )
    pictures = (torch.rand(6, 1, 8, 8) * 255).round().byte()
    lrp.attribute_dataset(explain, Arrays(pictures.numpy()), tmp_path / "p", normalize=scale, **SMALL)
    found = store.open_attributions(tmp_path / "p")
    assert found.image.dtype == np.uint8
    np.testing.assert_array_equal(found.image.values, pictures)
    np.testing.assert_allclose(found.relevance.values, explain((pictures / 255 - 0.5) / 0.25)[1], **CLOSE)
    assert "low = [-2.0]" in store.read_project(tmp_path / "p")["composite"]


def test_inputs_outside_the_box_warn(tmp_path):
    explain = small_explainer(high=0.5)
    with pytest.warns(UserWarning, match=r"of sample 0 to sample 3 lie outside \[low, high\] of z_box"):
        project(explain, tmp_path, size=4)


@pytest.mark.parametrize("name", NORMALIZATIONS)
def test_bounds_are_black_and_white(name):
    found = normalization(name)
    black, white = (torch.full((1, len(found.mean), 2, 2), value) for value in (0.0, 1.0))
    assert_close(found.low.expand_as(black), found(black))
    assert_close(found.high.expand_as(white), found(white))
    assert_close(found(torch.tensor(found.mean)[None, :, None, None]), torch.zeros_like(found.low))


@pytest.mark.parametrize("text", ["imagenett", "0.5", "0.5:0", "0.5,0.5:0.1", "a:b", ""])
def test_unknown_normalizations_are_errors(text):
    with pytest.raises(ValueError, match=r"mean|normalization"):
        normalization(text)


@pytest.fixture
def pictures(tmp_path):
    """Two classes of two pictures of different sizes."""
    rng = np.random.default_rng(0)
    for name, size in {"dog/b.png": (9, 12), "dog/a.jpg": (20, 10), "cat/c.png": (8, 8), "cat/d.PNG": (8, 30)}.items():
        (tmp_path / "photos" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (*size, 3), dtype=np.uint8)).save(tmp_path / "photos" / name)
    (tmp_path / "photos" / "notes.txt").write_text("not a picture")
    return tmp_path / "photos"


def test_folder_of_pictures(pictures):
    dataset = lrp.open_images(pictures, size=8)
    assert dataset.classes == ["cat", "dog"]
    assert [(label, extra["file"]) for _, label, extra in dataset] == [
        *((0, "cat/c.png"), (0, "cat/d.PNG"), (1, "dog/a.jpg"), (1, "dog/b.png"))
    ]
    exact = np.asarray(Image.open(pictures / "cat/c.png")).transpose(2, 0, 1) / 255
    np.testing.assert_allclose(dataset[0][0], exact, atol=1e-6)
    assert {tuple(image.shape) for image, *_ in dataset} == {(3, 8, 8)}


def test_size_crops_the_middle(tmp_path):
    ramp = np.tile(np.arange(30, dtype=np.uint8), (10, 1))
    Image.fromarray(ramp).save(tmp_path / "ramp.png")
    image, label, _ = lrp.open_images(tmp_path, size=(10, 10))[0]
    assert label == -1
    np.testing.assert_allclose(image[0] * 255, ramp[:, 10:20], atol=1e-3)


def test_unreadable_picture_is_named(pictures, tmp_path):
    (pictures / "cat" / "d.PNG").write_bytes(b"no picture")

    def explain(x, target):
        assert target is None
        return x.flatten(1)[:, :2], x

    dataset = lrp.open_images(pictures, size=8)
    with pytest.raises(lrp.SampleError, match=r"sample 1 \(cat/d.PNG\) cannot be read: UnidentifiedImageError"):
        lrp.attribute_dataset(explain, dataset, tmp_path / "p", **SMALL)
    lrp.attribute_dataset(explain, dataset, tmp_path / "p", errors="skip", **SMALL)
    found = store.open_attributions(tmp_path / "p")
    assert found.file.values.tolist() == ["cat/c.png", "dog/a.jpg", "dog/b.png"]
    assert store.read_project(tmp_path / "p")["label_names"] == ["cat", "dog"]


@pytest.mark.parametrize("suffix", [".npz", ".npy", ".h5", ".nc", ".zarr"])
def test_array_files(tmp_path, suffix):
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (5, 1, 4, 4), dtype=np.uint8), np.arange(5)
    patients = np.array([10, 11, 12, 13, 14])
    file = tmp_path / f"data{suffix}"
    write_arrays(file, images, labels, patients)
    dataset = lrp.open_images(file)
    image, label, extra = dataset[3]
    assert len(dataset) == 5
    np.testing.assert_allclose(image, images[3] / 255, atol=1e-7)
    assert (label, extra) == ((-1, {}) if suffix == ".npy" else (3, {"patient": 13}))


def write_arrays(file, images, labels, patients):
    arrays = {"images": images, "labels": labels, "patient": patients}
    if file.suffix == ".npy":
        np.save(file, images)
    elif file.suffix == ".npz":
        np.savez(file, **arrays)
    elif file.suffix == ".h5":
        h5py = pytest.importorskip("h5py")
        with h5py.File(file, "w") as group:
            group.update(arrays)
    elif file.suffix == ".nc":
        import xarray as xr

        dims = {"images": ("sample", "channel", "height", "width"), "labels": ("sample",), "patient": ("sample",)}
        xr.Dataset({name: (dims[name], array) for name, array in arrays.items()}).to_netcdf(file, engine="netcdf4")
    else:
        zarr = pytest.importorskip("zarr")
        group = zarr.open_group(str(file), mode="w")
        for name, array in arrays.items():
            group[name] = array


@pytest.mark.parametrize(
    ("make", "error"),
    [
        (lambda p: p / "absent", "no file or folder"),
        (lambda p: p, "holds no pictures"),
        (lambda p: _written(p / "x.csv", b"1"), "is no folder and none of"),
        (lambda p: _npz(p / "x.npz", pictures=np.zeros((2, 1, 2, 2))), "one array must be called image"),
        (lambda p: _npz(p / "x.npz", x=np.zeros((2, 1, 2, 2)), y=np.zeros(3, int)), "2 images but 3 labels"),
        (lambda p: f"torchvision:NoSuchSet:{p}", "torchvision.datasets has no NoSuchSet"),
    ],
)
def test_bad_sources(tmp_path, make, error):
    with pytest.raises((ValueError, FileNotFoundError), match=error):
        lrp.open_images(make(tmp_path))


def _written(file, content):
    file.write_bytes(content)
    return file


def _npz(file, **arrays):
    np.savez(file, **arrays)
    return file


def test_torchvision_dataset_of_pil_pictures(explain, tmp_path, images):
    """torchvision's datasets give PIL pictures without a transform; gray ones stay gray."""

    class Fake(Digits):
        def __getitem__(self, index):
            return Image.fromarray((self.images[index, 0] * 255).byte().numpy()), 1

    lrp.attribute_dataset(explain, Subset(Fake(13), range(5)), tmp_path / "p", **SMALL)
    np.testing.assert_allclose(store.open_attributions(tmp_path / "p").image.values, images[:5], atol=1 / 255)


def test_folder_with_other_pictures_is_another_run(pictures, tmp_path):
    def explain(x, target):
        assert target is None
        return x.flatten(1)[:, :2], x

    lrp.attribute_dataset(explain, lrp.open_images(pictures, size=8), tmp_path / "p", **SMALL)
    moved = pictures.rename(tmp_path / "moved")
    lrp.attribute_dataset(explain, lrp.open_images(moved, size=8), tmp_path / "p", **SMALL)
    (moved / "dog" / "a.jpg").rename(moved / "dog" / "aa.jpg")
    with pytest.raises(ProjectError, match="ids: 4 samples"):
        lrp.attribute_dataset(explain, lrp.open_images(moved, size=8), tmp_path / "p", **SMALL)


@pytest.mark.parametrize("suffix", ["folder", ".h5", ".nc", ".npz"])
def test_sources_go_to_other_processes(pictures, tmp_path, suffix):
    """Where processes are spawned, on macOS say, a dataset is pickled."""
    if suffix == "folder":
        source = pictures
    else:
        source = tmp_path / f"data{suffix}"
        write_arrays(source, np.arange(16, dtype=np.uint8).reshape(4, 1, 2, 2), np.arange(4), np.arange(4))
    dataset = lrp.open_images(source, size=8)
    there = pickle.loads(pickle.dumps(dataset))
    assert_close(there[2][0], dataset[2][0])


@pytest.mark.parametrize("keys", [[40, 2, 7], ["x", "y", "z"]])
def test_mapping(explain, tmp_path, images, keys):
    lrp.attribute_dataset(explain, dict(zip(keys, images, strict=False)), tmp_path / "p", **SMALL)
    found = store.open_attributions(tmp_path / "p")
    assert found.sample.values.tolist() == (keys if keys[0] == 40 else [0, 1, 2])
    np.testing.assert_array_equal(found.image.values, images[:3])
