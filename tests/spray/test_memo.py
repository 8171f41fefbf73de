"""The memo is never wrong: any change of stage, arguments or data is another entry, and damage is noticed."""

import functools
import logging
import os
import time
import types
from collections import deque
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path

import joblib
import numpy as np
import pytest
import scipy.sparse as sp
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays, scalar_dtypes

from spray import memo, memoize, store
from spray.memo.codec import read_entry, write_entry
from spray.memo.digest import digest
from tests.support.spray_data import kill_writers

CALLS = deque()  # a plain list that a stage names would be part of its key


def scaled(data, *, factor=2.0, options=()):
    CALLS.append((factor, options))
    return data * factor


@pytest.fixture
def remembered(tmp_path):
    CALLS.clear()
    return memoize(scaled, tmp_path)


def entries(path):
    return list(Path(path).rglob("*.nc"))


def test_equal_calls_compute_once_however_they_are_written(remembered):
    data = np.arange(6.0)
    first = remembered(data)
    for call in (lambda: remembered(data.copy(), factor=2.0), lambda: remembered(data=data, options=())):
        np.testing.assert_array_equal(call(), first)
    np.testing.assert_array_equal(remembered(np.arange(12.0)[::2] / 2), first)  # another memory order
    assert len(CALLS) == 1


VALUES = [
    np.arange(12, dtype=np.int16).reshape(3, 4),
    np.asarray([np.nan, np.inf, -0.0]),
    np.asarray(["a", "ü"]),
    np.asarray(["a", None, 1], dtype=object),
    np.asarray(["2020-01-01"], dtype="M8[ns]"),
    np.asarray([1 + 2j]),
    np.asarray([True, False]),
    np.asarray(1.5, dtype=np.float16),
    np.empty((0, 3)),
    np.arange(3, dtype=">i4"),
    np.float32(0.1),
    3,
    -1.5,
    float("nan"),
    2j,
    None,
    True,
    "text",
    b"\x00\xff",
    (1, [2.0, {"a": None, 3: (np.arange(2),)}]),
    sp.random_array((5, 4), density=0.3, format="csr", rng=0),
    sp.csc_matrix(np.eye(3)),
    sp.coo_array(np.eye(3)),
    xr.DataArray(
        np.eye(2), dims=["a", "b"], coords={"a": [1, 2], "c": ("b", ["x", "y"])}, name="n", attrs={"u": [1, "v"]}
    ),
    xr.DataArray(3.0),
    xr.Dataset(
        {"x": (("s", "t"), np.zeros((2, 0))), "y": ((), 1)}, {"s": [5, 4], "aux": ("s", [True, False])}, {"k": 1.5}
    ),
    xr.Dataset(),
]


@pytest.mark.parametrize("value", VALUES, ids=lambda v: type(v).__name__)
def test_every_kind_of_value_comes_back_bit_by_bit(value, tmp_path):
    write_entry(tmp_path / "e.nc", value, {})
    back = read_entry(tmp_path / "e.nc")
    assert type(back) is type(value)
    assert digest(back) == digest(value)
    if isinstance(value, xr.Dataset | xr.DataArray):
        xr.testing.assert_identical(back, value)


