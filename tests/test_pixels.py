"""What `lrp` draws and what the viewer serves are the same pixels, for `spray.colour.pixels` makes both."""

import numpy as np
import pytest

from lrp import heatmap
from spray.colour import pixels
from spray.pictures.images import Look, heatmap_pixels, overlay_pixels, strip


def drawn(picture):
    return np.asarray(picture.convert("RGB"))


def relevance_of(kind, rng):
    found = rng.normal(size=(3, 32, 32)).astype("float32")
    holes = found.copy()
    holes[0, 3, 4], holes[1, 5, 6], holes[:2, 7, 8] = np.nan, np.inf, (np.inf, -np.inf)
    kinds = {"any": found, "holes": holes, "none": 0 * found, "negative": -np.abs(found), "small": found[:, :9, :7]}
    return (kinds | {"half": found.astype("float16"), "one channel": found[:1], "no channel": found[0]})[kind]


@pytest.mark.parametrize("colour_map", ["bwr", "coldnhot", "virelay-seismic"])
@pytest.mark.parametrize("kind", ["any", "holes", "none", "negative", "small", "half", "one channel", "no channel"])
def test_pictures_are_the_same_everywhere(kind, colour_map):
    rng = np.random.default_rng(0)
    relevance = relevance_of(kind, rng)
    image = rng.integers(0, 256, (3, 32, 32), dtype=np.uint8)
    ours = drawn(heatmap.heatmap(relevance, colour_map))
    np.testing.assert_array_equal(ours, heatmap_pixels(relevance, Look(colour_map)))
    ours = drawn(heatmap.overlay(image, relevance, colour_map))
    np.testing.assert_array_equal(ours, overlay_pixels(np.moveaxis(image, 0, -1), relevance, Look(colour_map)))
    np.testing.assert_array_equal(drawn(heatmap.colour_bar(colour_map)), strip(colour_map))


@pytest.mark.parametrize(
    ("scaling", "look"),
    [(heatmap.Scaling(1.5), Look(limit=1.5)), (heatmap.Scaling(percentile=90), Look(percentile=90))],
)
def test_limits_mean_the_same_everywhere(scaling, look):
    relevance = np.random.default_rng(1).normal(size=(1, 40, 40))
    ours = drawn(heatmap.heatmap(relevance, scaling=scaling))
    np.testing.assert_array_equal(ours, heatmap_pixels(relevance, look))


def test_opacity_follows_relevance_itself():
    """Not its place among 256: relevance and its negative are equally opaque, and none leaves the image alone."""
    signed = np.linspace(-1, 1, 101)[None]
    seen = pixels.overlay(np.full((1, 101), 77.0), signed, "000,000")[0, :, 0]
    np.testing.assert_array_equal(seen, (77 * (1 - 0.9 * np.abs(signed[0]))).round())
    np.testing.assert_array_equal(seen, seen[::-1])


def test_places_are_equal_steps():
    between = (np.arange(255) + 0.5) / 255 * 2 - 1
    assert set(np.diff(pixels.places(between + 1e-9).astype(int))) == {1}
    assert pixels.places(np.array([-1.0, 0.0, 1.0])).tolist() == [0, pixels.NEUTRAL, 255]
