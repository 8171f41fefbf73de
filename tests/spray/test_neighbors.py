"""The blocked search against brute force in double precision, where rounding and ties are hard."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import cdist

from spray.arrays import neighbors as _neighbors
from spray.arrays.neighbors import euclidean_neighbors


@pytest.fixture(autouse=True, scope="module")
def small_blocks():
    """Blocks of a few rows and columns, so that little data has many."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_neighbors, "ROWS", 7)
        patch.setattr(_neighbors, "COLUMNS", 3)
        yield


def check(values, count):
    near, distances = euclidean_neighbors(values, count)
    true = cdist(values.astype(np.float64), values.astype(np.float64))
    np.fill_diagonal(true, np.inf)
    expected = np.sort(true, axis=1)[:, :count]
    np.testing.assert_allclose(distances, expected, rtol=1e-9, atol=1e-12 * np.abs(values).max())
    rows = np.arange(len(values))[:, None]
    assert not (near == rows).any() and all(len(set(row)) == count for row in near)
    np.testing.assert_allclose(true[rows, near], expected, rtol=1e-9, atol=1e-12 * np.abs(values).max())


@settings(max_examples=60)
@given(
    n=st.integers(2, 60), d=st.integers(1, 9), k=st.integers(1, 12), seed=st.integers(0, 99), kind=st.sampled_from("fd")
)
def test_random_points(n, d, k, seed, kind):
    check(np.random.default_rng(seed).normal(size=(n, d)).astype(kind), min(k, n - 1))


@settings(max_examples=40)
@given(n=st.integers(2, 50), k=st.integers(1, 6), seed=st.integers(0, 99))
def test_lattices_with_many_ties_and_duplicates(n, k, seed):
    check(np.random.default_rng(seed).integers(0, 3, size=(n, 3)).astype(float), min(k, n - 1))


def test_near_duplicates_far_from_the_origin():
    """|x|^2 + |y|^2 - 2 x.y loses all digits of these distances; the difference does not."""
    rng = np.random.default_rng(0)
    values = np.repeat(1e4 * rng.normal(size=(10, 4)), 4, axis=0) + 1e-4 * rng.normal(size=(40, 4))
    near, distances = euclidean_neighbors(values, 3)
    true = cdist(values, values)
    np.fill_diagonal(true, np.inf)
    np.testing.assert_allclose(distances, np.sort(true, axis=1)[:, :3], rtol=1e-9)
    assert (near // 4 == np.arange(40)[:, None] // 4).all()


def test_constant_rows_take_the_first_of_equal_ones():
    near, distances = euclidean_neighbors(np.ones((30, 3)), 2)
    assert (distances == 0).all() and set(near[2:].ravel()) == {0, 1}
    assert near[0].tolist() == [1, 2] and near[1].tolist() == [0, 2]


def test_what_single_precision_cannot_tell_apart_is_searched_for_again(monkeypatch):
    """A tenth of the samples have near copies, the others none."""
    again, search = [], _neighbors._searched
    monkeypatch.setattr(_neighbors, "_searched", lambda *args: again.extend(args[3]) or search(*args))
    rng = np.random.default_rng(0)
    values = rng.normal(size=(200, 5))
    copies = values[:2].repeat(15, axis=0) + 1e-5 * rng.normal(size=(30, 5))
    check(np.concatenate([values, copies]), 3)
    assert 30 <= len(again) < 60 and set(range(200, 230)) <= set(again)


@pytest.mark.parametrize("factor", [1e-15, 1e-9, 1e9, 1e15])
def test_tiny_and_huge_numbers(factor):
    check(factor * np.random.default_rng(0).normal(size=(40, 4)), 3)