def test_all_different_values_have_different_digests():
    more = [1.0, 1, np.int64(1), np.asarray(1), "1", b"1", (1,), [1], {1: 1}, {1}, range(1), slice(1), Path("1")]
    digests = [digest(value) for value in VALUES + more]
    assert len(set(digests)) == len(digests)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_changing_any_byte_type_or_shape_changes_the_digest(data):
    dtype = data.draw(scalar_dtypes().filter(lambda d: d.kind in "iufbM"))
    array = data.draw(arrays(dtype, array_shapes(max_side=5)))
    raw = bytearray(array.tobytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    changed = np.frombuffer(bytes(raw), array.dtype).reshape(array.shape)
    assert digest(changed) != digest(array)
    assert digest(array) == digest(np.asfortranarray(array.copy()))
    assert digest(array[None]) != digest(array) and digest(array.view(f"V{array.itemsize}")) != digest(array)


ARGUMENTS = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.complex_numbers(),
    lambda inner: (
        st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=6,
)


def same_value(a, b):
    """Equality that tells 1 from 1.0 and True, 0.0 from -0.0, and takes nan as itself."""
    if type(a) is not type(b):
        return False
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same_value(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(map(same_value, a, b))
    return np.asarray(a).tobytes() == np.asarray(b).tobytes() if isinstance(a, float | complex) else a == b


@settings(max_examples=700, deadline=None)
@given(ARGUMENTS, ARGUMENTS)
def test_only_equal_arguments_share_an_entry(one, two):
    assert (digest(one) == digest(two)) == same_value(one, two)


@settings(max_examples=300, deadline=None)
@given(
    st.integers(0, 3), st.sampled_from([1.0, 1.002, 2.0]), st.sampled_from([(), (1,), ("1",)]), st.sampled_from("if")
)
def test_random_changes_never_hit_a_wrong_entry(shared_store, shift, factor, options, kind):
    data = (np.arange(4) + shift).astype({"i": np.int32, "f": np.float32}[kind])
    result = memoize(scaled, shared_store)(data, factor=factor, options=options)
    expected = data * factor
    assert result.dtype == expected.dtype
    np.testing.assert_array_equal(result, expected)


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory):
    return tmp_path_factory.mktemp("memo")


def test_labels_count(remembered):
    data = xr.DataArray(np.eye(2), dims=["sample", "x"], coords={"sample": [1, 2]})
    remembered(data)
    others = [data.rename("n"), data.assign_coords(sample=[2, 1]), data.rename(x="y"), data.T, data.assign_attrs(a=1)]
    for other in [*others, data.drop_vars("sample"), data.astype("f4"), data.to_dataset(name="v")]:
        xr.testing.assert_identical(remembered(other), scaled(other))
    assert len(CALLS) == 1 + 2 * 8


def module_with(text):
    module = types.ModuleType("edited")
    exec(compile(text, "edited.py", "exec"), vars(module))
    return module


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def stage(x): return x + 1", "def stage(x): return x + 2"),
        ("def stage(x): return help(x)\ndef help(x): return x", "def stage(x): return help(x)\ndef help(x): return -x"),
        ("K = 1\ndef stage(x): return x * K", "K = 2\ndef stage(x): return x * K"),
        (
            "T = {'a': lambda x: x}\ndef stage(x): return T['a'](x)",
            "T = {'a': lambda x: -x}\ndef stage(x): return T['a'](x)",
        ),
        ("def stage(x, *, version=1): return x", "def stage(x, *, version=2): return x"),
        ("def stage(x): return (lambda y: y)(x)", "def stage(x): return (lambda y: -y)(x)"),
    ],
)
def test_an_edited_stage_or_helper_is_another_stage(before, after, tmp_path):
    old, new = module_with(before), module_with(after)
    commented = module_with("# the same\n\n" + before.replace("return", "\\\n  return", 1))
    for module in (old, commented, new):
        assert memoize(module.stage, tmp_path)(3) == module.stage(3)
    assert len(entries(tmp_path)) == 2, "a comment is no change"


def test_two_lambdas_and_two_closures_are_two_stages(tmp_path):
    def times(k):
        return lambda x: x * k

    stages = [lambda x: x + 1, lambda x: x * 100, times(3), times(4), functools.partial(scaled, factor=5), np.negative]
    assert [memoize(stage, tmp_path)(7) for stage in stages[:5]] == [8, 700, 21, 28, 35]
    assert len({digest(stage) for stage in stages}) == 6


def test_a_callable_argument_counts_by_its_code(tmp_path):
    def pooled(data, *, by):
        return by(data)

    stage = memoize(pooled, tmp_path)
    assert stage(np.asarray([1.0, 3.0]), by=np.sum) == 4.0
    assert stage(np.asarray([1.0, 3.0]), by=np.mean) == 2.0
    assert stage(np.asarray([1.0, 3.0]), by=lambda x: x[0]) == 1.0
    assert stage(np.asarray([1.0, 3.0]), by=lambda x: x[1]) == 3.0


def test_what_cannot_be_told_apart_is_refused(remembered, tmp_path):
    with pytest.raises(TypeError, match=r"cannot tell the content of a builtins\.object for the memo: pass numbers"):
        remembered(1.0, options=object())
    with pytest.raises(TypeError, match=r"cannot tell the content of a numpy.random.*Generator"):
        remembered(1.0, options=np.random.default_rng())
    with pytest.raises(TypeError, match=r"a stage returned a builtins\.set, which the memo cannot store"):
        memoize(lambda: {1}, tmp_path)()


