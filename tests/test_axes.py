"""Seconds, hertz, units and millimetres beside what is drawn: through a project and the page's pictures, and through
an explanation that is saved."""

import base64
import io
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch
from PIL import Image

import lrp
import spray
from spray.files import ProjectError
from viewer.pictures import Look, picture
from viewer.pictures.pictures import mean_picture
from viewer.projects import open_projects
from viewer.state import encode

STEPS, RATE, SPIKE = 1000, 250.0, 600  # so the spike is at 2.4 s
SIGNAL = np.zeros((3, 2, STEPS))
SIGNAL[:, 0, SPIKE], SIGNAL[:, 1, 250] = 1.25, -0.5
SAID = {"channel_name": ["I", "V1"], "unit": "mV", "sampling_rate": RATE}


def signal(tmp_path, **said) -> bytes:
    path = spray.write_arrays(tmp_path / "p", inputs=SIGNAL, relevance=SIGNAL, kind="signal", label=[0, 0, 1], **said)
    return picture(open_projects([str(path)])["p"], 1, "overlay", Look())


def saved(tmp_path, **said) -> bytes:
    found = lrp.Explanation(torch.zeros(3, 2), torch.as_tensor(SIGNAL))
    return found.save(tmp_path / "x.svg", kind="signal", inputs=torch.as_tensor(SIGNAL), **said).read_bytes()


def texts(drawing: bytes) -> dict[str, float]:
    """Each text of a drawing's first sample, and how far from the left it stands."""
    root = ElementTree.fromstring(drawing)
    first = next((node for node in root if node.tag.endswith("svg")), root)
    return {str(node.text): float(node.attrib["x"]) for node in first.iter() if node.tag.endswith("text")}


def curve(drawing: bytes) -> list[tuple[float, float]]:
    line = next(node for node in ElementTree.fromstring(drawing).iter() if node.tag.endswith("polyline"))
    return [tuple(map(float, pair.split(","))) for pair in line.attrib["points"].split()]  # type: ignore[misc]


@pytest.mark.parametrize("draw", [signal, saved])
def test_seconds_stand_below_what_happened_then(tmp_path, draw):
    drawing = draw(tmp_path, **SAID)
    said = texts(drawing)
    assert {"0", "1", "2", "3 s", "I", "V1", "1.2 mV", "0.5 mV"} == set(said)
    spike = min(curve(drawing), key=lambda point: point[1])[0]
    seconds = 1 + (spike - said["1"]) / (said["2"] - said["1"])
    assert seconds == pytest.approx(SPIKE / RATE, abs=0.02)


def test_without_a_rate_there_are_no_seconds(tmp_path):
    assert set(texts(signal(tmp_path))) == set()
    assert set(texts(signal(tmp_path / "2", sampling_rate=0.0))) == set()


def test_a_mean_of_signals_has_the_same_axis(tmp_path):
    signal(tmp_path, **SAID)
    project = open_projects([str(tmp_path / "p")])["p"]
    assert {"3 s", "1.2 mV"} <= set(texts(mean_picture(project, encode(np.arange(3)), "", "input", Look())))


def test_a_spectrogram_has_seconds_and_hertz(tmp_path):
    values = np.zeros((3, 8, 50))
    values[:, 5, 20] = 1
    bands = np.arange(1, 9) * 500.0
    given = {"inputs": values, "relevance": values, "kind": "spectrogram", "label": [0, 0, 1]}
    path = spray.write_arrays(tmp_path / "p", **given, sampling_rate=100.0, frequency_hz=bands)
    drawing = picture(open_projects([str(path)])["p"], 1, "input", Look())
    root = ElementTree.fromstring(drawing)
    image = next(node for node in root.iter() if node.tag.endswith("image"))
    left, top, width, height = (float(image.attrib[key]) for key in ("x", "y", "width", "height"))
    said = {
        str(node.text): (float(node.attrib["x"]), float(node.attrib["y"])) for node in root if node.tag[-4:] == "text"
    }
    assert {"1", "2", "3", "4 kHz", "0", "100", "200", "300", "400 ms"} <= set(said)
    # the bright cell is of the band of 3 kHz and at 0.2 s: its pixel, and where the numbers stand
    data = base64.b64decode(image.attrib["href"].partition("base64,")[2])
    pixels = np.asarray(Image.open(io.BytesIO(data)).convert("L"))
    row, column = np.unravel_index(pixels.argmax(), pixels.shape)
    assert said["3"][1] - 3 == pytest.approx(top + (row + 0.5) * height / 8, abs=1)
    assert said["200"][0] == pytest.approx(left + (column + 0.5) * width / 50, abs=1)
    with pytest.raises(ProjectError, match="frequency_hz has 8 names, the axis frequency has 9"):
        wrong = {**given, "inputs": None, "relevance": np.zeros((3, 9, 50))}
        spray.write_arrays(tmp_path / "q", **wrong, frequency_hz=bands)
    found = lrp.Explanation(torch.zeros(3, 2), torch.as_tensor(values))
    assert b"4 kHz" in found.save(tmp_path / "x.svg", kind="spectrogram", frequency_hz=bands).read_bytes()
    assert found.save(tmp_path / "x.png", kind="spectrogram", frequency_hz=bands).stat().st_size > 1000


def test_voxels_are_as_long_as_they_are_in_an_explanation_too():
    relevance = torch.randn(1, 4, 6, 7)
    found = lrp.Explanation(torch.zeros(1, 2), relevance)
    plain = found.show(kind="volume").drawings[0]
    long = found.show(kind="volume", voxel_size=(3.0, 1.0, 1.0)).drawings[0]
    flat, tall = (Image.open(io.BytesIO(drawing)).size for drawing in (plain, long))
    assert tall[1] / tall[0] > flat[1] / flat[0]  # twelve millimetres deep and not four
