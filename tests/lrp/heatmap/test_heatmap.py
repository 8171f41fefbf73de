"""Heatmaps: places, palettes, grids, overlays and files."""

import warnings

import numpy as np
import pytest
import torch
import xarray as xr
from PIL import Image
from torch.testing import assert_close

import lrp
from lrp import colormap
from lrp._torchvision import torchvision
from lrp.explain.explanation import Explanation
from lrp.heatmap import Scaling, colour_bar, figure, grid, heatmap, heatmaps, overlay, places, recolour, save

torchvision()
zennit_cmap = pytest.importorskip("zennit.cmap")
zennit_image = pytest.importorskip("zennit.image")

SOURCES = [
    *("000,f00,ff0,fff", "000,00f,0ff", "0ff,00f,80:000,f00,ff0,fff", "00f,80:fff,f00", "0055a4,80:fff,ef4135"),
    *("7:000, 9:ffffff", "fff, 8 : f00, 8:00f, 000", "40:f00,c0:00f", "000,fff,", "123456,abc,80:fedcba,fff,0f0"),
]
INVALID = ["this", "fff", ",,,", "111:111:111", "fffff,fffff", "f,f", "fffffffff", "ff:", "ff:fff,00:000"]


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("level", [1.0, 2.0, 0.5])
def test_palettes_are_zennits_bit_for_bit(source, level):
    np.testing.assert_array_equal(colormap.palette(source, level), zennit_cmap.ColorMap(source).palette(level))


@pytest.mark.parametrize("name", sorted(zennit_image.CMAPS))
def test_zennits_names(name):
    np.testing.assert_array_equal(colormap.palette(name), zennit_image.palette(name))


@pytest.mark.parametrize("source", INVALID)
def test_what_zennit_refuses_is_refused(source):
    with pytest.raises(RuntimeError):
        zennit_cmap.ColorMap(source)
    with pytest.raises(ValueError, match=r"is not a colour map|positions must ascend"):
        colormap.palette(source)


def test_names_of_virelay_and_matplotlib():
    for name in (*colormap.NAMES, "viridis", "matplotlib:seismic"):
        assert colormap.palette(name).shape == (256, 3)


def test_symmetric_scale():
    found = places(torch.tensor([[-2.0, 0.0], [1.0, 2.0]]))
    assert found.tolist() == [[[0, 128], [191, 255]]]
    assert places(torch.tensor([[0.0, 1.0], [2.0, 4.0]]), Scaling(symmetric=False)).tolist() == [[[0, 64], [128, 255]]]


def test_scaling_by_each_by_batch_and_fixed():
    maps = torch.stack([torch.full((1, 2, 2), 1.0), torch.full((1, 2, 2), 4.0)])
    assert places(maps)[:, 0, 0].tolist() == [255, 255]
    assert places(maps, Scaling("batch"))[:, 0, 0].tolist() == [159, 255]
    assert places(maps, Scaling(8.0))[:, 0, 0].tolist() == [143, 191]
    assert places(maps, Scaling((0.0, 4.0)))[:, 0, 0].tolist() == [64, 255]


def test_percentile_leaves_outliers_out():
    values = torch.arange(101.0)[None]
    values[0, 100] = 1e6
    assert places(values, Scaling(percentile=99))[0, 0, 99] == 255
    assert places(values)[0, 0, 99] == 128


@pytest.mark.parametrize("value", [0.0, 3.0, -3.0])
@pytest.mark.parametrize("symmetric", [True, False])
def test_map_without_contrast_has_the_neutral_colour_and_no_warning(value, symmetric):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = heatmap(torch.full((3, 4, 4), value), scaling=Scaling(symmetric=symmetric))
    constant_sign = value and symmetric
    assert np.asarray(found.convert("RGB"))[0, 0].tolist() == (
        [255, 255, 255] if not constant_sign else [255, 0, 0] if value > 0 else [0, 0, 255]
    )


def test_what_is_not_finite_is_neutral():
    found = places(torch.tensor([[torch.nan, torch.inf], [1.0, -1.0]]))
    assert found.tolist() == [[[128, 128], [255, 0]]]


def test_channels_are_summed_and_inputs_of_any_kind_agree():
    relevance = torch.randn(2, 3, 5, 4)
    wanted = places(relevance)
    named = xr.DataArray(relevance.numpy(), dims=["sample", "channel", "height", "width"])
    for same in (relevance.numpy(), named, relevance.sum(1, keepdim=True)):
        np.testing.assert_array_equal(places(same), wanted)
    np.testing.assert_array_equal(places(relevance[1]), wanted[1:])
    with pytest.raises(ValueError, match=r"relevance must be .* got \(5,\)"):
        places(torch.randn(5))


def test_picture_is_recoloured_without_recomputing():
    relevance = torch.randn(3, 6, 7)
    picture = heatmap(relevance, "bwr")
    assert picture.mode == "P" and picture.size == (7, 6)
    other = recolour(picture, "coldnhot")
    np.testing.assert_array_equal(np.asarray(other), np.asarray(picture))
    np.testing.assert_array_equal(np.asarray(other.convert("RGB")), colormap.palette("coldnhot")[places(relevance)[0]])
    assert picture.getpalette() == list(colormap.palette("bwr").reshape(-1))
    with pytest.raises(ValueError, match="mode RGB"):
        recolour(picture.convert("RGB"), "hot")


