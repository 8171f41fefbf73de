"""Tokens as coloured text: by the tokenizers' marks, in every format, whatever the tokens say."""

import html as standard
import itertools
import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

import numpy as np
import pytest
import torch

import lrp
from lrp import text
from lrp.colormap import palette
from spray.colour import pixels

FORMATS = {"html": text.html, "svg": text.svg, "latex": text.latex, "terminal": text.terminal}
WRITTEN = {
    "word piece": ["[CLS]", "un", "##believ", "##able", "!", "[SEP]"],
    "sentence piece": ["▁un", "believ", "able", "▁to", "</s>"],
    "byte level": ["un", "believ", "able", "Ġto", "<|endoftext|>"],
    "word end": ["un", "believ", "able</w>", "to</w>", "<|endoftext|>"],
    "goes on": ["un@@", "believ@@", "able", "to", "</s>"],
}
SPECIAL = ["[CLS]", "[SEP]", "</s>", "<|endoftext|>"]
HOSTILE = [
    "<script>alert(1)</script>", '" onmouseover="x', "&lt;", "]]>", "</p>", "\x1b[31m", "\x1b]0;title\x07", "a\x00b",
    "\ud800", "\u202eevil", "\\write18{rm}", "$x$", "%", "{", "}", "#1", "_", "^", "~", "\n", "\r", "\t", "", "𝕏",
]  # fmt: skip
EMOJI, ARABIC, HEBREW = ["👩‍👩‍👧‍👦", "🏳️‍🌈", "é", "漢字"], ["مرحبا", "بالعالم"], ["שלום", "עולם"]


class Shown(HTMLParser):
    """What a reader of a page sees, and which elements and attributes it has."""

    def __init__(self, page):
        super().__init__()
        self.texts, self.tags, self.names = [], set(), set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.names |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize("marks", WRITTEN)
def test_words_are_read_by_the_tokenizers_own_marks(marks):
    found = text.pieces(WRITTEN[marks], special=SPECIAL)
    assert [piece.text for piece in found if not piece.special][:3] == ["un", "believ", "able"]
    words, relevance = text.words(WRITTEN[marks], np.arange(len(WRITTEN[marks]), dtype=float), special=SPECIAL)
    first = int(found[0].special)
    assert words[first] == "unbelievable" and relevance[first] == sum(range(first, first + 3))
    assert relevance.sum() == sum(range(len(WRITTEN[marks])))
    assert found == text.pieces(WRITTEN[marks], special=SPECIAL, marks=marks)


def byte_letters(data):
    """As in byte-level BPE, written another way than in the package."""
    table, more = {}, 0
    for byte in range(256):
        printable = 33 <= byte <= 126 or 161 <= byte <= 172 or 174 <= byte <= 255
        table[byte] = chr(byte) if printable else chr(256 + more)
        more += not printable
    return "".join(table[byte] for byte in data)


@pytest.mark.parametrize("cuts", [[], [3], [1, 2, 3, 7], list(range(1, 40))])
def test_letters_that_are_divided_among_tokens_are_whole(cuts):
    said = "naïve 😀 漢字 x"
    data = said.encode()
    edges = [0, *(cut for cut in cuts if cut < len(data)), len(data)]
    tokens = [byte_letters(data[a:b]) for a, b in itertools.pairwise(edges)]
    found = text.pieces(tokens, marks="byte level")
    assert (
        "".join(" " * (piece.begins and at > 0) + piece.text for at, piece in enumerate(found)).split() == said.split()
    )
    assert [at for piece in found for at in piece.at] == list(range(len(tokens)))


def test_bytes_of_sentence_piece_are_letters():
    found = text.pieces(["▁a", "<0xF0>", "<0x9F>", "<0x98>", "<0x80>", "▁b", "<0xFF>"])
    assert [piece.text for piece in found] == ["a", "😀", "b", "�"]


def test_what_does_not_fit_is_said():
    with pytest.raises(ValueError, match="marks must be one of"):
        text.pieces(["a"], marks="wordpiece")
    with pytest.raises(TypeError, match="convert_ids_to_tokens"):
        text.pieces([3, 4])  # pyright: ignore[reportArgumentType]
    with pytest.raises(ValueError, match=r"relevance of 2 tokens is \(2,\)"):
        text.html(["a", "b"], np.zeros(3))
    with pytest.raises(ValueError, match="1 names for 2 rows"):
        text.html(["a"], np.zeros((2, 1)), rows=["x"])


@pytest.mark.parametrize("draw", FORMATS.values(), ids=FORMATS)
def test_colours_are_those_of_a_picture_of_the_same_numbers(draw):
    values = np.array([1.0, -0.5, 0.25, 0.0, np.nan])
    wanted = palette("bwr")[pixels.places(pixels.scaled(values, -1, 1))]
    drawn = draw(list("abcde"), torch.from_numpy(values), marks="none")
    if draw is text.terminal:
        found = [tuple(map(int, each)) for each in re.findall(r"48;2;(\d+);(\d+);(\d+)m", drawn)]
    else:
        papers = {
            text.html: r"background:#(\w{6})",
            text.svg: r'fill="#(\w{6})"/><text', text.latex: r"colorbox.HTML..(\w{6})"
        }  # fmt: skip
        found = [tuple(bytes.fromhex(each)) for each in re.findall(papers[draw], drawn)]
    assert found == [tuple(colour) for colour in wanted.tolist()]


