"""Texts of strangers: links, exports, colour maps, composites, findings. They are read, or it is a ValueError."""

import json
import random
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import hypothesis
import hypothesis.strategies as st
import pytest

from lrp import composites
from spray.colour import palette
from spray.files import ProjectError
from viewer.projects import findings
from viewer.state import decode
from viewer.state.formats import VIRELAY, from_json, from_query, to_json, to_query
from viewer.state.reading import FIELDS
from viewer.state.state import State

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30)
VALUES = st.recursive(LEAVES, lambda x: st.lists(x, max_size=4) | st.dictionaries(st.text(max_size=8), x, max_size=4))
COMPOSITE = composites.to_json(composites.epsilon_plus())
EXPORT = to_json(State(category="a", selection="b0.eJwDAAAAAAE", focus=3, colour_map="00f,f00"))
ROW = ["match", "rule", "name", "options", "op", "type", "epsilon", "module"]


@st.composite
def spoiled(draw: Callable, text: str) -> str:
    """A text with parts cut out, doubled, or changed."""
    chance = random.Random(draw(st.integers(0, 2**32)))
    for _ in range(draw(st.integers(1, 4))):
        at = chance.randrange(len(text) + 1)
        end = min(len(text), at + chance.randrange(1, 9))
        new = draw(
            st.sampled_from(["", text[at:end] * 2, '"', "1e999", "-1", "[" * 5000, "\0", "null", "é", "9" * 5000])
        )
        text = text[:at] + new + text[end:]
    return text


def refuses(read: Callable[[str], object], text: str) -> None:
    """Read, or refused in words."""
    try:
        read(text)
    except ValueError as error:
        assert str(error)


pytestmark = pytest.mark.slow


@hypothesis.given(spoiled(EXPORT) | st.dictionaries(st.sampled_from([*VIRELAY, *FIELDS]), VALUES).map(json.dumps))
def test_imports(text):
    refuses(from_json, text)


@hypothesis.given(st.dictionaries(st.sampled_from(list(FIELDS)), VALUES))
def test_exports_of_any_values(values):
    refuses(from_json, json.dumps({"format": "lrp-spray viewer state", "version": 1} | values))


@hypothesis.given(spoiled(to_query(State(category="a", selection="b0.eJwDAAAAAAE"))) | st.text().map(quote))
def test_links(query):
    refuses(from_query, query)


@hypothesis.given(spoiled("b0.eJwDAAAAAAE") | st.text())
def test_selections(text):
    refuses(decode, text)


@hypothesis.given(spoiled("0:00f,80:fff,ff:f00") | st.text(max_size=60))
def test_colour_maps(text):
    refuses(palette, text)


@hypothesis.given(
    spoiled(COMPOSITE) | st.lists(st.dictionaries(st.sampled_from(ROW), VALUES, max_size=4)).map(json.dumps) | st.text()
)
def test_composites(text):
    refuses(composites.from_json, text)


@hypothesis.settings(suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@hypothesis.given(spoiled('{"findings": [{"name": "a", "query": "b"}]}') | VALUES.map(json.dumps))
def test_findings(tmp_path: Path, text):
    (tmp_path / findings.FILE).write_text(text, encoding="utf-8")
    try:
        findings.load(tmp_path)
    except ProjectError:
        return
