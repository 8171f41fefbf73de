"""The command, from a project on disk to the table of suspects."""

import inspect

import numpy as np
import pytest
import xarray as xr

import spray
from spray import cli, memo, store
from spray._tables import readable
from spray.cli import words
from spray.recipes.words import options, read_stage


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """Three classes; half of class 1 has its relevance in another corner."""
    path = tmp_path_factory.mktemp("project")
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1, 2], 40)
    heat = 0.3 * rng.normal(size=(120, 1, 8, 8)).astype("f4")
    heat[:, 0, 3:6, 3:6] += 1
    heat[40:60, 0] = 0.1 * rng.normal(size=(20, 8, 8))
    heat[40:60, 0, :2, :2] += 1
    coords = {"sample": np.arange(120), "label": ("sample", label), "label_name": ("class", ["ant", "bee", "cat"])}
    store.write_project(path, name="insects", model="net", label_names=["ant", "bee", "cat"])
    store.write_part(path, 0, xr.Dataset({"relevance": (("sample", "channel", "height", "width"), heat)}, coords))
    return path


def run(capsys, *arguments):
    """What the command prints, and its exit code."""
    try:
        cli.main([str(argument) for argument in arguments])
        code = 0
    except SystemExit as end:
        code = end.code
    out = capsys.readouterr()
    return out.out, out.err, code


OPTIONS = ["--neighbors", 6, "--components", 5, "--clusters", "2-3"]


@pytest.fixture
def analysed(project, capsys):
    out, _, code = run(capsys, "analyse", project, *OPTIONS)
    assert code == 0, out
    return out


def test_analyse_info_rank_prune(project, analysed, capsys):
    assert f"3 categories in {project}/analyses/spectral\n" in analysed
    assert list(store.open_analysis(project, "spectral")["1"].clustering.values) == [
        "spectral-2",
        "spectral-3",
        "kmeans-2",
        "kmeans-3",
        "hdbscan-5",
    ]
    out, _, _ = run(capsys, "info", project)
    assert "name      insects\nmodel     net" in out and "samples   120 in 1 parts" in out
    assert "analysis  spectral: 3 categories, 0 failed" in out and "knn_graph" in out
    out, _, code = run(capsys, "rank", project, "--analysis", "spectral", "--top", "2")
    head, first, *rest = out.splitlines()
    assert code == 0 and head.split()[:4] == ["category", "label", "n", "clever_hans"]
    assert first.split()[:3] == ["1", "bee", "40"] and len(rest) == 1
    out, _, _ = run(capsys, "prune", project, "--max-size", "0B")
    assert out.startswith("removed") and memo.info(project / "cache") == []


def test_rank_gives_the_verdict_its_reasons_and_an_explanation(project, analysed, capsys):
    out, err, code = run(capsys, "rank", project, "--top", "2")
    head, first, second = out.splitlines()[:3]
    assert code == 0, err
    assert head.split() == ["category", "label", "n", "suspicion", "judgement", "reasons", "first_samples"]
    assert first.split()[:3] == ["1", "bee", "40"] and "look here" in first and "usual" in second
    assert "20 samples, 50 %; what sets them apart: relevance at the upper left" in first
    assert set(map(int, first.split()[-8:])) <= set(range(40, 60))
    assert "missing: no statistics of hidden layers are kept" in out
    out, _, _ = run(capsys, "rank", project, "--explain", "1")
    assert " ".join(map(str, range(40, 60))) in out and "suspect        analysis verdict, view cells" in out
    assert "spectral  " in out and "times what is usual" in out
    assert "no verdict on '7': give one of 0, 1, 2" in run(capsys, "rank", project, "--explain", "7")[1]
    found = store.open_analysis(project, "spectral")["1"].attrs
    assert (found["suspect_analysis"], found["suspect_view"]) == ("spectral", "relevance")


def test_a_verdict_is_kept_until_something_changes(project, analysed, capsys, monkeypatch):
    run(capsys, "rank", project)
    monkeypatch.setattr("spray.analysis.judged.weighed", None)
    assert run(capsys, "rank", project)[2] == 0


def test_other_recipes_and_groups(project, capsys):
    assert run(capsys, "analyse", project, "--recipe", "histogram", "--by", "none", "--neighbors", 4)[2] == 0
    assert store.open_analysis(project, "histogram")["all"].attrs["n"] == 120
    assert run(capsys, "rank", project, "--analysis", "histogram", "--sort", "eigengap")[2] == 0
    assert (
        run(capsys, "analyse", project, *OPTIONS, "--name", "mine", "--category", 2, "--window", 1, "--no-memo")[2] == 0
    )
    assert list(store.open_analysis(project, "mine")) == ["2"]


