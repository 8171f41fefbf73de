"""Pictures, pixel by pixel: what is stored is what is drawn."""

import io

import numpy as np
import pytest
from PIL import Image

from spray import store
from spray.pictures import images
from tests.support import viewer_projects
from viewer.pictures import Look, largest_of, picture
from viewer.projects import methods, open_projects
from viewer.state import encode


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


def test_pictures_are_lossless(projects):
    project = projects["digits"]
    stored = project.attributions.sel(sample=11)
    assert np.array_equal(pixels(picture(project, 11, "input", Look()))[..., 0], stored.image.values[0])
    heat = pixels(picture(project, 11, "heatmap", Look("gray")))[..., 0].astype(float)
    relevance = stored.relevance.values[0]
    assert np.abs(heat - (relevance / np.abs(relevance).max() + 1) / 2 * 255).max() <= 1
    with pytest.raises(KeyError):
        picture(project, 12, "input", Look())


def test_heatmap_keeps_signs_and_zero():
    """All-negative relevance stays negative, none is the middle, and what is not finite counts as none."""
    negative = images.scaled_relevance(-np.ones((3, 2, 2)), Look())
    assert (negative == -1).all()
    assert (images.scaled_relevance(np.zeros((1, 2, 2)), Look()) == 0).all()
    holes = images.scaled_relevance(np.array([[[np.nan, np.inf], [-2.0, 1.0]]]), Look())
    assert holes.tolist() == [[0, 0], [-1, 0.5]]


def test_percentile_limit_and_gamma():
    relevance = np.linspace(0, 1, 101).reshape(1, 1, 101)
    assert images.scaled_relevance(relevance, Look(percentile=50))[0, 50:].min() == 1
    assert images.scaled_relevance(relevance, Look(limit=2.0)).max() == 0.5
    assert np.allclose(images.scaled_relevance(relevance, Look(gamma=0.5))[0, 25], 0.5)


@pytest.mark.parametrize(
    ("low", "high", "found"), [(0, 0.3, (0, 1)), (-0.9, 0.9, (-1, 1)), (0, 200, (0, 255)), (-2, 2, (-2, 2))]
)
def test_value_range(low, high, found):
    assert images.value_range(np.array([low, high, np.nan], np.float32)) == pytest.approx(found)


def test_overlay_of_another_size_and_one_channel():
    image = images.input_pixels(np.full((1, 8, 8), 100, np.uint8), 0, 255)
    mixed = images.overlay_pixels(image, np.array([[[0.0, 0.0], [0.0, 1.0]]], np.float32), Look("wred"))
    assert mixed.shape == (8, 8, 3) and (mixed[0, 0] == 100).all()
    assert mixed[7, 7, 0] > 200 and mixed[7, 7, 1] < 60


@pytest.mark.parametrize("channels", [1, 2, 3, 5])
def test_any_number_of_channels(tmp_path, channels):
    project = open_projects([str(viewer_projects.write(tmp_path / "p", 8, channels=channels))])["p"]
    for mode in ("input", "overlay", "heatmap"):
        assert pixels(picture(project, 5, mode, Look())).shape == (12, 12, 3)


def test_a_damaged_part_spoils_only_its_pictures(tmp_path):
    path = viewer_projects.write(tmp_path / "p", 9)
    project = open_projects([str(path)])["p"]
    part = path / "attributions" / "part-00001.nc"
    part.write_bytes(part.read_bytes()[:1000])
    assert picture(project, 5, "input", Look())
    with pytest.raises(store.ProjectError):
        picture(project, 5 + 3 * 4, "input", Look())


def test_methods_have_pictures_and_scales_of_their_own(projects):
    project = projects["digits"]
    assert methods(project) == {"relevance": "LRP", "relevance_gradient": "gradient"}
    first, second = (
        pixels(picture(project, 11, "heatmap", Look("gray", method=method))) for method in methods(project)
    )
    assert np.abs(first.astype(int) + second - 255).max() <= 1
    assert largest_of(project, "relevance_gradient", encode(np.array([11])), 100) > 0
