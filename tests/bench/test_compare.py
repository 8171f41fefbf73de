"""Results of a bench side by side, on results made by hand and on those of the documentation."""

import json
from pathlib import Path

import pytest

from bench import compare
from bench.compare import Pair, measures, pairs, verdict

ROOT = Path(__file__).resolve().parents[2]


def row(model, ours, batch=8):
    return {"model": model, "batch": batch, "seconds": {"ours": ours}, "errors": {"plain": 1e-6}, "nodes": 30}


def test_rows_are_paired_by_their_words_whatever_their_order():
    before = {"times": [row("vgg16", 1.0), row("vgg16", 9.0, batch=16), row("alexnet", 2.0)], "facts": {"threads": 2}}
    after = {"times": [row("alexnet", 4.0), row("vgg16", 1.0), row("resnet18", 3.0)], "facts": {"threads": 4}}
    assert pairs(before, after) == [
        Pair("times, vgg16, batch 8, seconds, ours", 1.0, 1.0),
        Pair("times, vgg16, batch 16, seconds, ours", 9.0, None),
        Pair("times, alexnet, batch 8, seconds, ours", 2.0, 4.0),
        Pair("times, resnet18, batch 8, seconds, ours", None, 3.0),
    ]
    assert [verdict(pair) for pair in pairs(before, after)] == ["same", "gone", "worse", "new"]


@pytest.mark.parametrize(
    ("after", "told"),
    [(1.0, "same"), (1.09, "same"), (1.11, "worse"), (0.91, "same"), (0.89, "better"), (0.0, "better")],
)
def test_a_tenth_more_is_worse(after, told):
    assert verdict(Pair("setup", 1.0, after)) == told


def test_nothing_has_no_ratio():
    assert verdict(Pair("setup", 0.0, 1.0)) == "no ratio"
    assert "no ratio" in compare.table([Pair("setup", 0.0, 1.0)])


def test_rows_that_cannot_be_told_apart_are_an_error():
    with pytest.raises(ValueError, match="two rows are 'times, vgg16, batch 8, seconds, ours'"):
        measures({"times": [row("vgg16", 1.0), row("vgg16", 2.0)]})


def test_rows_without_a_table_are_read_as_bench_coverage_writes_them():
    assert measures([{"model": "vgg16", "trace_s": 0.5, "residual": 1e-7, "finite": True}]) == {"vgg16, trace_s": 0.5}


def test_the_results_of_the_documentation_equal_themselves():
    results = json.loads((ROOT / compare.FILE).read_text(encoding="utf-8"))
    found = pairs(results, results)
    assert len(found) > 300
    assert {verdict(pair) for pair in found} == {"same"}
    assert not [pair.what for pair in found if "accuracy" in pair.what or "facts" in pair.what]


def test_what_is_neither_file_nor_commit_is_an_error(monkeypatch):
    monkeypatch.chdir(ROOT)
    with pytest.raises(SystemExit, match="'no-such-commit' is no file, and as a commit"):
        compare.read("no-such-commit", compare.FILE)


def test_a_file_is_read(tmp_path, capsys, monkeypatch):
    for name, seconds in (("a", 1.0), ("b", 1.5)):
        (tmp_path / name).write_text(json.dumps({"times": [row("vgg16", seconds)]}))
    monkeypatch.setattr("sys.argv", ["compare", str(tmp_path / "a"), str(tmp_path / "b")])
    with pytest.raises(SystemExit) as ended:
        compare.main()
    assert ended.value.code == 1
    assert "1.50  worse\n1 of 1 worse by more than 10%" in capsys.readouterr().out
