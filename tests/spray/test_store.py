"""The project format: what is written is what is read, lazily, and every error says what to do."""

import json
import threading
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hypothesis import given, settings
from hypothesis import strategies as st

from spray import store
from spray.store import ProjectError
from tests.support.spray_data import kill_writers


def part_of(samples, seed=0, **extra):
    samples = np.asarray(samples, dtype=np.int64)
    rng = np.random.default_rng(seed)
    n = len(samples)
    return xr.Dataset(
        {
            "image": (("sample", "channel", "height", "width"), rng.integers(0, 256, (n, 3, 5, 4), dtype=np.uint8)),
            "relevance": (("sample", "channel", "height", "width"), rng.normal(size=(n, 3, 5, 4)).astype("f4")),
            "output": (("sample", "class"), rng.normal(size=(n, 2)).astype("f4")),
            **extra,
        },
        {
            "sample": samples,
            "label": ("sample", samples % 2),
            "confidence": ("sample", rng.random(n)),
            "split": ("sample", np.asarray(["train", "test"])[samples % 2].astype(object)),
            "label_name": ("class", np.asarray(["zero", "one"], dtype=object)),
        },
    )


@pytest.fixture
def project(tmp_path):
    """Three parts, ids neither sorted nor dense, and the same data in memory."""
    store.write_project(tmp_path, name="p", model="m", label_names=["zero", "one"], note="n")
    pieces = [part_of([7, 3, 11], 0), part_of([100, 2], 1), part_of([5, 1, 0, 9], 2)]
    for number, piece in enumerate(pieces):
        store.write_part(tmp_path, number, piece)
    return tmp_path, xr.concat([p.drop_vars("label_name") for p in pieces], "sample")


def test_project_facts_come_back_and_creation_time_stays(tmp_path):
    store.write_project(
        tmp_path, name="a", composite={"rule": "epsilon", "epsilon": 1e-6}, label_names=["é"], extra=[1]
    )
    first = store.read_project(tmp_path)
    store.write_project(tmp_path, name="b")
    assert first["composite"] == {"rule": "epsilon", "epsilon": 1e-6}
    assert (first["label_names"], first["extra"]) == (["é"], [1])
    assert first["versions"]["xarray"] == xr.__version__
    assert store.read_project(tmp_path)["created"] == first["created"]
    assert store.read_project(tmp_path)["name"] == "b"


def test_what_is_written_is_what_is_read(project):
    path, whole = project
    read = store.open_attributions(path)
    xr.testing.assert_identical(read.drop_vars("label_name").load().drop_attrs(), whole.drop_attrs())
    assert list(read.label_name.values) == ["zero", "one"]
    assert read.attrs["model"] == "m"


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    path = tmp_path_factory.mktemp("lazy")
    store.write_project(path, name="p")
    pieces = [part_of([7, 3, 11], 0), part_of([100, 2], 1)]
    for number, piece in enumerate(pieces):
        store.write_part(path, number, piece)
    return store.open_attributions(path).relevance, xr.concat([p.relevance for p in pieces], "sample")


def keys(size):
    """An integer, a list or a slice; without the empty slices with a negative step that xarray itself refuses."""
    index = st.integers(-size, size - 1)
    slices = st.slices(size).filter(lambda s: (s.step or 1) > 0 or len(range(size)[s]))
    return st.one_of(index, st.lists(index, max_size=6).map(lambda v: np.asarray(v, int)), slices)


@settings(max_examples=150, deadline=None)
@given(keys(5), keys(3), keys(5), keys(4))
def test_any_indexing_equals_numpy(shared, sample, channel, height, width):
    lazy, whole = shared
    key = {"sample": sample, "channel": channel, "height": height, "width": width}
    np.testing.assert_array_equal(lazy.isel(key).values, whole.isel(key).values)


def test_only_the_parts_asked_for_are_opened(project):
    path, whole = project
    read = store.open_attributions(path)
    store.parts(path)[1].write_bytes(b"not netcdf")
    wanted = [9, 7, 7, 0]
    np.testing.assert_array_equal(read.relevance.sel(sample=wanted).values, whole.relevance.sel(sample=wanted).values)
    with pytest.raises(ProjectError, match=r"part-00001\.nc is no complete netCDF file .* compute this part again"):
        read.image.sel(sample=[100]).load()


def test_index_follows_the_parts(project):
    path, _ = project
    file = path / "attributions" / "index.nc"
    assert store.read_index(path).sizes["sample"] == 9
    before = file.stat().st_mtime_ns
    store.read_index(path)
    assert file.stat().st_mtime_ns == before, "an index that is up to date is not written again"
    store.write_part(path, 3, part_of([42]))
    index = store.read_index(path)
    assert (int(index.part.sel(sample=42)), int(index.row.sel(sample=42))) == (3, 0)
    assert int(index.row.sel(sample=0)) == 2
    file.write_bytes(file.read_bytes()[:100])
    assert store.read_index(path).sizes["sample"] == 10


