"""A finding is corrected from the page: layers and methods, the command, a request, and before against after."""

import shlex

import numpy as np
import pytest
import xarray as xr
from sklearn.metrics import roc_auc_score

import spray
from spray import store
from spray.concepts import cav
from spray.store import corrections, findings
from tests.viewer.test_accessible import in_both_themes
from viewer.projects import open_projects
from viewer.projects.corrected import changed, corrections_of
from viewer.scene import Scene, resolve
from viewer.scene.correcting import layers_of, warnings_of
from viewer.session.actions import react
from viewer.session.change import Refusal
from viewer.state import State

N = 80
LABEL = np.arange(N) % 2
BOXED = np.arange(N) % 4 == 1


def attributed(path, seed=0, prediction=LABEL, name="boxes"):
    """Class 1 has a box in half of its samples; layer 4 tells it, layer 7 does not."""
    rng = np.random.default_rng(seed)
    image = rng.integers(0, 90, (N, 1, 8, 8)).astype(np.uint8)
    image[BOXED, :, :3, :3] = 250
    relevance = rng.normal(size=image.shape).astype(np.float32) * 0.1
    relevance[BOXED, :, :3, :3] += 1.0 if seed == 0 else 0.1
    answers, noise = rng.gamma(2, size=(2, N, 5)).astype(np.float32)
    answers[BOXED, 2] += 9
    data = xr.Dataset(
        {
            "image": (("sample", "channel", "height", "width"), image),
            "relevance": (("sample", "channel", "height", "width"), relevance),
            "hidden_max_features.4": (("sample", "channel_features.4"), answers),
            "hidden_max_7": (("sample", "channel_7"), noise),
        },
        {"sample": 10 * np.arange(N), "label": ("sample", LABEL), "prediction": ("sample", np.asarray(prediction))},
    )
    store.write_project(path, name=name, label_names=["plain", "boxed"], model="nets:small")
    store.write_part(path, 0, data)
    return path


def report(finding="box"):
    groups = ["plain clean", "plain artefact", "boxed clean", "boxed artefact", "clean", "mean", "worst"]
    measures = ["accuracy", "relevance", "tcav", "sensitivity", "changed"]
    value = np.full((2, 7, 5), np.nan)
    value[0, :, 0], value[1, :, 0] = [1, 0.25, 1, 1, 1, 0.8, 0.25], [0.95, 0.9, 1, 1, 0.97, 0.96, 0.9]
    value[1, :, 4] = 0.125
    coords = {"model": ["before", "after"], "group": groups, "measure": measures, "n": ("group", [20] * 7)}
    dims = ("model", "group", "measure")
    made = {"value": (dims, value), "lower": (dims, value - 0.05), "upper": (dims, value + 0.05)}
    return xr.Dataset(made, coords, {"finding": finding, "method": "paste", "layer": "4", "why": "it was best"})


def written(path):
    attributed(path)
    spray.analyse(
        spray.open_attributions(path), spray.recipes.spectral(components=4, embeddings=[]), by="label", out=path,
        name="spectral", progress=False,
    )  # fmt: skip
    findings.keep(path, findings.Finding("box", samples=tuple((10 * np.flatnonzero(BOXED)).tolist()), category="1"))
    findings.keep(path, findings.Finding("one", samples=(10,), category="1"))
    findings.keep(path, findings.Finding("class", samples=tuple((10 * np.flatnonzero(LABEL)).tolist()), category="1"))
    return path


def corrected(path, number):
    """What a worker makes: the samples by another model, which changes its mind about three, and the report."""
    after = corrections.folder(path, number)
    prediction = np.where(np.isin(np.arange(N), (4, 8, 12)), 1 - LABEL, LABEL)
    attributed(after, 1, prediction, "boxes, corrected")
    store.write_netcdf(after / corrections.REPORT, report(), large="group", root=after)
    corrections.close(path, number, corrections.DONE, "paste: it was best")


@pytest.fixture
def path(tmp_path):
    return written(tmp_path / "boxes & more")


def scene_of(path, **settings) -> Scene:
    projects = open_projects([str(path)])
    found = resolve(projects, State(**{"project": next(iter(projects)), "view": "findings", **settings}))
    assert isinstance(found, Scene), found.problem
    return found


def test_layers_are_told_as_lrp_correct_tells_them(path):
    scene = scene_of(path, correcting="box", at_layer="7")
    kept = findings.load(path)
    first, second = layers_of(scene, kept["box"])
    assert (first.name, first.statistic) == ("features.4", "largest activation") and first.auroc > 0.95
    values = scene.project.attributions["hidden_max_features.4"].values[LABEL == 1].astype(float)
    inside = BOXED[LABEL == 1]
    whole = roc_auc_score(inside, values @ cav(values, inside))  # of the samples that made it
    assert abs(first.auroc - whole) < 0.05 and second.auroc < 0.8
    assert any("does not tell it from others" in said for said in warnings_of(scene, kept["box"], [first, second]))
    assert "It has 1 samples" in warnings_of(scene, kept["one"], layers_of(scene, kept["one"]))[0]
    assert "It is a whole class" in warnings_of(scene, kept["class"], layers_of(scene, kept["class"]))[0]


