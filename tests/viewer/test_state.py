import json
from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.state import BOUNDS, CHOICES, State, from_json, from_query, read, selection, to_json, to_query

ids = st.lists(st.integers(-(2**40), 2**40), unique=True, max_size=30) | st.lists(
    st.integers(0, 300), unique=True, max_size=200
)
names = st.text(max_size=30)
KINDS = {
    "float": st.floats(0, 1),
    "str": names,
    "int": st.integers(0, 2**31 - 1),
    "float | None": st.none() | st.floats(allow_nan=False, allow_infinity=False),
    "int | None": st.none() | st.integers(-(2**63), 2**63 - 1),
}
windows = st.just("") | st.builds(
    lambda left, bottom, width, height: f"{left},{left + width},{bottom},{bottom + height}",
    *(st.integers(-99, 99), st.integers(-99, 99), st.integers(1, 99), st.integers(1, 99)),
)
SPECIAL = {
    "window": windows,
    "beside_window": windows,
    "selection": st.lists(st.integers(0, 5000), max_size=50).map(lambda found: selection.encode(np.array(found))),
    "place": st.sampled_from(["", "0,0,0", "12,345,6"]),
    "scale": st.sampled_from(["", "bwr", "000,fff"]),
    "paint": st.sampled_from(["", "0:ff0000", "-1:00ff00,12:123456"]),
    "colour_map": st.sampled_from(["bwr", "jet", "000,fff"]),
    "filter": st.sampled_from(["", "marked=1 size>10", "'scan site=A|B' 17"]),
}


def _kind(field):
    if field.name in SPECIAL:
        return SPECIAL[field.name]
    if field.name in BOUNDS:
        return st.floats(*BOUNDS[field.name])
    if field.name in CHOICES:
        return st.sampled_from(CHOICES[field.name])
    return KINDS[field.type.__name__ if isinstance(field.type, type) else str(field.type)]


states = st.builds(State, **{field.name: _kind(field) for field in fields(State)})


@given(states)
def test_state_round_trips_to_the_address_and_to_json(state):
    assert from_query(to_query(state)) == (state, ())
    assert from_json(to_json(state)) == (state, ())


def test_default_state_has_an_empty_address():
    assert to_query(State()) == ""


anything = st.text() | st.integers() | st.floats() | st.none() | st.lists(st.integers())


@given(st.dictionaries(st.sampled_from([f.name for f in fields(State)]) | names, anything))
def test_reading_anything_never_fails_and_gives_a_legal_state(values):
    state, warnings = read(values)
    assert from_query(to_query(state)) == (state, ())
    assert len(warnings) <= len(values)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "{}",
        '{"format": "other"}',
        "[" * 100000,
        '{"format": "lrp-spray viewer state", "version": 99}',
    ],
)
def test_foreign_json_is_a_clear_error(text):
    with pytest.raises(ValueError, match="the file"):
        from_json(text)


def test_one_bad_value_costs_only_itself():
    state, warnings = read({"mode": "melted", "category": "7", "page": -1, "no_such": 1})
    assert state == State(category="7") and len(warnings) == 3


@given(ids)
def test_selection_round_trips(found):
    text = selection.encode(np.array(found, np.int64))
    assert selection.decode(text).tolist() == sorted(found)


def test_large_selections_stay_short():
    dense = np.flatnonzero(np.random.default_rng(0).random(100_000) < 0.7)
    assert len(selection.encode(dense)) < 20_000
    assert len(selection.encode(np.arange(10_000, 90_000))) < 100


@given(st.text(max_size=40) | st.binary(max_size=40).map(lambda data: "b0." + selection._pack(data)))
def test_hostile_selection_text_is_an_error_or_a_selection(text):
    try:
        found = selection.decode(text)
    except ValueError:
        return
    assert found.dtype == np.int64


def test_a_bomb_is_refused():
    bomb = "b0." + selection._pack(bytes(selection.MOST_BYTES + 1))
    with pytest.raises(ValueError, match="not a selection"):
        selection.decode(bomb)


@given(st.lists(st.booleans(), max_size=70))
def test_bits_round_trip(rows):
    mask = np.array(rows, bool)
    assert selection.mask(selection.bits(mask), len(mask)).tolist() == rows


def test_bits_of_another_table_are_refused():
    with pytest.raises(ValueError, match="a selection of 20 rows"):
        selection.mask(selection.bits(np.ones(3, bool)), 20)


def test_json_names_its_format():
    assert json.loads(to_json(replace(State(), category="7"))) == {
        "format": "lrp-spray viewer state",
        "version": 1,
        "category": "7",
    }