def test_a_folder_that_cannot_be_written_is_tolerated(project, monkeypatch):
    path, _ = project

    def refuse(*_args, **_kwargs):
        raise PermissionError("read-only")

    monkeypatch.setattr("spray.store.netcdf.write_netcdf", refuse)
    assert store.read_index(path).sizes["sample"] == 9
    assert not (path / "attributions" / "index.nc").exists()


def test_half_precision_keeps_its_values_and_shrinks(tmp_path):
    store.write_project(tmp_path, name="p")
    values = np.random.default_rng(0).normal(size=(4, 64, 64)).astype(np.float16)
    file = store.write_part(
        tmp_path, 0, xr.Dataset({"relevance": (("sample", "y", "x"), values)}, {"sample": range(4)})
    )
    np.testing.assert_array_equal(store.open_attributions(tmp_path).relevance.values, values)
    assert file.stat().st_size < 0.75 * values.size * 4 + 20_000


def test_other_variables_travel_along(tmp_path):
    store.write_project(tmp_path, name="p")
    when = np.asarray(["2024-01-01", "2025-01-01"], "M8[ns]")
    extra = {"boxed": ("sample", [True, False]), "when": ("sample", when), "none": (("sample", "k"), np.empty((2, 0)))}
    store.write_part(tmp_path, 0, part_of([1, 2], **extra))
    read = store.open_attributions(tmp_path)
    assert read.boxed.dtype == bool
    np.testing.assert_array_equal(read.when.values, when)
    assert read.none.shape == (2, 0)


@pytest.mark.parametrize(
    ("break_it", "message"),
    [
        (lambda p: p, "no attributions .* run lrp.attribute_dataset"),
        (lambda p: (p / "project.json").unlink(), "has no project.json: write one with"),
        (lambda p: (p / "project.json").write_text("{"), "is no JSON text .*: restore it"),
        (lambda p: (p / "project.json").write_text("[]"), "was not written by this package"),
        (lambda p: (p / "project.json").write_text('{"schema": 99}'), "has schema 99, we read up to 1: update"),
    ],
)
def test_a_broken_project_says_what_to_do(tmp_path, break_it, message):
    store.write_project(tmp_path, name="p")
    break_it(tmp_path)
    with pytest.raises(ProjectError, match=message):
        store.open_attributions(tmp_path)


def test_bad_input_is_named(project):
    path, _ = project
    with pytest.raises(ProjectError, match="no folder /nowhere"):
        store.open_attributions("/nowhere")
    with pytest.raises(ProjectError, match=r"part 9 has 1 sample id\(s\) more than once \(4\)"):
        store.write_part(path, 9, part_of([4, 4, 5]))
    with pytest.raises(ProjectError, match="needs an integer coordinate 'sample'"):
        store.write_part(path, 9, part_of([4]).drop_vars("sample"))
    with pytest.raises(ProjectError, match="transpose 'sample' to the front"):
        store.write_part(path, 9, part_of([4]).transpose("channel", ...))
    with pytest.raises(ProjectError, match="must be JSON"):
        store.write_project(path, name="p", composite=object())
    store.write_part(path, 4, part_of([7, 11, 12]))
    with pytest.raises(ProjectError, match=r"2 sample id\(s\) more than once \(7, 11\)"):
        store.read_index(path)


def test_parts_must_agree(project):
    path, _ = project
    store.write_part(path, 4, part_of([200]).isel(height=slice(3)))
    with pytest.raises(ProjectError, match=r"'image' is .*part-00000\.nc but .*part-00004\.nc: all parts must agree"):
        store.read_index(path)


def test_a_truncated_part_is_named(project):
    path, _ = project
    file = store.parts(path)[2]
    file.write_bytes(file.read_bytes()[:-500])
    with pytest.raises(ProjectError, match=r"part-00002\.nc is no complete netCDF file"):
        store.open_attributions(path)


