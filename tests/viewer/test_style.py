"""Colours that everyone can read: WCAG AA contrast in both themes, groups that differ."""

import re
from pathlib import Path

import numpy as np
import pytest

import viewer
from viewer.scene.points.colours import MOST_COLOURS, SET, automatic, group_colours, packed, scale_colours
from viewer.state.paint import painted, repaint
from viewer.views.parts.plot import LINE_COLOUR, TEXT_COLOUR

STYLE = (Path(viewer.__file__).parent / "static" / "style.css").read_text()
LIGHT, DARK = (
    dict(re.findall(r"--([\w-]+): (#\w{6});", block)) for block in re.findall(r":root.*?\{(.*?)\}", STYLE, re.S)[:2]
)


def luminance(colour: str) -> float:
    channels = np.array([int(colour[at : at + 2], 16) for at in (1, 3, 5)]) / 255
    linear = np.where(channels <= 0.04045, channels / 12.92, ((channels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def contrast(first: str, second: str) -> float:
    low, high = sorted((luminance(first), luminance(second)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("ink", ["text", "quiet", "accent", "alert"])
@pytest.mark.parametrize("paper", ["page", "raised"])
def test_text_has_contrast(theme, ink, paper):
    assert contrast(theme[ink], theme[paper]) >= 4.5


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_text_on_colour_has_contrast(theme):
    assert contrast(theme["on-accent"], theme["accent"]) >= 4.5
    assert contrast(theme["alert"], theme["alert-page"]) >= 4.5


@pytest.mark.parametrize(("dark", "theme"), [(False, LIGHT), (True, DARK)])
def test_plots_have_contrast(dark, theme):
    assert contrast(TEXT_COLOUR[dark], theme["raised"]) >= 4.5 and contrast(LINE_COLOUR[dark], theme["raised"]) >= 4.5


@pytest.mark.parametrize("theme", [LIGHT, DARK], ids=["light", "dark"])
def test_groups_are_seen_on_both_backgrounds(theme):
    assert min(contrast(f"#{colour:06x}", theme["raised"]) for colour in SET) >= 2.1


def test_a_thousand_groups_have_colours_of_their_own():
    colours = group_colours(np.arange(-1, MOST_COLOURS))
    assert len(np.unique(colours, axis=0)) == MOST_COLOURS + 1 == 1025


def test_scales_diverge_from_zero_and_keep_their_ends():
    values = np.array([-1.0, 0.0, 2.0, np.nan])
    low, high, source = automatic(values)
    assert (low, high) == (-2.0, 2.0) and len(np.unique(scale_colours(values, low, high, source), axis=0)) == 4
    assert automatic(np.full(3, np.nan))[:2] == (0.0, 0.0) and automatic(np.array([1.0, 3.0]))[:2] == (1.0, 3.0)
    grey = scale_colours(np.array([-5.0, 0.5, 9.0]), 0.0, 1.0, "000,fff")[:, 0]
    assert grey.tolist() == [0, 128, 255]


def test_groups_can_be_painted_one_by_one():
    text = repaint(repaint("", 3, "#ff0000"), -1, "#00ff00")
    assert painted(text) == {3: (255, 0, 0), -1: (0, 255, 0)} and painted("") == {}
    assert painted(repaint(text, 3, "#000001"))[3] == (0, 0, 1)
    for bad in ("x", "0:red", "0:ff0000,", "0:ff0000;1:ff0000", "0:FF0000 onload=x"):
        with pytest.raises(ValueError, match="colours of groups"):
            painted(bad)


def test_packed_colours_are_red_green_blue_alpha():
    assert packed(np.array([[1, 2, 3]], np.uint8)).tolist() == [0x010203FF]
    assert group_colours(np.array([-1, 0, -1])).shape == (3, 3)
