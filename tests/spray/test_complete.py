"""Complete is a number; parts and categories are as they were written, or named; what is locked is not damaged."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time

import netCDF4
import numpy as np
import pytest
import xarray as xr

from spray import analysis, store
from spray.cli import main
from spray.files import claim, seals
from spray.store import ProjectError, Unreadable, missing
from spray.store.netcdf import load, read_netcdf

HEAT = np.random.default_rng(0).normal(size=(60, 6, 6)).astype("f4")


def part(ids, **attrs):
    ids = np.asarray(ids)
    heat = (("sample", "y", "x"), HEAT[: len(ids)] + ids[:, None, None].astype("f4"))
    return xr.Dataset({"relevance": heat}, {"sample": ids, "label": ("sample", ids % 2)}, attrs)


def project(path, ids=range(6), size=2, parts=(0, 1, 2), **facts):
    ids = list(ids)
    store.write_project(path, name="p", samples=store.expected_samples(ids, size), **facts)
    for number in parts:
        store.write_part(path, number, part(ids[number * size : (number + 1) * size]))
    return path


def flipped(path, at, bit):
    """Change one bit, and hide it behind the old time."""
    raw, stat = bytearray(path.read_bytes()), path.stat()
    raw[at] ^= 1 << bit
    path.write_bytes(raw)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


# What is missing


def test_a_whole_project_lacks_nothing(tmp_path):
    found = missing(project(tmp_path, [5, 3, 9, 1, 0, 7]))
    assert found.complete and str(found) == "" and (found.present, found.expected) == (6, 6)


@pytest.mark.parametrize("damaged", [False, True])
def test_missing_parts_are_listed_with_their_positions(tmp_path, damaged):
    path = project(tmp_path, parts=(0, 1, 2) if damaged else (0, 2))
    if damaged:
        flipped(store.parts(path)[1], 300, 0)
    found = missing(path)
    assert found.parts == (1,) and found.samples == (range(2, 4),)
    assert str(found) == "incomplete: 4 of 6 samples (without part 1)"


def test_a_project_without_any_part(tmp_path):
    assert missing(project(tmp_path, parts=())).parts == (0, 1, 2)


def test_samples_that_failed_are_listed(tmp_path):
    path = project(tmp_path, parts=(0, 1))
    store.write_part(path, 2, part([4], failed=json.dumps({5: "no picture"})))
    found = missing(path)
    assert found.failed == {5: "no picture"} and not found.parts and not found.others
    assert str(found) == "incomplete: 5 of 6 samples (1 could not be explained)"


def test_other_ids_are_noticed(tmp_path):
    path = project(tmp_path, parts=(0, 1))
    store.write_part(path, 2, part([4, 8]))
    assert missing(path).others and "ids are others" in str(missing(path))


@pytest.mark.parametrize("samples", [None, 3, {}, {"number": "6"}, {"number": 10**18, "part_size": 1, "ids": ""}])
def test_a_number_that_is_not_there_or_not_sane_is_unknown(tmp_path, samples):
    store.write_project(tmp_path, name="p", **({} if samples is None else {"samples": samples}))
    store.write_part(tmp_path, 0, part([0, 1]))
    found = missing(tmp_path)
    assert found.expected is None and found.complete is None and found.present == 2 and str(found) == ""


# Results and commands say so


@pytest.fixture
def half(tmp_path):
    return project(tmp_path / "half", range(40), 10, (0, 2))


def test_results_are_stamped_and_made_again_when_more_is_there(half, capsys):
    analyse = ["analyse", str(half), "--neighbors", "3", "--components", "3"]
    main(analyse)
    assert "incomplete: 20 of 40 samples (without part 1, 3)" in capsys.readouterr().err
    assert store.category_attrs(half, "spectral", "0")["coverage"] == "20 of 40 samples"
    for command in (["info", str(half)], ["rank", str(half)]):
        main(command)
        assert "incomplete: 20 of 40 samples" in capsys.readouterr().err
    for number in (1, 3):
        store.write_part(half, number, part(range(10 * number, 10 * number + 10)))
    main(["rank", str(half)])
    assert "of 20 of 40 samples, the project has 40 of 40" in capsys.readouterr().err
    main(analyse)
    main(["rank", str(half)])
    assert "samples" not in capsys.readouterr().err
    assert store.category_attrs(half, "spectral", "0")["coverage"] == "40 of 40 samples"


def test_nothing_is_stamped_where_the_number_is_unknown(tmp_path, capsys):
    store.write_project(tmp_path, name="p")
    store.write_part(tmp_path, 0, part(range(20)))
    analysis.analyse(store.open_attributions(tmp_path), lambda data: data[["label"]], out=tmp_path, progress=False)
    assert "coverage" not in store.category_attrs(tmp_path, "spectral", "0")
    main(["info", str(tmp_path)])
    assert capsys.readouterr().err == ""


# As written, or named


@pytest.mark.parametrize("file", ["attributions/part-00000.nc", "attributions/index.nc", "analyses/a/x.nc"])
def test_no_bit_flip_and_no_cut_is_read_as_data(tmp_path, file):
    path = project(tmp_path, range(60), 30, (0, 1))
    store.save_analysis({"x": part(range(30), n=3)}, path, name="a")

    def read():
        return store.open_attributions(path).load(), store.open_analysis(path, "a")["x"]

    right, place, chance = read(), path / file, np.random.default_rng(0)
    raw = place.read_bytes()
    ends = []
    for n in range(216):
        stat = place.stat()
        if n < 200:
            flipped(place, chance.integers(len(raw)), chance.integers(8))
        else:
            place.write_bytes(raw[: len(raw) * (n - 200) // 16])
        os.utime(place, ns=(stat.st_atime_ns, stat.st_mtime_ns))
        try:
            ends.append(all(map(xr.Dataset.identical, read(), right)))
        except ProjectError as error:
            assert place.name in str(error)
        place.write_bytes(raw)
    assert all(ends)
    assert len(ends) >= 200 if place.name == "index.nc" else len(ends) < 100


def test_a_file_is_checked_once_and_again_when_it_changed(tmp_path, monkeypatch):
    path, calls = project(tmp_path), []
    digest = seals._digest
    monkeypatch.setattr(seals, "_digest", lambda file, size: calls.append(file.name) or digest(file, size))
    for _ in range(3):
        for row in range(6):
            store.open_attributions(path).relevance[row].load()
    assert [calls.count(file.name) for file in store.parts(path).values()] == [1, 1, 1]
    calls.clear()
    store.parts(path)[1].touch()
    store.open_attributions(path).relevance[2].load()
    assert calls.count("part-00001.nc") == 1 and "part-00000.nc" not in calls


@pytest.mark.parametrize("change", ["without", "edited"])
def test_a_file_without_a_digest_is_read_as_before(tmp_path, change):
    file = store.parts(project(tmp_path))[0]
    if change == "without":
        file.write_bytes(file.read_bytes()[: -seals.LENGTH])
    else:
        with netCDF4.Dataset(file, "a") as opened:
            opened["label"][0] = 5
    assert seals.MARK not in file.read_bytes()
    assert read_netcdf(file, load, remedy="").label.values.tolist() == [0 if change == "without" else 5, 1]


def test_xarray_alone_reads_what_is_sealed(tmp_path):
    file = store.parts(project(tmp_path))[0]
    assert file.read_bytes()[-seals.LENGTH :].startswith(seals.MARK)
    assert xr.open_dataset(file).sample.values.tolist() == [0, 1]


# Locked or unreadable is not damaged


LOCKER = (
    "import fcntl, sys; f = open(sys.argv[1]); fcntl.flock(f, fcntl.LOCK_EX); print(1, flush=True); sys.stdin.read()"
)


@pytest.mark.parametrize("sealed", [True, False])
def test_a_locked_file_is_not_called_damaged(tmp_path, sealed):
    path = project(tmp_path)
    file = store.parts(path)[0]
    if not sealed:
        file.write_bytes(file.read_bytes()[: -seals.LENGTH])
    command = [sys.executable, "-c", LOCKER, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout and other.stdout.readline()
        with pytest.raises(Unreadable, match="another program has it open") as error:
            read_netcdf(file, load, remedy="delete it")
        assert "delete" not in str(error.value)
        with pytest.raises(Unreadable):
            missing(path)
        other.kill()
    assert missing(path).complete


@pytest.mark.parametrize("failure", [PermissionError(13, "Permission denied"), OSError(24, "Too many open files")])
def test_a_file_that_we_may_not_read_is_not_called_damaged(tmp_path, monkeypatch, failure):
    file = store.parts(project(tmp_path))[0]
    monkeypatch.setattr(type(file), "open", lambda *_, **__: (_ for _ in ()).throw(failure))
    with pytest.raises(Unreadable, match=r"permission|Too many") as error:
        read_netcdf(file, load, remedy="delete it")
    assert "delete" not in str(error.value)


# Locks where the file system has none


HOLDER = """
import errno, fcntl, pathlib, sys
def none(*_): raise OSError(errno.ENOSYS, "no locks here")
fcntl.flock = none
from spray.files import claim
with claim(pathlib.Path(sys.argv[1]), 0) as ours:
    print(ours, flush=True)
    sys.stdin.read()
"""


def test_a_soft_lock_of_a_dead_process_is_recognised(tmp_path, monkeypatch):
    file = tmp_path / "some.lock"

    def none(*_):
        raise OSError(38, "no locks here")

    monkeypatch.setattr(fcntl, "flock", none)
    command = [sys.executable, "-W", "ignore", "-c", HOLDER, str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout and other.stdout.readline() == "True\n"
        with pytest.warns(UserWarning, match="not supported"), claim(file, 0) as ours:
            assert not ours
        other.send_signal(signal.SIGKILL)
        other.wait()
        start = time.monotonic()
        with pytest.warns(UserWarning, match="not supported"), claim(file, 5) as ours:
            assert ours and time.monotonic() - start < 3
