"""Kinds of samples: what their axes say, what is added up, and what is not."""

import numpy as np
import pytest
import xarray as xr
from sklearn.metrics import adjusted_mutual_info_score

from spray import pool, recipes, rescale, ssim_distance
from spray.kinds import KINDS, Kind, kind_of, places_of, window_of
from spray.stages.words import by_word, word_neighbors


def data(*dims: str, **attrs: str) -> xr.DataArray:
    sizes = [{"sample": 4, "channel": 3}.get(dim, 8) for dim in dims]
    return xr.DataArray(np.ones(sizes), dims=dims, attrs=attrs, name="relevance")


@pytest.mark.parametrize(
    ("dims", "kind"),
    [
        (("height", "width"), "image"),
        (("channel", "height", "width"), "image"),
        (("height", "width", "channel"), "image"),
        (("channel", "y", "x"), "image"),
        (("channel", "time"), "signal"),
        (("length",), "signal"),
        (("lead", "time"), "signal"),
        (("token",), "text"),
        (("feature",), "table"),
        (("depth", "height", "width"), "volume"),
        (("channel", "z", "y", "x"), "volume"),
        (("frequency", "time"), "spectrogram"),
    ],
)
def test_names_of_axes_say_the_kind(dims, kind):
    found = data("sample", *dims)
    assert kind_of(found) is KINDS[kind]
    assert not {"channel", "lead"} & set(places_of(found))
    turned = found.transpose("sample", *reversed(dims))
    assert kind_of(turned) is KINDS[kind] and window_of(turned) == window_of(found)


@pytest.mark.parametrize(
    "dims", [(), ("pixel",), ("channel",), ("height",), ("a", "b"), ("feature", "height", "width")]
)
def test_what_is_not_certain_is_an_error_that_lists_the_kinds(dims):
    with pytest.raises(ValueError, match=r"name them as one of image \(channel, height, width\)"):
        kind_of(data("sample", *dims))
    assert kind_of(data("sample", *dims, kind="none")).name == "none"


def test_an_attribute_says_the_kind_and_must_fit():
    assert kind_of(data("sample", "channel", "time", kind="signal")).name == "signal"
    with pytest.raises(ValueError, match="its kind is image"):
        kind_of(data("sample", "channel", "time", kind="image"))
    with pytest.raises(ValueError, match="'picture'; there are image"):
        kind_of(data("sample", "height", "width", kind="picture"))


def test_numbers_are_windows_along_places_alone():
    assert pool(data("sample", "height", "width", "channel"), window=2).shape == (4, 4, 4, 3)
    assert pool(data("sample", "channel", "time"), window=4).shape == (4, 3, 2)
    assert pool(data("sample", "channel", "depth", "height", "width")).shape == (4, 3, 4, 4, 4)
    table = data("sample", "feature")
    assert pool(table, window=2).equals(table) and pool(table).equals(table)
    assert rescale(data("sample", "height", "width", "channel"), scale=2).shape == (4, 16, 16, 3)
    with pytest.raises(ValueError, match="--recipe text"):
        pool(data("sample", "token"))
    with pytest.raises(ValueError, match="SSIM compares images, got signal"):
        ssim_distance(data("sample", "channel", "time"))


def test_structural_similarity_looks_along_height_and_width():
    random = np.random.default_rng(0).normal(size=(3, 9, 8, 2))
    last = xr.DataArray(random, dims=["sample", "height", "width", "channel"])
    first = last.transpose("sample", "channel", "height", "width")
    np.testing.assert_allclose(ssim_distance(last), ssim_distance(first), atol=1e-12)


@pytest.mark.parametrize(
    ("dims", "shape", "places"),
    [
        (("feature",), (30,), [(0,), (1,)]),
        (("channel", "time"), (12, 64), [(3, slice(10, 14)), (4, slice(10, 14))]),
        (("height", "width", "channel"), (8, 8, 3), [(2, 2, 0), (2, 2, 2)]),
        (("depth", "height", "width"), (6, 8, 8), [(1, 2, 2), (4, 2, 2)]),
    ],
)
def test_strategies_of_neighbouring_channels_or_columns_stay_two(dims, shape, places):
    random, strategy = np.random.default_rng(0), np.arange(200) % 2
    relevance = random.normal(0, 0.02, (200, *shape))
    for number, place in enumerate(places):
        relevance[(strategy == number, *place)] += 1
    given = xr.DataArray(relevance, dims=["sample", *dims], name="relevance").to_dataset()
    made = recipes.spectral(components=4, embeddings=[])(given)
    found = made.cluster.sel(clustering="spectral-2").values
    assert adjusted_mutual_info_score(strategy, found) == pytest.approx(1)


def texts(n: int = 60) -> xr.Dataset:
    random, words = np.random.default_rng(0), [f"word{number}" for number in range(40)]
    tokens = random.choice(words, (n, 12))
    relevance = random.normal(0, 0.02, tokens.shape)
    for row in range(n):
        tokens[row, random.integers(12)] = "[TAG]" if row % 2 else "[HEAD]"
    relevance[np.char.startswith(tokens, "[")] += 1
    dims = ["sample", "token"]
    return xr.Dataset({"relevance": (dims, relevance), "token_text": (dims, tokens)}, {"sample": np.arange(n) * 3 + 1})


def test_texts_are_neighbours_by_their_words_wherever_these_stand():
    given = texts()
    found = word_neighbors(given.relevance, given.token_text, neighbors=5)
    assert ((found.neighbor // 3) % 2 == (found.sample // 3) % 2).all()
    matrix, words = by_word(given.relevance, given.token_text)
    dense = np.zeros((60, len(words)))
    for row in range(60):
        for word, value in zip(given.token_text.values[row], given.relevance.values[row], strict=True):
            dense[row, words.index(word)] += value
    np.testing.assert_allclose(matrix.toarray(), dense)
    made = recipes.text(components=4, embeddings=[])(given)
    assert adjusted_mutual_info_score(np.arange(60) % 2, made.cluster.sel(clustering="spectral-2")) == pytest.approx(1)


def test_a_text_of_nothing_and_bad_texts():
    given = texts(6)
    empty = given.assign(relevance=given.relevance * [[0.0]] + 0)
    assert (word_neighbors(empty.relevance, empty.token_text, neighbors=2).distance == 1).all()
    with pytest.raises(ValueError, match="at least 1"):
        word_neighbors(given.relevance, given.token_text, neighbors=0)
    with pytest.raises(ValueError, match=r"must be \(sample, token\)"):
        by_word(given.relevance, given.token_text[:, :3])
    with pytest.raises(ValueError, match="hold NaN or inf"):
        by_word(given.relevance.where(given.sample != 4), given.token_text)
    one = given.isel(sample=[0])
    assert word_neighbors(one.relevance, one.token_text).sizes["rank"] == 0


def test_a_kind_of_ones_own_is_one_entry(monkeypatch):
    monkeypatch.setitem(KINDS, "mesh", Kind("mesh", ("vertex",), lead=("channel",)))
    assert kind_of(data("sample", "channel", "vertex")).name == "mesh"