@pytest.mark.parametrize("tokens", [HOSTILE, EMOJI, ARABIC, HEBREW], ids=["hostile", "emoji", "Arabic", "Hebrew"])
@pytest.mark.parametrize("rows", [None, ["<b>", "\x1b[2J"]], ids=["one", "rows"])
def test_no_token_is_more_than_text(tokens, rows):
    relevance = np.linspace(-1, 1, len(tokens)) if rows is None else np.ones((2, len(tokens)))
    page = Shown(text.html(tokens, relevance, rows=rows, marks="none"))
    assert page.tags <= {"p", "span", "table", "thead", "tbody", "tr", "td", "th"}
    assert page.names <= {"style", "title", "dir"}
    drawn = text.svg(tokens, relevance, rows=rows, marks="none")
    names = {element.tag.split("}")[1] for element in ElementTree.fromstring(drawn).iter()}
    assert names == {"svg", "rect", "g", "text"}
    shown = text.terminal(tokens, relevance, rows=rows, marks="none")
    plain = re.sub(r"\x1b\[(0|38;2;\d+;\d+;\d+;48;2;\d+;\d+;\d+)m", "", shown)
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", plain)
    paper = text.latex(tokens, relevance, rows=rows, marks="none")
    commands = set(re.findall(r"(?<!\\)\\([a-z]+)", paper))
    assert commands <= {
        "colorbox", "color", "strut", "space", "allowbreak", "quad", "textbackslash", "textasciitilde",
        "textasciicircum", "textless", "textgreater", "textbar", "textquotedbl", "textquotesingle", "textasciigrave",
    }  # fmt: skip
    braces = re.sub(r"\\[\\&%$#_{}]", "", paper)
    assert braces.count("{") == braces.count("}") and "%" not in braces and "$" not in braces


@pytest.mark.parametrize("tokens", [EMOJI, ARABIC, HEBREW], ids=["emoji", "Arabic", "Hebrew"])
def test_letters_of_all_scripts_stay_as_they_are(tokens):
    relevance = np.linspace(-1, 1, len(tokens))
    assert [t for t in Shown(text.html(tokens, relevance)).texts if t.strip()] == tokens
    drawn = ElementTree.fromstring(text.svg(tokens, relevance))
    assert [element.text for element in drawn.iter() if element.tag.endswith("text")] == tokens


def test_right_to_left_runs_from_the_right():
    def places(tokens):
        drawn = ElementTree.fromstring(text.svg(tokens, np.zeros(2)))
        return [float(e.attrib["x"]) for e in drawn.iter() if e.tag.endswith("text")]

    assert places(ARABIC) == sorted(places(ARABIC), reverse=True)
    assert places(["good", "day"]) == sorted(places(["good", "day"]))
    assert 'dir="auto"' in text.html(HEBREW, np.zeros(2))


def test_special_tokens_are_apart_and_not_in_the_scale():
    drawn = text.html(["[CLS]", "a", "##b"], np.array([100.0, 1.0, -0.5]), special=["[CLS]"])
    assert drawn.count("outline") == 1
    assert re.findall(r"background:#(\w{6})", drawn) == ["ff0000", "ff0000", "7f7fff"]
    assert "> <span" in drawn and drawn.count("> <span") == 1


def test_a_matrix_has_a_row_for_each_generated_token():
    relevance = np.array([[1.0, 0.0, 0.0], [1.0, -3.0, 0.0]])
    page = text.html(["the", "cat", "sat"], relevance, rows=["cat", "sat"])
    assert page.count("<tr>") == 3 and page.count("<td style") == 6
    each = re.findall(r'background:#(\w{6})" title', page)
    assert each[0] == "ff0000" and each[4] == "0000ff"
    common = text.html(["the", "cat", "sat"], relevance, rows=["cat", "sat"], scaling=lrp.heatmap.Scaling("batch"))
    assert re.findall(r'background:#(\w{6})" title', common)[0] not in ("ff0000", "ffffff")
    assert len(text.terminal(["the", "cat", "sat"], relevance, rows=["cat", "sat"]).splitlines()) == 2


@pytest.mark.parametrize("draw", FORMATS.values(), ids=FORMATS)
def test_ten_thousand_tokens(draw):
    tokens = ["▁word", "s"] * 5000
    drawn = draw(tokens, np.linspace(-1, 1, len(tokens)))
    assert drawn.count("word") >= 5000 and len(drawn) < 5e6


@pytest.mark.parametrize("draw", FORMATS.values(), ids=FORMATS)
def test_no_tokens(draw):
    assert isinstance(draw([], np.zeros(0)), str)


def test_what_is_escaped_is_read_back():
    said = "<&\"'>"
    (shown,) = Shown(text.html([said], np.ones(1))).texts
    assert shown == said == standard.unescape(shown)
