"""The one writer: whole files or none, whoever is killed or interrupted; no link is followed; nothing else writes."""

import os
import random
import signal
import threading
import time
from datetime import timedelta
from pathlib import Path

import pytest

from spray import memo, store
from spray.cli import main
from spray.files import (
    ProjectError,
    append,
    claim,
    locked,
    locks,
    remove,
    remove_orphans,
    replacing,
    uninterrupted,
    write_text,
)
from spray.files.orphans import ABANDONED, temporary_name
from tests.support.writers import changed, part, run, temporaries
from viewer.projects import Finding, findings

# Whole or not at all


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_old_file_and_no_other(tmp_path, error):
    write_text(tmp_path / "a.txt", "old")
    with pytest.raises(error), replacing(tmp_path / "a.txt") as temporary:
        temporary.write_text("half")
        raise error
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"] and (tmp_path / "a.txt").read_text() == "old"


def test_file_and_folder_are_flushed_before_and_after_the_rename(tmp_path, monkeypatch):
    calls, fsync, replace = [], os.fsync, Path.replace
    monkeypatch.setattr(os, "fsync", lambda number: (calls.append("flush"), fsync(number))[1])
    monkeypatch.setattr(Path, "replace", lambda *paths: (calls.append("rename"), replace(*paths))[1])
    write_text(tmp_path / "a.txt", "new")
    assert calls == ["flush", "rename", "flush"]


def test_the_writer_loads_nothing_big():
    big = "{'numpy', 'xarray', 'netCDF4', 'torch', 'bokeh'}"
    code = f"import sys, spray.files; print(*{big} & sys.modules.keys())"
    assert run(code).communicate(timeout=60)[0].split() == []


def test_the_longest_names_have_temporaries_that_fit(tmp_path):
    store.write_category(tmp_path, "a", "é" * 500, part())
    write_text(tmp_path / ("é" * 120 + ".txt"), "fits")


# Interrupts

LOOP = """
import sys
from pathlib import Path
from spray import store
from tests.spray.test_writing import part
try:
    store.write_part(sys.argv[1], 0, part())
    print("ready", flush=True)
    for number in range(10**9):
        store.write_part(sys.argv[1], number % 5, part(50))
except KeyboardInterrupt:
    store.write_part(sys.argv[1], 9, part())  # no library's lock is left taken
    print(*Path(sys.argv[1]).rglob("*.tmp"))
    sys.exit(130)
"""


@pytest.mark.parametrize("times", [3, pytest.param(12, marks=pytest.mark.slow)])
def test_an_interrupted_writer_can_go_on_and_leaves_nothing(tmp_path, times):
    draw = random.Random(0)
    store.write_project(tmp_path, name="p")
    for _ in range(times):
        process = run(LOOP, tmp_path)
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        time.sleep(draw.uniform(0, 0.05))
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[0].strip() == "" and process.returncode == 130
    assert not temporaries(tmp_path) and set(store.parts(tmp_path)) >= {0, 9}
    for file in store.parts(tmp_path).values():
        assert store.read_netcdf(file, lambda data: data.sizes["sample"], remedy="") in (4, 50)