def test_places_agree_with_zennits_formula_up_to_rounding():
    """Zennit truncates where we round: at most one place of 256 apart."""
    relevance = torch.randn(6, 7).numpy()
    limit = np.abs(relevance).max()
    theirs = ((relevance + limit) / (2 * limit) * 255).clip(0, 255).astype(np.uint8)
    assert np.abs(np.asarray(heatmap(relevance)).astype(int) - theirs.astype(int)).max() <= 1


@pytest.mark.parametrize(("count", "shape"), [(1, (1, 1)), (4, (2, 2)), (5, (2, 3)), (12, (3, 4))])
def test_grid_shape(count, shape):
    found = heatmap(torch.randn(count, 1, 3, 5))
    assert found.size == (shape[0] * 5, shape[1] * 3) and found.mode == "P"


def test_grid_places_and_gaps():
    pictures = heatmaps(torch.randn(3, 1, 2, 2))
    found = np.asarray(grid(pictures, columns=2, gap=1))
    np.testing.assert_array_equal(found[:2, 3:], np.asarray(pictures[1]))
    np.testing.assert_array_equal(found[3:, :2], np.asarray(pictures[2]))
    assert (found[2] == 128).all() and (found[3:, 3:] == 128).all()
    with pytest.raises(ValueError, match="at least one"):
        grid([])
    with pytest.raises(ValueError, match="one size and mode, got 2x2 P, 2x2 RGB"):
        grid([pictures[0], pictures[1].convert("RGB")])


def test_overlay_shows_the_image_where_there_is_no_relevance():
    image = torch.rand(3, 6, 6)
    relevance = torch.zeros(1, 6, 6)
    relevance[0, 0, 0], relevance[0, 5, 5] = 1.0, -1.0
    found = np.asarray(overlay(image, relevance)).astype(float)
    gray = np.einsum("chw,c->hw", image.numpy(), [0.299, 0.587, 0.114]) * 255
    np.testing.assert_allclose(found[2, 2], [gray[2, 2]] * 3, atol=0.51)
    np.testing.assert_allclose(found[0, 0], 0.1 * gray[0, 0] + 0.9 * np.array([255, 0, 0]), atol=0.51)
    assert overlay((image * 255).byte(), torch.randn(1, 3, 3)).size == (6, 6)
    with pytest.raises(ValueError, match="1 images but 2"):
        overlay(image, torch.randn(2, 1, 6, 6))


@pytest.mark.parametrize("suffix", [".png", ".gif", ".webp"])
def test_files_are_lossless(tmp_path, suffix):
    picture = heatmap(torch.randn(3, 9, 8), "coleus", enlarge=3)
    with Image.open(save(tmp_path / f"map{suffix}", picture)) as found:
        np.testing.assert_array_equal(np.asarray(found.convert("RGB")), np.asarray(picture.convert("RGB")))


@pytest.mark.parametrize("suffix", [".gif", ".webp"])
def test_several_pictures_are_animated(tmp_path, suffix):
    with Image.open(save(tmp_path / f"map{suffix}", heatmaps(torch.randn(4, 1, 9, 8)))) as found:
        assert getattr(found, "n_frames", 1) == 4
    with pytest.raises(ValueError, match="holds one picture, got 4"):
        save(tmp_path / "map.png", heatmaps(torch.randn(4, 1, 9, 8)))
    with pytest.raises(ValueError, match="must end in"):
        save(tmp_path / "map.bmp", heatmap(torch.randn(3, 3)))


def test_figure_with_colour_bars(tmp_path):
    pytest.importorskip("matplotlib")
    drawn = figure(torch.randn(3, 1, 4, 4), tmp_path / "maps.svg", titles=["a", "b", "c"])
    assert "<svg" in (tmp_path / "maps.svg").read_text()
    maps, bars = drawn.axes[::2], drawn.axes[1::2]
    assert [axes.get_title() for axes in maps] == ["a", "b", "c"]
    assert [bar.get_ylabel() for bar in bars] == ["relevance"] * 3
    figure(torch.zeros(1, 4, 4))


def test_colour_bar():
    found = np.asarray(colour_bar("hot", width=512, height=2).convert("RGB"))
    assert found.shape == (2, 512, 3)
    np.testing.assert_array_equal(found[0, [0, -1]], colormap.palette("hot")[[0, 255]])


def test_explanation_is_a_pair_that_notebooks_show():
    explanation = Explanation(torch.tensor([[0.5, 2.0], [1.0, 0.0]]), torch.randn(2, 3, 8, 8))
    output, relevance = explanation
    assert output is explanation.output and relevance is explanation.relevance
    html = explanation._repr_html_()
    assert html.count("<img") == 2 and "class 1: 2" in html and "class 0: 1" in html
    assert "and 6 more" in Explanation(torch.zeros(70, 2), torch.randn(70, 1, 2, 2))._repr_html_()
    assert "<pre>" in Explanation(torch.zeros(2, 2), torch.randn(2, 5))._repr_html_()


def test_methods_give_explanations():
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(9, 2)).eval()
    found = lrp.attribution.gradient(model)(torch.randn(2, 1, 3, 3))
    assert isinstance(found, Explanation) and "<img" in found._repr_html_()
    assert_close(found[0], found.output)


@pytest.mark.parametrize("options", [{"limit": "all"}, {"percentile": 0}, {"percentile": 101}])
def test_bad_scaling(options):
    with pytest.raises(ValueError, match="got"):
        Scaling(**options)