def test_threads_may_read_at_once(project):
    path, whole = project
    read = store.open_attributions(path)
    wrong = []

    def look(seed):
        ids = np.random.default_rng(seed).choice(whole.sample.values, 4)
        same = [np.array_equal(read.image.sel(sample=ids), whole.image.sel(sample=ids)) for _ in range(10)]
        wrong.extend([ids] * same.count(False))

    threads = [threading.Thread(target=look, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_killed_writers_leave_no_half_part(tmp_path):
    store.write_project(tmp_path, name="p")
    write = """
data = xr.Dataset({"relevance": (("sample", "pixel"), np.ones((64, 4096), "f4"))}, {"sample": np.arange(64)})
def write(n):
    store.write_part(path, n % 3, data.assign_coords(sample=data.sample + 64 * (n % 3)))
"""
    kill_writers(write, 20, tmp_path)
    assert float(store.open_attributions(tmp_path).relevance.sum()) == len(store.parts(tmp_path)) * 64 * 4096


def test_killed_writers_leave_no_half_category(tmp_path):
    write = """
def write(n):
    data = xr.Dataset({"spectral": (("sample", "component"), np.full((2000, 32), n))}, {"sample": np.arange(2000)})
    store.write_category(path, "a", str(n % 5), data.assign_attrs(n=n))
    store.write_analysis_index(path, "a")
"""
    kill_writers(write, 20, tmp_path)
    for name, dataset in store.open_analysis(tmp_path, "a").items():
        assert (dataset.spectral == dataset.attrs["n"]).all() and dataset.attrs["n"] % 5 == int(name)
    index = store.read_analysis_index(tmp_path, "a")
    assert list(index.category.values) == list(store.open_analysis(tmp_path, "a"))


HOSTILE = [
    "3",
    "../../etc/passwd",
    "",
    ".",
    "..",
    "index",
    "a/b\\c",
    "Cat",
    "cat",
    "%41",
    "~",
    "x" * 500,
    "ü 日本",
    "a\nb",
    "CON",
]


def category_of(n=3, **attrs):
    return xr.Dataset({"spectral": (("sample", "component"), np.eye(n))}, {"sample": np.arange(n)}, {"n": n, **attrs})


@settings(max_examples=100, deadline=None)
@given(st.text(), st.text())
def test_quoted_names_are_safe_and_distinct(one, two):
    from spray.store.names import category_of, quoted

    name = quoted(one)
    assert "/" not in name and not name.startswith(".") and name != "index" and len(name) <= 200
    assert (quoted(one).lower() == quoted(two).lower()) == (one == two)
    if len(name) < 150:
        assert category_of(Path(f"{name}.nc")) == one


def test_any_text_is_a_category(tmp_path):
    store.write_project(tmp_path, name="p")
    for n, name in enumerate(HOSTILE, 1):
        store.write_category(tmp_path, "spectral", name, category_of(n))
    index = store.write_analysis_index(tmp_path, "spectral", errors={"broken": "ValueError: no"})
    read = store.open_analysis(tmp_path, "spectral")
    assert set(read) == set(HOSTILE)
    assert all(read[name].attrs["category"] == name and read[name].attrs["n"] == n for n, name in enumerate(HOSTILE, 1))
    assert {str(c): float(n) for c, n in zip(index.category.values, index.n.values, strict=True) if n == n} == {
        name: n for n, name in enumerate(HOSTILE, 1)
    }
    assert str(index.error.sel(category="broken").item()) == "ValueError: no"
    assert not list(tmp_path.parent.glob("*.nc"))


def test_analysis_index_is_current_and_keeps_failures(tmp_path):
    store.write_category(tmp_path, "a", "1", category_of(2, eigengap=0.5))
    store.write_analysis_index(tmp_path, "a", errors={"2": "failed"})
    store.write_category(tmp_path, "a", "10", category_of(4, eigengap=0.25, label="ten"))
    index = store.read_analysis_index(tmp_path, "a")
    assert list(index.category.values) == ["1", "2", "10"]
    assert list(index.error.values) == ["", "failed", ""]
    assert list(index.label.values) == ["", "", "ten"]
    store.write_category(tmp_path, "a", "2", category_of(3))
    assert list(store.read_analysis_index(tmp_path, "a").error.values) == ["", "", ""]
    assert store.analyses(tmp_path) == ["a"]


def test_a_tree_is_saved_and_opened(tmp_path):
    tree = xr.DataTree.from_dict({"4": category_of(2, category="4"), "5": category_of(3, category="5")})
    store.save_analysis(tree, tmp_path, name="spectral")
    read = store.open_analysis(tmp_path, "spectral")
    assert list(read) == ["4", "5"]
    xr.testing.assert_identical(read["5"], tree["5"].to_dataset())
    with pytest.raises(ProjectError, match=r"no analysis 'x' \(it has: spectral\)"):
        store.open_analysis(tmp_path, "x")
    with pytest.raises(ProjectError, match="folder's name"):
        store.open_analysis(tmp_path, "../x")


def test_project_json_is_utf8(tmp_path):
    store.write_project(tmp_path, name="ü")
    assert json.loads((tmp_path / "project.json").read_bytes().decode("utf-8"))["name"] == "ü"


def test_facts_that_were_changed_are_named_and_may_be_changed_by_hand(tmp_path):
    store.write_project(tmp_path, name="digits", label_names=["zero", "one"])
    file = tmp_path / "project.json"
    text = file.read_text()
    file.write_text(text.replace("digits", "digit5"))
    with pytest.raises(ProjectError, match="not as it was written: restore it"):
        store.read_project(tmp_path)
    by_hand = {key: value for key, value in json.loads(text).items() if key != "digest"}
    file.write_text(json.dumps(by_hand | {"name": "digit5"}))
    assert store.read_project(tmp_path)["name"] == "digit5"
    file.write_text(json.dumps(json.loads(text)))  # laid out anew
    assert store.read_project(tmp_path)["name"] == "digits" and "digest" not in store.read_project(tmp_path)