@pytest.mark.parametrize("harm", ["cut", "flip", "foreign", "empty", "other"])
def test_a_damaged_entry_is_logged_and_computed_again(remembered, tmp_path, caplog, harm):
    data = xr.DataArray(np.arange(1000.0), dims="sample")
    remembered(data)
    (file,) = entries(tmp_path)
    raw = bytearray(file.read_bytes())
    where = raw.find(np.float64(1500.0).tobytes())
    raw[where] ^= 1
    damage = {"cut": bytes(raw[: len(raw) // 2]), "flip": bytes(raw), "foreign": b"CDF\x01nonsense", "empty": b""}
    file.unlink()
    if harm == "other":
        xr.Dataset({"x": 1}).to_netcdf(file)
    else:
        file.write_bytes(damage[harm])
    with caplog.at_level(logging.WARNING):
        xr.testing.assert_identical(remembered(data), data * 2)
    assert "is damaged" in caplog.text and len(CALLS) == 2
    xr.testing.assert_identical(remembered(data), data * 2)
    assert len(CALLS) == 2


def test_a_failing_stage_leaves_nothing(tmp_path):
    def fails():
        raise ArithmeticError("no")

    for _ in range(2):
        with pytest.raises(ArithmeticError):
            memoize(fails, tmp_path)()
    assert not entries(tmp_path)


def slow(x):
    CALLS.append(x)
    time.sleep(0.2)
    return x + 1


def test_threads_that_need_the_same_compute_once(tmp_path):
    CALLS.clear()
    with ThreadPoolExecutor(6) as pool:
        assert list(pool.map(memoize(slow, tmp_path), [1] * 6)) == [2] * 6
    assert len(CALLS) == 1


def test_a_hit_is_quick(remembered):
    data = xr.Dataset({"spectral": (("sample", "component"), np.ones((1300, 32)))}, {"sample": np.arange(1300)})
    remembered(data)
    times = []
    for _ in range(9):
        start = time.perf_counter()
        remembered(data)
        times.append(time.perf_counter() - start)
    assert sorted(times)[4] < 0.02


def test_fifty_killed_writers_leave_no_wrong_entry(tmp_path):
    write = """
def stage(x, *, n): return np.full(n, float(x))
remembered = spray.memoize(stage, path)
def write(n): remembered(n, n=50_000)
"""
    kill_writers(write, 50, tmp_path)
    values = [read_entry(path) for path in entries(tmp_path)]  # a damaged one raises
    assert len(values) > 1 and all((value == value[0]).all() and len(value) == 50_000 for value in values)
    assert len({value[0] for value in values}) == len(values)


def slow_and_counted(x, *, log):
    with Path(log).open("a") as calls:
        calls.write(".")
    time.sleep(0.5)
    return np.arange(x)


def test_processes_that_need_the_same_compute_once(tmp_path):
    log = str(tmp_path / "calls")
    stage = memoize(slow_and_counted, tmp_path / "memo")
    results = joblib.Parallel(3, "loky")(joblib.delayed(stage)(5, log=log) for _ in range(6))
    assert all(np.array_equal(result, np.arange(5)) for result in results)
    assert Path(log).read_text() == "."


def test_info_tells_what_is_there(tmp_path):
    stage = memoize(scaled, tmp_path)
    for _ in range(4):
        stage(xr.DataArray(np.ones((3, 2)), dims=["sample", "x"]), factor=3.0)
    stage(1.0)
    entries(tmp_path)[0].with_name("damaged.nc").write_bytes(b"no")
    found = memo.info(tmp_path)
    assert [(entry.stage.rpartition(".")[2], entry.hits) for entry in found] == [("scaled", 0), ("scaled", 3)]
    assert found[1].parameters == {"data": "DataArray(sample: 3, x: 2)", "factor": "3.0", "options": "()"}
    assert found[1].size == found[1].path.stat().st_size


def test_prune_removes_the_least_recently_used(tmp_path):
    stage = memoize(scaled, tmp_path)
    data = [np.full(1000, float(i)) for i in range(4)]
    for age, array in enumerate(data):
        stage(array)
        newest = max(entries(tmp_path), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (time.time() - 100 * (4 - age),) * 2)
    stage(data[0])  # a hit: it is the last used now
    size = entries(tmp_path)[0].stat().st_size
    assert memo.prune(tmp_path) == []
    assert len(memo.prune(tmp_path, max_size=2 * size)) == 2
    CALLS.clear()
    stage(data[0])
    stage(data[3])
    assert not CALLS
    left = tmp_path / "scaled" / ".x.nc.1-2.tmp"
    left.touch()
    os.utime(left, (0, 0))
    assert len(memo.prune(tmp_path, older_than=timedelta(days=1))) == 1 and not left.exists()
    assert len(memo.prune(tmp_path, older_than=timedelta(0))) == 2 and not entries(tmp_path)


def test_data_on_disk_hash_as_in_memory(tmp_path):
    values = np.random.default_rng(0).normal(size=(50, 4, 4)).astype("f4")
    store.write_project(tmp_path, name="p")
    whole = xr.Dataset({"relevance": (("sample", "y", "x"), values)}, {"sample": np.arange(50)})
    for number in range(5):
        store.write_part(tmp_path, number, whole.isel(sample=slice(10 * number, 10 * number + 10)))
    lazy = store.open_attributions(tmp_path).relevance
    assert digest(lazy) == digest(whole.relevance)
    assert not lazy.variable._in_memory, "reading in blocks holds nothing"
