import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spray.colour.colormap import NAMES, nodes, palette

POSITIONS = {  # the check values of Zennit's own tests
    "000,f00,ff0,fff": [0x00, 0x55, 0xAA, 0xFF],
    "000,00f,0ff": [0x00, 0x7F, 0xFF],
    "0ff,00f,80:000,f00,ff0,fff": [0x00, 0x40, 0x80, 0xAA, 0xD4, 0xFF],
    "7:000, 9:ffffff": [0x00, 0x77, 0x99, 0xFF],
    "000,fff": [0x00, 0xFF],
    "fff, 8 : f00, 8:00f, 000": [0x00, 0x88, 0x88, 0xFF],
    "0000d0,80:d0d0d0,d00000": [0x00, 0x80, 0xFF],
}
ENDS = {  # first, middle (position 128 of 255) and last colour
    "gray": ((0, 0, 0), (128, 128, 128), (255, 255, 255)),
    "wred": ((255, 255, 255), (255, 127, 127), (255, 0, 0)),
    "wblue": ((255, 255, 255), (127, 127, 255), (0, 0, 255)),
    "hot": ((0, 0, 0), (255, 129, 0), (255, 255, 255)),
    "bwr": ((0, 0, 255), (255, 255, 255), (255, 0, 0)),
    "france": ((0, 0x55, 0xA4), (255, 255, 255), (0xEF, 0x41, 0x35)),
    "seismic": ((0, 0, 0xD0), (0xD0, 0xD0, 0xD0), (0xD0, 0, 0)),
    "coolio": ((0, 0xD0, 0xD0), (0xD0, 0xD0, 0xD0), (0xD0, 0, 0xD0)),
    "coleus": ((0, 0xD0, 0), (0xD0, 0xD0, 0xD0), (0xD0, 0, 0xD0)),
    "coldnhot": ((0, 255, 255), (0, 0, 0), (255, 255, 255)),
}
VIRELAY = {  # ViRelAy's colours at -1, -0.5, 0, 0.5, 1
    "gray-red": [(0, 0, 255), (102, 102, 229), (204, 204, 204), (229, 102, 102), (255, 0, 0)],
    "black-green": [(0, 0, 255), (0, 0, 127), (0, 0, 0), (0, 127, 0), (0, 255, 0)],
    "black-fire-red": [(255, 255, 255), (0, 255, 255), (0, 0, 0), (255, 255, 0), (255, 255, 255)],
    "black-yellow": [(0, 0, 255), (0, 0, 127), (0, 0, 0), (127, 127, 0), (255, 255, 0)],
    "blue-white-red": [(0, 0, 255), (127, 127, 255), (255, 255, 255), (255, 127, 127), (255, 0, 0)],
}


@pytest.mark.parametrize("source", POSITIONS)
def test_positions(source):
    assert [position for position, _ in nodes(source)] == POSITIONS[source]


@pytest.mark.parametrize("name", ENDS)
def test_builtin_colours(name):
    assert [tuple(colour) for colour in palette(name)[[0, 128, 255]].tolist()] == list(ENDS[name])


@pytest.mark.parametrize("name", VIRELAY)
def test_virelay_colours(name):
    """The 256 steps straddle 0 and +-0.5, so a colour there is met to within one step of the ramp (4 in 255 of 1/4)."""
    found = palette(name)[[0, 64, 128, 191, 255]].astype(int)
    assert np.abs(found - np.array(VIRELAY[name])).max() <= 5


@pytest.mark.parametrize("name", NAMES)
def test_every_name_is_a_palette(name):
    colours = palette(name)
    assert colours.shape == (256, 3) and colours.dtype == np.uint8
    assert len(np.unique(colours, axis=0)) > 64


@pytest.mark.parametrize(
    "source",
    [
        *("this", "fff", ",,,", "111:111:111", "fffff,fffff", "f,f", "fffffffff", "ff:", "ff:fff,00:000"),
        *("000,,fff", "80:000,40:fff", "", "f ff,00", "000,fff;", "<b>,fff"),
    ],
)
def test_invalid_source_points_at_the_character(source):
    with pytest.raises(ValueError) as error:
        palette(source)
    *_, line, caret = str(error.value).split("\n")
    assert line == f"  {source}" and caret.strip() == "^" and 2 <= caret.index("^") <= len(line)


def test_caret_stands_below_the_fault():
    with pytest.raises(ValueError, match="unexpected 'g'") as error:
        palette("000,fgf")
    *_, line, caret = str(error.value).split("\n")
    assert line[caret.index("^")] == "g"


def test_trailing_comma_and_whitespace_are_accepted():
    assert np.array_equal(palette(" 000 ,\n fff , "), palette("000,fff"))


def test_matplotlib_by_name():
    matplotlib = pytest.importorskip("matplotlib")
    viridis = (matplotlib.colormaps["viridis"](np.arange(256))[:, :3] * 255).round(12).astype(np.uint8)
    assert np.array_equal(palette("viridis"), viridis)
    assert np.array_equal(palette("matplotlib:jet"), palette("jet"))
    assert np.array_equal(palette("matplotlib:seismic"), palette("virelay-seismic"))
    assert np.array_equal(palette("matplotlib:afmhot"), palette("afm-hot"))


def test_unknown_name_lists_the_known():
    with pytest.raises(ValueError, match="gray, wred") as error:
        palette("no_such_map")
    assert "no_such_map" in str(error.value)


def test_without_matplotlib_the_error_says_so(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ValueError, match="pip install matplotlib"):
        palette("matplotlib:magma")


def test_import_needs_neither_torch_nor_matplotlib():
    code = "import sys, spray.colour.colormap as c; c.palette('jet'); print({'torch', 'matplotlib'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "set()"


def test_level():
    steep = palette("bwr", level=2.0)
    assert (steep[:64] == steep[0]).all() and (steep[-64:] == steep[-1]).all()
    assert palette("gray", level=0.5)[[0, 255], 0].tolist() == [63, 191]


colours = st.integers(0, 0xFFFFFF).map("{:06x}".format) | st.integers(0, 0xFFF).map("{:03x}".format)


@given(st.lists(st.tuples(st.integers(0, 255), colours), min_size=2, max_size=6))
def test_written_positions_are_kept_and_met(points):
    points = sorted(points)
    found = nodes(",".join(f"{position:02x}:{colour}" for position, colour in points))
    written = [position for position, _ in points]
    inner = [position for position, _ in found]
    assert inner == sorted(inner) and inner[0] == 0 and inner[-1] == 255
    assert set(written) <= set(inner) <= set(written) | {0, 255}
    table = palette(",".join(f"{position:02x}:{colour}" for position, colour in points))
    for position, colour in found:
        if inner.count(position) == 1:
            assert np.abs(table[position].astype(int) - colour).max() <= 1