def test_the_queue(path, tmp_path):
    scene = scene_of(path, correcting="box", at_layer="features.4", by_method="paste")
    change = react(scene, "queue", "box")
    assert change.write is not None and change.write() == ""
    assert change.write() == "" and len(corrections.read(path)) == 1  # a second press asks for nothing new
    (one,) = corrections.read(path)
    assert (one.finding, one.layer, one.method, one.state) == ("box", "features.4", "paste", "open")
    with pytest.raises(ValueError, match="there is no finding 'gone'"):
        corrections.ask(path, "gone")
    with pytest.raises(ValueError, match="no layer is called"):
        corrections.ask(path, "box", "../x; rm")
    with pytest.raises(ValueError, match="there is no method 'sudo'"):
        corrections.ask(path, "box", "4", "sudo")
    with corrections.claimed(path) as mine, corrections.claimed(path) as other:
        assert mine is not None and mine.number == 1 and other is None
    with corrections.claimed(path) as again:  # the first worker died: it is still open
        assert again == mine
    (path / corrections.FILE).write_text(
        '{"requests": [{"number": 1, "finding": "box"}, {"number": 1, "finding": "box"}]}'
    )
    with pytest.raises(store.ProjectError, match="too many requests, or two of one number"):
        corrections.read(path)
    foreign = scene_of(path, correcting="box")
    object.__setattr__(foreign.project, "foreign", {})
    try:
        with pytest.raises(Refusal, match="ViRelAy's cannot be corrected"):
            react(foreign, "queue", "box")
    finally:
        object.__setattr__(foreign.project, "foreign", None)


def test_what_came_of_it_is_found(path):
    number = corrections.ask(path, "box")
    assert corrections_of(open_projects([str(path)]), open_projects([str(path)])["boxes & more"]) == []
    corrected(path, number)
    projects = open_projects([str(path)])
    here, after = projects["boxes & more"], projects["boxes & more corrected 1"]
    assert after.of == here.key and not here.of
    (one,) = corrections_of(projects, here)
    assert one.finding == "box" and one.project is after
    assert changed(here, after).tolist() == [40, 80, 120]
    (after.path / corrections.REPORT).write_bytes(b"none")
    with pytest.raises(store.ProjectError):
        corrections_of(open_projects([str(path)]), here)


@pytest.mark.slow
def test_from_a_finding_to_before_and_after(serve, visit, path):
    viewer = visit("?view=findings", at=serve(path))
    page = viewer.page
    page.get_by_role("button", name="Correct box").click()
    form = page.locator(".correction")
    form.get_by_role("button", name="features.4").click()
    form.get_by_role("button", name="exchange").click()
    page.wait_for_function("""() => [...document.querySelectorAll('*')].some(node => node.shadowRoot
        ?.querySelector('.correction pre')?.textContent.includes('--method exchange'))""")
    assert "AUROC 1.00" in form.inner_text() or "AUROC 0.9" in form.inner_text()
    words = shlex.split(form.locator("pre").inner_text())
    assert words[:5] == ["lrp", "correct", str(path), "--finding", "box"] and "nets:small" in words
    assert words[words.index("--layer") + 1] == "features.4" and words[words.index("--method") + 1] == "exchange"
    form.get_by_role("button", name="Ask for it").click()
    page.locator("[data-request='1']").wait_for()
    assert "waiting" in page.locator("[data-request='1']").inner_text()
    corrected(path, 1)  # the window hears of it by itself
    page.get_by_role("button", name="Before and after").click()
    proof = page.locator(".proof")
    proof.wait_for()
    assert "Corrected: box" in proof.inner_text() and "3 samples are predicted otherwise" in proof.inner_text()
    assert "0.250 [0.20 0.30] → 0.900 [0.85 0.95]" in proof.locator("tr", has_text="worst").inner_text()
    pairs = proof.locator("article")
    assert pairs.count() == 12 + 3
    last = pairs.last
    last.scroll_into_view_if_needed()
    page.wait_for_function("""() => [...document.querySelectorAll('*')].some(node => {
        const images = [...node.shadowRoot?.querySelectorAll('.proof article:last-child img') ?? []];
        return images.length && images.every(image => image.complete && image.naturalWidth); })""")
    assert "before: plain" in last.inner_text() and "after: boxed" in last.inner_text()
    assert in_both_themes(viewer, "before and after") == {}
