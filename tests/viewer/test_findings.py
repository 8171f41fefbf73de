"""Findings: kept by any number of processes, never lost, never overwritten in silence."""

import json
import random
import time

import pytest

from spray.files import (
    ProjectError,
)
from tests.support.writers import run, temporaries
from viewer.projects import Finding, findings

KEEPER = """
import sys
from pathlib import Path
from viewer.projects import Finding, findings
for number in range(25):
    findings.keep(Path(sys.argv[1]), Finding(f"{sys.argv[2]}" if sys.argv[3] == "same" else f"{sys.argv[2]} {number}"))
"""


def test_four_processes_keep_25_findings_each_and_none_is_lost(tmp_path):
    processes = [
        run(KEEPER, tmp_path, name, kind) for name, kind in (("a", ""), ("b", ""), ("c", "same"), ("c", "same"))
    ]
    for process in processes:
        process.communicate(timeout=120)
    assert [process.returncode for process in processes] == [0] * 4
    names = [f"{name} {number}" for name in "ab" for number in range(25)]
    names += ["c", *(f"c ({number})" for number in range(2, 51))]
    assert sorted(findings.load(tmp_path)) == sorted(names) and not temporaries(tmp_path)


def test_a_killed_keeper_leaves_a_file_that_can_be_read(tmp_path):
    draw = random.Random(0)
    for _ in range(5):
        process = run("import sys; from pathlib import Path; from viewer.projects import Finding, findings\n"
            "findings.keep(Path(sys.argv[1]), Finding('a', 'x' * 9000)); print('ready', flush=True)\n"
            "while True: findings.keep(Path(sys.argv[1]), Finding('a', 'x' * 9000))", tmp_path)  # fmt: skip
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        time.sleep(draw.uniform(0, 0.05))
        process.kill()
        process.communicate()
        assert findings.load(tmp_path)["a"].text == "x" * 9000
    assert findings.keep(tmp_path, Finding("b")) == "b"


def test_a_finding_has_an_author_and_a_time(tmp_path, monkeypatch):
    monkeypatch.setenv("LOGNAME", "ada")
    findings.keep(tmp_path, Finding("a"))
    findings.keep(tmp_path, Finding("b", author="grace"))
    found = findings.load(tmp_path)
    assert (found["a"].author, found["b"].author) == ("ada", "grace")
    assert found["a"].created.endswith("+00:00") and "T" in found["a"].created


def test_findings_have_an_order_by_hand(tmp_path):
    for name in "abc":
        findings.keep(tmp_path, Finding(name))
    for name, by, wanted in (("c", -1, "acb"), ("c", -5, "cab"), ("c", 1, "acb"), ("b", 1, "acb"), ("none", 1, "acb")):
        findings.move(tmp_path, name, by)
        assert "".join(findings.load(tmp_path)) == wanted


def test_a_deleted_finding_comes_back_beside_one_that_took_its_name(tmp_path):
    findings.keep(tmp_path, Finding("a", "first"))
    findings.drop(tmp_path, "a")
    findings.keep(tmp_path, Finding("a", "second"))
    findings.drop(tmp_path, "none")
    assert [finding.text for finding in findings.read(tmp_path).deleted] == ["first"]
    assert findings.undelete(tmp_path, "a") == "a (2)"
    assert {name: finding.text for name, finding in findings.load(tmp_path).items()} == {
        "a": "second",
        "a (2)": "first",
    }
    with pytest.raises(ValueError, match="no finding 'a' was deleted"):
        findings.undelete(tmp_path, "a")


def test_findings_of_earlier_versions_are_read_and_kept(tmp_path):
    old = {
        "name": "old",
        "text": "n",
        "tags": ["t"],
        "analysis": "a",
        "category": "3",
        "samples": [1],
        "created": "2025",
    }
    (tmp_path / "findings.json").write_text(json.dumps({"findings": [old, old]}))
    findings.keep(tmp_path, Finding("new"))
    found = findings.load(tmp_path)
    assert list(found) == ["old", "old (2)", "new"]
    assert found["old"] == Finding("old", "n", ("t",), "a", "3", (1,), "2025")


def test_a_damaged_file_is_not_replaced(tmp_path):
    (tmp_path / "findings.json").write_text('{"findings": [')
    with pytest.raises(ProjectError, match="cannot be read"):
        findings.keep(tmp_path, Finding("a"))
    assert (tmp_path / "findings.json").read_text() == '{"findings": ['