def test_every_clustering_and_embedding_with_its_options(project, capsys):
    clusterings = ["spectral_kmeans:clusters=2", "agglomerative:clusters=2,3,linkage=average", "dbscan:eps=0.4"]
    clusterings += ["hdbscan:min_cluster_size=4,min_samples=none", "hdbscan", "kmeans:clusters=2-3,seed=5"]
    embeddings = ["pca:axes=3,whiten=true", "isomap:neighbors=4", "mds", "lle", "tsne:perplexity=5"]
    given = [*(("--clustering", words) for words in clusterings), *(("--embedding", words) for words in embeddings)]
    arguments = ["analyse", project, "--name", "all", "--category", 1, "--components", 4, "--neighbors", 6]
    out, err, code = run(capsys, *arguments, *(word for pair in given for word in pair))
    assert code == 0, out + err
    found = store.open_analysis(project, "all")["1"]
    names = "spectral-2 agglomerative-2 agglomerative-3 dbscan-0.4 hdbscan-4 hdbscan-5 kmeans-2 kmeans-3"
    assert list(found.clustering.values) == names.split()
    assert found.pca.sizes == {"sample": 40, "pca_axis": 3} and {"isomap", "mds", "lle", "tsne"} <= set(found)


@pytest.mark.parametrize("stages", [spray.CLUSTERINGS, spray.EMBEDDINGS])
def test_every_option_of_a_stage_can_be_written(stages):
    for name, stage in stages.items():
        for option, parameter in options(stage).items():
            default = parameter.default
            text = str(default).lower() if default is None or isinstance(default, bool) else str(default)
            assert read_stage(f"{name}:{option}={text}", stages).keywords == {option: default}
        keywords = {p.name for p in inspect.signature(stage).parameters.values() if p.kind is p.KEYWORD_ONLY}
        assert options(stage).keys() == keywords


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["info", "/nowhere"], "error: no folder /nowhere: give the folder of a project", 1),
        (["rank", "PROJECT", "--analysis", "none"], "has no analysis 'none' (it has:", 1),
        (["rank", "PROJECT", "--sort", "beauty"], "no number 'beauty' to sort by: give one of", 2),
        (
            ["analyse", "PROJECT", "--by", "colour"],
            "no per-sample coordinate 'colour' to group by: give one of label",
            1,
        ),
        (["analyse", "PROJECT", "--recipe", "pcx", "--neighbors", "3"], "recipe 'pcx' has no option neighbors", 2),
        (["analyse", "PROJECT", "--recipe", "concept"], "no hidden layer is kept: attribute with --concepts LAYER", 1),
        (["analyse", "PROJECT", "--clusters", "two"], "'two': give numbers such as 2-8 or 2,3,5", 2),
        (
            ["analyse", "PROJECT", "--clustering", "hdbsan"],
            "no stage 'hdbsan', there are spectral_kmeans, kmea",
            2,
        ),
        (
            ["analyse", "PROJECT", "--embedding", "umap:size=3"],
            "umap has no option 'size', it has axes=2, ",
            2,
        ),
        (["analyse", "PROJECT", "--embedding", "pca:axes=two"], "pca: axes must be a whole number, got 'two'", 2),
        (["analyse", "PROJECT", "--clusters", "2", "--clustering", "kmeans"], "give --clustering kmeans:clusters=", 2),
        (["analyse", "PROJECT", "--recipe", "pcx", "--clustering", "kmeans"], "'pcx' has no option clusterings", 2),
        (["analyse", "PROJECT", "--recipe", "spectral_hdbscan", "--clusters", "2"], "has no option clusterings", 2),
        (["prune", "PROJECT"], "say what to remove", 2),
        (["prune", "PROJECT", "--older-than", "5y"], "'5y' is no time: give a number and one of s, m, h, d, w", 2),
    ],
)
def test_errors_say_what_to_do(project, analysed, capsys, arguments, message, code):
    out, err, found = run(capsys, *(project if argument == "PROJECT" else argument for argument in arguments))
    assert message in out + err and found == code
    assert "Traceback" not in err


def test_nonempty_numbers_and_sizes_are_read():
    assert words.numbers("2-4,7") == (2, 3, 4, 7)
    assert words.measured(words.UNITS, "size")(None, None, "1.5 GB") == 1.5e9
    assert words.measured(words.SPANS, "time")(None, None, "30d") == 30 * 86400
    assert [readable(size) for size in (999, 1500, 2.5e9, 3e12)] == ["999 B", "1.5 kB", "2.5 GB", "3 TB"]


def test_an_error_of_the_disk_is_one_line(tmp_path, monkeypatch, capsys):
    def fails(*_):
        raise OSError(30, "Read-only file system", "project.lock")

    monkeypatch.setattr("spray.store.read_project", fails)
    with pytest.raises(SystemExit):
        cli.main(["info", str(tmp_path)])
    assert capsys.readouterr().err.startswith("error: [Errno 30] Read-only file system")