def test_an_interrupt_waits_for_the_end_of_the_block_also_nested():
    done = []
    with pytest.raises(KeyboardInterrupt):
        with uninterrupted():
            with uninterrupted():
                signal.raise_signal(signal.SIGINT)
            done.append("inner")
        done.append("never")
    assert done == ["inner"] and signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_other_threads_write_too(tmp_path):
    threads = [threading.Thread(target=store.write_part, args=(tmp_path, n, part())) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(store.parts(tmp_path)) == [0, 1, 2, 3]


# Orphans

WAITS = """
import sys, time
from pathlib import Path
from spray.files import {0}
with {0}(Path(sys.argv[1])):
    print("ready", flush=True)
    time.sleep(60)
"""
AGAIN = """
import sys, time
from pathlib import Path
from spray.files import locked
while True:
    with locked(Path(sys.argv[1])):
        print("ready", flush=True)
        time.sleep(0.05)
"""
KILLED = """
import os, signal, sys
from pathlib import Path
from spray.files import replacing
with replacing(Path(sys.argv[1])) as temporary:
    temporary.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("place", ["findings.json", "attributions/part-00000.nc", "analyses/a/0.nc", "cache/s/x.nc"])
def test_what_a_killed_writer_left_goes_when_the_project_is_next_written_to(tmp_path, place):
    run(KILLED, tmp_path / place).communicate(timeout=60)
    assert len(temporaries(tmp_path)) == 1
    run("import sys; from spray import store; store.write_project(sys.argv[1], name='p')", tmp_path).communicate()
    assert not temporaries(tmp_path) and (tmp_path / "project.json").exists()


def test_what_is_being_written_is_no_orphan(tmp_path):
    process = run(WAITS.format("replacing"), tmp_path / "a.txt")
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    (other,) = temporaries(tmp_path)
    with replacing(tmp_path / "b.txt"):
        assert remove_orphans(tmp_path) == []
    process.kill()  # and not waited for yet: a zombie writes no more
    deadline = time.monotonic() + 10
    while not (gone := remove_orphans(tmp_path)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert gone == [other] and not temporaries(tmp_path)
    process.communicate()


def test_of_other_machines_only_what_is_old_is_an_orphan(tmp_path):
    ours = temporary_name(tmp_path / "a.nc").name
    host = ours.removeprefix(".a.nc.")[:8]
    file = tmp_path / ours.replace(host, "0" * 8 if host != "0" * 8 else "1" * 8)
    file.touch()
    for age in (0, ABANDONED / 2, -1e9):  # a time in the future is no age
        changed(file, time.time() - age)
        assert remove_orphans(tmp_path) == []
    changed(file, time.time() - 2 * ABANDONED)
    assert remove_orphans(tmp_path) == [file]


def test_orphans_are_not_looked_for_beyond_links_and_are_none_themselves(tmp_path):
    outside, project = tmp_path / "outside", tmp_path / "project"
    outside.mkdir()
    project.mkdir()
    name = temporary_name(Path("a.nc")).name.replace(f"-{os.getpid()}-", "-999999999-")
    (outside / name).touch()
    (project / "cache").symlink_to(outside)
    (project / name).symlink_to(outside / name)
    assert remove_orphans(project, 2) == [] and (outside / name).exists()


# Links


@pytest.fixture
def gift(tmp_path):
    """A project, and a folder of ours with the only copy of something."""
    store.write_project(tmp_path / "gift", name="gift")
    mine = tmp_path / "mine" / "sub"
    mine.mkdir(parents=True)
    for name in ("0.nc", "index.nc", "findings.json", f"{'0' * 32}.nc"):
        (mine / name).write_text("the only copy")
    return tmp_path / "gift", tmp_path / "mine"


WRITERS = {
    "attributions": lambda project: store.write_part(project, 0, part()),
    "analyses": lambda project: store.save_analysis({"0": part()}, project, name="sub"),
    "analyses/sub": lambda project: store.save_analysis({"0": part()}, project, name="sub"),
    "analyses/sub/0.nc": lambda project: store.write_category(project, "sub", "0", part()),
    "findings.json": lambda project: findings.keep(project, Finding("mine")),
    "project.json": lambda project: store.write_project(project, name="other"),
    "project.lock": lambda project: findings.keep(project, Finding("mine")),
    "cache": lambda project: memo.memoize(len, project / "cache")("text"),
    "cache/len": lambda project: memo.memoize(len, project / "cache")("text"),
}
DELETERS = {
    "cache": lambda project: memo.prune(project / "cache", max_size=0),
    "cache/sub": lambda project: memo.prune(project / "cache", older_than=timedelta(0)),
    "analyses": lambda project: store.drop_category(project, "sub", "0"),
    "analyses/sub": lambda project: store.drop_category(project, "sub", "0"),
    "analyses/sub/0.nc": lambda project: store.drop_category(project, "sub", "0"),
}


@pytest.mark.parametrize(("link", "act"), [*WRITERS.items(), *DELETERS.items()])
def test_nothing_is_written_or_deleted_through_a_link(gift, link, act):
    project, mine = gift
    target = mine / "sub" / "findings.json" if "." in link else mine if link in ("cache", "analyses") else mine / "sub"
    if "." in link:
        target.write_text((project / "project.json").read_text() if link == "project.json" else '{"findings": []}')
    before = {file: file.read_bytes() for file in mine.rglob("*") if file.is_file()}
    (project / link).unlink(missing_ok=True)
    (project / link).parent.mkdir(parents=True, exist_ok=True)
    (project / link).symlink_to(target)
    with pytest.raises(ProjectError, match="is a link to") as refused:
        act(project)
    assert str(project / link) in str(refused.value) and "\n" not in str(refused.value)
    assert {file: file.read_bytes() for file in mine.rglob("*") if file.is_file()} == before


def test_the_old_temporary_of_findings_is_not_written_through(gift):
    project, mine = gift
    keys = mine / "authorized_keys"
    keys.write_text("mine")
    (project / ".findings.json.tmp").symlink_to(keys)
    findings.keep(project, Finding("a"))
    assert keys.read_text() == "mine" and not (project / "findings.json").is_symlink()


def test_counting_a_hit_follows_no_link(gift):
    project, mine = gift
    remembered = memo.memoize(len, project / "cache")
    remembered("text")
    (entry,) = (project / "cache").glob("*/*.nc")
    (mine / "hits").write_text("mine")
    entry.with_suffix(".hits").symlink_to(mine / "hits")
    assert remembered("text") == 4 and (mine / "hits").read_text() == "mine"
    with pytest.raises(OSError, match="symbolic"):
        append(entry.with_suffix(".hits"), b".")


def test_the_command_refuses_in_one_line(gift, capsys):
    project, mine = gift
    (project / "cache").symlink_to(mine)
    with pytest.raises(SystemExit):
        main(["prune", str(project), "--max-size", "0"])
    said = capsys.readouterr().err
    assert said.startswith(f"error: {project / 'cache'} is a link") and said.count("\n") == 1
    assert (mine / "sub" / f"{'0' * 32}.nc").exists()


def test_a_project_whose_root_is_a_link_is_written_to(tmp_path):
    (tmp_path / "real").mkdir()
    root = tmp_path / "link"
    root.symlink_to(tmp_path / "real")
    store.write_project(root, name="p")
    store.write_part(root, 0, part())
    store.save_analysis({"0": part()}, root, name="a")
    findings.keep(root, Finding("a"))
    assert store.open_attributions(root).sizes["sample"] == 4 and root.is_symlink()
    memo.memoize(len, root / "cache")("text")
    assert len(memo.prune(root / "cache", max_size=0)) == 1


def test_an_index_that_cannot_be_written_is_made_anew_each_time(gift):
    project, mine = gift
    store.write_part(project, 0, part())
    (project / "attributions" / "index.nc").symlink_to(mine / "sub" / "0.nc")
    assert store.read_index(project).sizes["sample"] == 4
    assert (mine / "sub" / "0.nc").read_text() == "the only copy"


def test_removing_names_the_link(tmp_path):
    (tmp_path / "a").symlink_to(tmp_path / "b")
    with pytest.raises(ProjectError, match="a is a link to"):
        remove(tmp_path / "a")
    assert (tmp_path / "a").is_symlink()


def test_a_project_that_was_moved_away_is_not_begun_anew(tmp_path):
    store.write_project(tmp_path / "p", name="p")
    (tmp_path / "p").rename(tmp_path / "elsewhere")
    with pytest.raises(ProjectError, match="there is no project at"):
        store.write_part(tmp_path / "p", 0, part())
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    "act",
    [
        lambda path: findings.keep(path, Finding("a")),
        lambda path: store.add_facts(path, model="m"),
        lambda path: claim(path / "cache" / "claims" / "0.lock", 0, path).__enter__(),
    ],
)
def test_a_project_that_is_moved_while_its_lock_is_taken_leaves_nothing(act, tmp_path, monkeypatch):
    store.write_project(tmp_path / "p", name="p")
    (tmp_path / "p" / "cache" / "claims").mkdir(parents=True)
    take = locks._take

    def moved_first(lock):
        (tmp_path / "p").rename(tmp_path / "elsewhere")
        return take(lock)

    monkeypatch.setattr(locks, "_take", moved_first)
    with pytest.raises(ProjectError, match="there is no project at"):
        act(tmp_path / "p")
    assert [path.name for path in tmp_path.iterdir()] == ["elsewhere"]
    with pytest.raises(ProjectError, match="there is no project at"):  # nor afterwards
        act(tmp_path / "p")
    assert not (tmp_path / "p").exists()


# Locks


def test_who_waits_for_a_lock_gets_it_from_one_who_takes_it_again_and_again(tmp_path):
    process = run(AGAIN, tmp_path)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    start = time.monotonic()
    for _ in range(10):
        with locked(tmp_path, 10):
            pass
    took = time.monotonic() - start
    process.kill()
    process.communicate()
    assert took < 5


def test_a_lock_that_another_process_has_is_an_error_that_names_it(tmp_path):
    process = run(WAITS.format("locked"), tmp_path)
    assert process.stdout is not None and process.stdout.readline() == "ready\n"
    with (
        pytest.raises(ProjectError, match=r"project\.lock has been locked .* for 0\.2 s") as error,
        locked(tmp_path, 0.2),
    ):
        pass
    assert "\n" not in str(error.value)
    process.kill()
    process.communicate()
    with locked(tmp_path, 10), locked(tmp_path, 10):  # what a dead process had is free
        pass


def test_threads_exclude_each_other(tmp_path):
    inside, most = [], []

    def work():
        for _ in range(5):
            with locked(tmp_path), locked(tmp_path):
                inside.append(1)
                most.append(len(inside))
                time.sleep(0.001)
                inside.pop()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == [1] * 20


def test_a_claim_is_one_s(tmp_path):
    with claim(tmp_path / "a.lock") as first, claim(tmp_path / "a.lock", 0) as second:
        assert (first, second) == (True, False)
    with claim(tmp_path / "a.lock", 0) as again:
        assert again


def test_failures_recorded_at_once_are_all_in_the_index(tmp_path):
    store.save_analysis({"0": part()}, tmp_path, name="a")
    threads = [
        threading.Thread(target=store.write_analysis_index, args=(tmp_path, "a", {f"bad {n}": "why"})) for n in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert store.read_analysis_index(tmp_path, "a").sizes["category"] == 9


# Clocks


@pytest.mark.parametrize("when", [time.time() + 1e9, 253402300800.0 + 1e9, 0.0], ids=["2055", "year 10031", "1970"])
def test_pruning_survives_any_time_of_a_file(tmp_path, when):
    remembered = memo.memoize(len, tmp_path)
    remembered("text")
    (entry,) = tmp_path.glob("*/*.nc")
    changed(entry, when)
    assert len(memo.info(tmp_path)) == 1
    removed = memo.prune(tmp_path, older_than=timedelta(days=1))
    assert removed == ([entry] if when == 0 else [])


def test_pruning_leaves_what_is_no_entry(tmp_path):
    (tmp_path / "2026").mkdir()
    (tmp_path / "2026" / "measured.nc").write_text("the only copy")
    assert memo.prune(tmp_path, max_size=0, older_than=timedelta(0)) == []
