"""Files of strangers: what claims more than it has, leads elsewhere or hangs the library is its project's error."""

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import hypothesis
import hypothesis.strategies as st
import netCDF4
import numpy as np
import pytest
import xarray as xr

from bench.faults import gifts
from bench.faults.gifts import make
from spray import memo, store
from spray.files import ProjectError
from spray.memo import key
from spray.store.guard import watch as guard
from viewer.projects import findings, open_category, open_projects


def part(project: Path) -> Path:
    return project / "attributions" / "part-00000.nc"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (gifts.external_values, "lie in another file"),
        (gifts.external_link, "a link to another file"),
        (gifts.soft_link, "is a link to /, no data"),
        (gifts.circle, "there more than once"),
        (gifts.virtual, "put together from other files"),
        (gifts.bomb, "claims 4800000000"),
        (gifts.large_chunk, "claims"),
        (gifts.one_text_many_times, "unpacks to more|claims"),
        (gifts.filters, "packed by the filters"),
        (lambda file: file.write_bytes(b""), "begins as none"),
        (lambda file: file.write_bytes(file.read_bytes()[:1500]), "truncated"),
        (lambda file: file.write_bytes(b"CDF\x01" + bytes(100)), "begins as none"),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_what_claims_more_than_it_has_or_leads_elsewhere_is_not_opened(change, words, tmp_path):
    project, other = make(tmp_path), make(tmp_path, "good")
    (project / "attributions" / "index.nc").unlink()
    change(part(project))
    with pytest.raises(ProjectError, match=f"(?s)part-00000.nc is no complete netCDF file .*({words})"):
        store.open_attributions(project)
    found = open_projects([str(project), str(other)])
    assert "part-00000.nc" in found["gift"].error
    assert not found["good"].error


def test_what_we_write_passes_however_well_it_packs(tmp_path):
    store.write_project(tmp_path, name="zeros")
    zeros = np.zeros((40, 3, 224, 224), np.float16)
    file = store.write_part(
        tmp_path, 0, xr.Dataset({"relevance": (("sample", "c", "y", "x"), zeros)}, {"sample": range(40)})
    )
    guard.OWN.clear()
    guard.check(file)
    assert store.open_attributions(tmp_path).relevance.values.nbytes == zeros.nbytes * 2


@pytest.mark.parametrize("place", ["project.json", "attributions/part-00000.nc", "attributions", "analyses/spectral"])
def test_a_link_out_of_the_project_is_not_read(place, tmp_path):
    project, elsewhere = make(tmp_path), tmp_path / "elsewhere"
    elsewhere.mkdir()
    shutil.move(project / place, elsewhere / "x")
    (project / place).symlink_to(elsewhere / "x")
    assert "leads out of the project" in open_projects([str(project)])["gift"].error


def test_findings_behind_a_link_out_of_the_project_are_not_read(tmp_path):
    project = make(tmp_path)
    (tmp_path / "mine.json").write_text('{"findings": [{"name": "mine"}]}')
    (project / findings.FILE).symlink_to(tmp_path / "mine.json")
    with pytest.raises(ProjectError, match="leads out of the project"):
        findings.load(project)


LOOPS = f"""
import sys
sys.path.insert(0, {str(guard.PROGRAM.parent)!r})
import structure
structure.examine = lambda *_: [None for _ in iter(int, 1)]
structure.main()
"""


@pytest.mark.parametrize(
    ("program", "computing", "waiting"), [("import time\ntime.sleep(60)", 60, 0.5), (LOOPS, 0.2, 60)]
)
def test_a_file_that_hangs_the_library_is_given_up(program, computing, waiting, tmp_path, monkeypatch):
    """By the clock, or by how long it computes: a busy machine lets honest files wait."""
    project = make(tmp_path)
    script = tmp_path / "hangs.py"
    script.write_text(program)
    monkeypatch.setattr(guard, "PROGRAM", script)
    monkeypatch.setattr(guard, "COMPUTING", computing)
    monkeypatch.setattr(guard, "WAITING", waiting)
    monkeypatch.setattr(guard, "OWN", set())
    guard.WORKER.end()
    start = time.monotonic()
    with pytest.raises(ProjectError, match="has not ended after"):
        store.category_attrs(project, "spectral", "7")
    assert time.monotonic() - start < 30
    monkeypatch.undo()
    os.utime(project / "analyses/spectral/7.nc")  # another state: it is looked at again
    assert store.category_attrs(project, "spectral", "7")["n"] == 3


def test_one_process_looks_at_all_files_and_a_fork_has_its_own(tmp_path):
    project = make(tmp_path)
    guard.OWN.clear()
    guard.check(part(project))
    assert guard.WORKER.process is not None
    first = guard.WORKER.process.pid
    guard.check(project / "analyses/spectral/7.nc")
    assert guard.WORKER.process.pid == first


@pytest.mark.parametrize(
    "change",
    [
        lambda p: shutil.copytree(p / "analyses/spectral", p / "analyses/spectral (copy)"),
        lambda p: (p / "analyses/spectral/x.nc").write_bytes(b"odd"),
        lambda p: store.write_category(p, "spectral", "10²", xr.Dataset({"n": ("sample", [1])}, {"sample": [0]})),
        lambda p: store.write_category(p, "spectral", "9" * 190, xr.Dataset({"n": ("sample", [1])}, {"sample": [0]})),
        lambda p: (p / "attributions/index.nc").write_bytes(b"odd"),
        lambda p: (p / "analyses/spectral/index.nc").write_bytes(b"odd"),
    ],
    ids=["copied folder", "odd file", "10 squared", "many digits", "odd index", "odd index of an analysis"],
)
def test_the_rest_of_a_project_stays_open(change, tmp_path):
    project = make(tmp_path)
    change(project)
    found = open_projects([str(project)])["gift"]
    assert not found.error
    assert open_category(found, "spectral", "7").sample.tolist() == [0, 1, 2]


