"""The report of bench.attribution on results made by hand."""

import json

from bench.attribution import report


def row(model, **seconds):
    found = {"gradient": 2.0, **seconds}
    return {"model": model, "composite": "epsilon_plus", "batch": 8, "setup": 1.0, "seconds": found}


def test_bounds_are_compared_with_what_was_measured():
    results = {"times": [row("vgg16", ours=3.0, Zennit=8.0), row("resnet50", ours=4.0)]}
    found = {what: (asked, measured, kept) for what, asked, measured, kept in report.verdicts(results)}
    assert found["ours / gradient, epsilon_plus, vgg16"] == ("<= 1.6", "1.50", "yes")
    assert found["ours / gradient, epsilon_plus, resnet50"] == ("<= 1.6", "2.00", "no")
    assert found["setup of vgg16, seconds"] == ("<= 3", "1.00", "yes")
    assert not any("compiled" in what or "memory" in what for what in found)


def test_rows_measured_again_replace_the_earlier_ones(tmp_path):
    path = tmp_path / "results.json"
    report.save(path, {"times": [row("vgg16", ours=3.0), row("resnet50", ours=4.0)]})
    report.save(path, {"times": [row("vgg16", ours=2.0)]})
    kept = json.loads(path.read_text())
    assert {r["model"]: r["seconds"]["ours"] for r in kept["times"]} == {"vgg16": 2.0, "resnet50": 4.0}
    assert kept["facts"]["threads"] >= 1


def test_the_page_shows_every_row_and_a_plot(tmp_path):
    key = {"model": "vgg16", "composite": "epsilon_plus"}
    results = {
        "times": [row("vgg16", ours=3.0, Zennit=8.0)],
        "memory": [key | {"batch": 8, "megabytes": {"gradient": 1000.0, "ours": 1100.0}}],
        "accuracy": [key | {"errors": {"plain": 1e-6, "fast": 2e-6}}],
        "facts": report.facts(),
    }
    report.plot(results, tmp_path / "plot.png")
    text = report.page(results, [("measured", "asked", "found", "kept"), *report.verdicts(results)], "plot.png")
    assert "| vgg16 | epsilon_plus | 8 | 2.00 |  |  |  | 1.50 |  | 4.00 |  | 2.67 | 1.10 | 1.0 |" in text
    assert "| vgg16 | epsilon_plus | 1.0e-06 | 2.0e-06 |  |" in text
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
