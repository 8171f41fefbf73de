"""An explanation as people see it: each kind drawn, in a notebook and in files; texts are texts."""

import io
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
import torch
from PIL import Image

import lrp
from lrp.drawing import DRAWINGS
from lrp.drawing.raster import pixels
from lrp.explain.explanation import Known
from spray.kinds import KINDS
from tests.lrp.dataset.test_kinds import NETWORKS, samples

SHAPES = {
    "image": (3, 8, 6), "signal": (2, 50), "text": (4,), "table": (14,), "volume": (1, 3, 4, 5),
    "spectrogram": (6, 9), "none": (2, 3),
}  # fmt: skip
TOKENS = [["<script>alert(1)</script>", "good", "]]>", "&amp;"], ["a", "b"]]
RED, BLUE = (255, 0, 0), (0, 0, 255)


def explanation(kind, n=2):
    relevance = torch.randn(n, *SHAPES[kind], generator=torch.Generator().manual_seed(0))
    return lrp.Explanation(torch.tensor([[0.5, 2.0], [1.0, 0.0]])[:n], relevance)


def test_every_kind_has_a_row():
    assert DRAWINGS.keys() == KINDS.keys() == SHAPES.keys()


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("with_inputs", [False, True])
def test_every_kind_is_saved_in_every_format(tmp_path, kind, with_inputs):
    found = explanation(kind)
    options = {"kind": kind, "tokens": TOKENS if kind == "text" else None}
    options |= {"inputs": found.relevance.abs()} if with_inputs else {}
    files = {end: found.save(tmp_path / f"x{end}", **options) for end in (".png", ".svg", ".html")}
    with Image.open(files[".png"]) as picture:
        assert min(picture.size) > 20 and len(picture.convert("RGB").getcolors(10**6)) > 2
    root = ElementTree.parse(files[".svg"]).getroot()
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "title", "rect", "text", "polyline", "line", "image"}
    page = files[".html"].read_text(encoding="utf-8")
    assert page.count("<img") == 2 and "class 1: 2" in page and "<script>" not in page
    if kind == "text":
        texts = {element.text for element in root.iter()}
        assert texts >= {"<script>alert(1)</script>", "good", "]]>"}


@pytest.mark.parametrize("kind", ["signal", "text"])
def test_the_operator_says_what_a_notebook_shows(kind):
    model, shape = NETWORKS[kind]
    x = samples(kind, shape, 3)
    found = lrp.explainer(model.eval(), x[:1], lrp.composites.epsilon_plus())(x)
    output, relevance = found
    assert isinstance(found, lrp.Explanation) and output is found.output and relevance is found.relevance
    shown = found._repr_html_()
    assert shown == found.show(kind=kind)._repr_html_()
    assert shown.count("data:image/") == 3 and f"class {int(output[0].argmax())}: {output[0].max():.3g}" in shown


def test_axes_are_drawn_in_the_order_of_their_kind():
    relevance = torch.randn(1, 8, 6, 3)
    last = Known.of(lrp.Explanation(torch.zeros(1, 2), relevance), [("height", "width", "channel")])
    first = lrp.Explanation(torch.zeros(1, 2), relevance.movedim(-1, 1)).show(kind="image")
    assert last.show().drawings == first.drawings


def test_what_is_strongest_is_red():
    found = lrp.Explanation(torch.zeros(1, 2), torch.tensor([[[0.0, 0, 1, 0], [0.0, -1, 0, 0]]])).show(kind="signal")
    picture = pixels(found.drawings[0])
    width, height = picture.size
    assert picture.getpixel((int(0.62 * width), height // 4)) == RED
    assert picture.getpixel((int(0.37 * width), 3 * height // 4)) == BLUE


def test_an_image_is_the_heatmap():
    found = explanation("image", 1)
    drawn = np.asarray(Image.open(io.BytesIO(found.show(kind="image").drawings[0])).convert("RGB"))
    wanted = np.asarray(lrp.heatmap.heatmap(found.relevance, enlarge=16).convert("RGB"))
    np.testing.assert_array_equal(drawn, wanted)


@pytest.mark.parametrize(
    ("kind", "relevance"),
    [
        ("signal", torch.zeros(1, 2, 1)),  # a constant channel, one step in time
        ("volume", torch.ones(1, 1, 1, 4, 4)),  # one slice
        ("table", torch.full((1, 3), float("nan"))),
    ],
)
def test_little_is_drawn_too(tmp_path, kind, relevance):
    found = lrp.Explanation(torch.zeros(1, 2), relevance)
    assert found.save(tmp_path / "x.png", kind=kind, inputs=relevance).stat().st_size > 100


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "say kind="),
        ({"kind": "sound"}, "one of image"),
        ({"kind": "volume"}, "none of kind volume"),
        ({"kind": "table", "inputs": torch.zeros(2, 3)}, r"inputs have the shape \(2, 3\), relevance \(2, 14\)"),
        ({"kind": "text", "tokens": [["a"]]}, "tokens are of 1 texts, relevance of 2"),
        ({"kind": "text", "tokens": [["a"] * 15, []]}, "tokens of sample 0 are 15 tokens, its relevance is of 14"),
        ({"kind": "text", "tokens": [["a"], []]}, "sample 1 has no token"),
        ({"kind": "text", "tokens": ["a b", "c"]}, "tokens of sample 0 are a text"),
    ],
)
def test_what_does_not_fit_is_said(options, message):
    with pytest.raises(ValueError, match=message):
        explanation("table").show(**options)


def test_what_cannot_be_saved_is_said(tmp_path):
    found = explanation("table")
    with pytest.raises(ValueError, match=r"x.gif must end in .png, .svg, .html"):
        found.save(tmp_path / "x.gif", kind="table")
    names = ["漢字", *"abcdefghijklm"]
    with pytest.raises(ValueError, match=r"the font of .png lacks .* save it as .svg or .html"):
        lrp.Explanation(found.output[:1], torch.arange(14.0, 0, -1)[None]).save(
            tmp_path / "x.png", kind="table", feature_name=names
        )
    assert not list(tmp_path.iterdir())


def test_one_of_several_inputs_is_drawn():
    found = lrp.Explanation(torch.zeros(1, 2), {"a": torch.ones(1, 3), "b": None, "c": torch.ones(1, 4)})
    with pytest.raises(ValueError, match="say draw=, one of the inputs that receive relevance: a, c"):
        found.show(kind="table")
    assert "feature 3" in found.show(kind="table", draw="c").drawings[0].decode()
    assert found._repr_html_().startswith("<pre>")