@pytest.mark.parametrize("error", [MemoryError(), RecursionError(), IndexError("x"), OverflowError(), TypeError("x")])
def test_any_error_is_the_message_of_its_project(error, tmp_path, monkeypatch):
    project = make(tmp_path)

    def fails(_path: object) -> None:
        raise error

    monkeypatch.setattr(store, "read_project", fails)
    os.utime(project)
    assert open_projects([str(project)])["gift"].error


def test_a_memo_entry_of_somebody_else_is_computed_again(tmp_path, monkeypatch):
    calls_of = memo.memoize(lambda x: len(str(x)), tmp_path / "cache")
    assert calls_of(3) == calls_of(3) == 1
    assert [entry.hits for entry in memo.info(tmp_path / "cache")] == [1]
    monkeypatch.setattr(key, "_key", lambda: b"another user's key")
    assert calls_of(3) == 1
    assert [entry.hits for entry in memo.info(tmp_path / "cache")] == [1]  # written anew, and not taken


def test_a_memo_that_cannot_be_written_costs_a_warning(tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")
    with pytest.warns(UserWarning, match="is computed and not remembered"):
        assert memo.memoize(len, tmp_path / "cache")("text") == 4


@pytest.mark.parametrize("limit", [True, False], ids=["nearly full", "read-only"])
def test_reading_writes_nothing_that_it_needs(limit, tmp_path):
    project = make(tmp_path)
    for index in project.rglob("index.nc"):
        index.unlink()
    code = (
        "import resource, signal, sys\n"
        "from spray import store\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        + ("resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64))\n" if limit else "")
        + f"print(store.open_attributions({str(project)!r}).sizes['sample'])\n"
        f"print(store.read_analysis_index({str(project)!r}, 'spectral').sizes['category'])\n"
    )
    if not limit:
        for folder in project.rglob("*"):
            if folder.is_dir():
                folder.chmod(0o555)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["3", "1"], done.stderr


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FACTS = ["name", "schema", "label_names", "method", "category_names", "created", "composite"]
ARRAYS = st.sampled_from(["i1", "u8", "f4", "f8", "S1", str])
NAMES = st.sampled_from(
    ["sample", "image", "relevance", "label", "tsne", "cluster", "eigenvalue", "output", "label_name"]
)
DIMS = st.lists(st.sampled_from(["sample", "axis", "clustering", "class", "y"]), max_size=4, unique=True)
ATTRS = st.dictionaries(
    st.sampled_from(
        ["scale_factor", "add_offset", "_FillValue", "units", "calendar", "coordinates", "dtype", "n", "category"]
    ),
    st.sampled_from(["x", "days since 2000-01-01", "days since x", "bool"]) | st.integers(-(2**31), 2**31 - 1),
    max_size=3,
)


def looked_at(project: Path) -> None:
    """All that the viewer does first; an error is a message, and nothing else is raised."""
    guard.OWN.clear()
    found = open_projects([str(project)])["gift"]
    for analysis, categories in found.analyses.items():
        for category in categories:
            with suppress(ProjectError):
                open_category(found, analysis, category)
    if not found.error:
        _ = found.name, found.label_names, found.label_text(0)
        for name in found.attributions.data_vars:
            with suppress(ProjectError):
                _ = found.attributions[name].values


def write_random(file: Path, variables: list[tuple[str, str | type, list[str], dict]]) -> None:
    with netCDF4.Dataset(file, "w") as out:
        for name, size in {"sample": 3, "axis": 2, "clustering": 1, "class": 2, "y": 4}.items():
            out.createDimension(name, size)
        for name, dtype, dims, attrs in {row[0]: row for row in variables}.values():
            made = out.createVariable(name, dtype, dims, fill_value=False)
            for key_, value in attrs.items():
                if key_ != "_FillValue":
                    made.setncattr(key_, value)


@pytest.mark.slow
@hypothesis.settings(suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@hypothesis.given(st.data())
def test_random_netcdf_is_a_message_or_data(tmp_path, data):
    project = tmp_path / "gift"
    shutil.rmtree(project, ignore_errors=True)
    make(tmp_path)
    which = data.draw(st.sampled_from(sorted(project.rglob("*.nc"))))
    write_random(which, data.draw(st.lists(st.tuples(NAMES, ARRAYS, DIMS, ATTRS), max_size=6)))
    looked_at(project)


@pytest.mark.slow
@hypothesis.settings(suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@hypothesis.given(st.data())
def test_a_changed_byte_is_a_message_or_data(tmp_path, data):
    project = tmp_path / "gift"
    shutil.rmtree(project, ignore_errors=True)
    make(tmp_path)
    which = data.draw(st.sampled_from(sorted(project.rglob("*.nc"))))
    raw = bytearray(which.read_bytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] = data.draw(st.integers(0, 255))
    which.write_bytes(raw)
    looked_at(project)


@pytest.mark.slow
@hypothesis.settings(suppress_health_check=[hypothesis.HealthCheck.function_scoped_fixture])
@hypothesis.given(JSON, st.dictionaries(st.sampled_from(FACTS), JSON, max_size=4))
def test_random_facts_are_a_message_or_a_project(tmp_path, whole, changed):
    project = tmp_path / "gift"
    if not project.exists():
        make(tmp_path)
    file = project / "project.json"
    for facts in (whole, {"schema": 1, "name": "x"} | changed):
        file.write_text(json.dumps(facts), encoding="utf-8")
        looked_at(project)
