"""Concepts in the browser: channels of a selection, names, more like these, prototypes, deviations."""

import json
from urllib.parse import quote

import numpy as np
import pytest
import xarray as xr
from playwright.sync_api import expect
from sklearn.metrics import roc_auc_score

import spray
from spray import store
from spray.concepts.conditional import write_conditions
from spray.concepts.names import concept_names
from spray.store import findings
from viewer.pictures import concepts as pictures
from viewer.pictures.routes import PATTERNS
from viewer.projects import open_projects
from viewer.scene import Scene, resolve
from viewer.scene.channel_map import channel_map
from viewer.scene.concepts import alike, deviations, layer_of, prototypes, telling
from viewer.session.actions import react
from viewer.state import State, encode

FIELD = {"field": "[null, [0, [0, 5], [5, 10]], [1, [0, 5], [5, 10]]]"}


def written(path, field=FIELD):
    """Noise in which half of class 1 have a red box; channel 2 of six answers to it, and says where it is."""
    rng = np.random.default_rng(0)
    n, ids = 120, np.random.default_rng(1).permutation(1000)[:120]
    label = np.arange(n) % 2
    planted = (label == 1) & (rng.random(n) < 0.5)
    image = rng.integers(0, 90, (n, 3, 10, 10)).astype(np.uint8)
    where = rng.integers(4, size=(n, 6)).astype(np.int32)
    values = rng.gamma(2, size=(n, 6)).astype(np.float32)
    for row in np.flatnonzero(planted):
        top, left = divmod(int(where[row, 2]), 2)
        image[row, :, 5 * top : 5 * top + 4, 5 * left : 5 * left + 4] = np.array([255, 40, 40])[:, None, None]
        values[row, 2] += 12
    dims = ("sample", "channel_4")
    data = xr.Dataset(
        {
            "image": (("sample", "channel", "height", "width"), image),
            "relevance": (("sample", "channel", "height", "width"), rng.normal(size=image.shape).astype(np.float32)),
            "concept_4": (dims, values),
            "hidden_magnitude_4": (dims, values),
            "where_peak_4": (dims, where, field),
        },
        {"sample": ids, "label": ("sample", label)},
    )
    store.write_project(path, name="boxes", label_names=["plain", "boxed"])
    store.write_part(path, 0, data)
    recipe = spray.recipes.pcx(prototypes=2)
    spray.analyse(spray.open_attributions(path), recipe, out=path, name="pcx", progress=False)
    best = int(spray.references(spray.open_attributions(path), channels=[2], count=1).reference.values[0, 0])
    part = xr.DataArray(image[:1] / 255.0, {"condition": ["2"]}, ("condition", "channel", "height", "width"))
    write_conditions(path, best, part.astype(np.float32).assign_attrs(layer="4", beside=True))
    return path, ids, planted, values, best


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return written(tmp_path_factory.mktemp("concepts") / "boxes")


def scene_of(world, **settings) -> Scene:
    projects = open_projects([str(world[0])])
    wanted = {"project": next(iter(projects)), "analysis": "pcx", "category": "1", "view": "concepts", **settings}
    found = resolve(projects, State(**wanted))
    assert isinstance(found, Scene) and not found.warnings, found
    return found


def test_channels_of_a_selection_are_told_and_others_like_it_ranked(world):
    _, ids, planted, values, _ = world
    scene = scene_of(world, selection=encode(ids[planted]))
    assert layer_of(scene) == "4"
    found = telling(scene, "4")
    assert found[0].channel == 2 and len(found) == 6
    ones = np.arange(120) % 2 == 1
    share = values / values.sum(1, keepdims=True)
    for one in found:
        expected = roc_auc_score(planted[ones], share[ones, one.channel])
        assert one.auroc == pytest.approx(expected, abs=1e-6)
    three = ids[planted][:3]
    like = alike(scene_of(world, selection=encode(three)), "4")
    rest = planted.sum() - 3
    assert not set(like) & set(three.tolist()) and set(like[:rest]) == set(ids[planted][3:].tolist())
    assert telling(scene_of(world), "4") == [] == alike(scene_of(world), "4")


def test_the_plot_is_coloured_by_a_channel_which_is_none_of_the_listed(world):
    _, ids, _, values, _ = world
    scene = scene_of(world, colour="4:2")
    shares = scene.category.variables["4:2"]
    at = [ids.tolist().index(sample) for sample in scene.category.sample.tolist()]
    np.testing.assert_allclose(shares, (values / values.sum(1, keepdims=True))[at, 2], rtol=1e-5)
    assert "4:2" not in list(scene.category.variables)
    for none in ("4:6", "5:0", "4:", "4:x", "4:-1"):
        assert none not in scene.category.variables
        assert resolve(scene.projects, State(project=scene.project.key, colour=none)).state.colour == "cluster"


def test_prototypes_and_deviations_are_those_of_the_analysis(world):
    data = spray.open_analysis(world[0], "pcx")["1"]
    focus = int(data.sample.values[3])
    scene = scene_of(world, focus=focus)
    sheet = prototypes(scene)
    assert sheet is not None and sheet.size.sum() == 60 and sheet.layer == "4"
    np.testing.assert_allclose(sheet.mean, data["mean"].transpose("concept", "prototype").values[sheet.channel])
    assert sheet.channel[0] == 2
    found = dict(deviations(scene))
    delta = data.delta.sel(sample=focus).values
    assert found == pytest.approx({channel: delta[channel] for channel in found}) and len(found) == 6
    assert deviations(scene_of(world)) == []


def test_pictures_are_crops_of_references_and_what_went_through(world):
    _, ids, planted, _, best = world
    project = scene_of(world).project
    for rank in range(3):
        assert pictures.crop(project, {}, "4", "2", str(rank)).startswith(b"\x89PNG")
    references = pictures.reference_samples(project, "4").sel(channel=2).reference.values
    assert set(references.tolist()) <= set(ids[planted].tolist())
    assert pictures.conditional_samples(project, "4", 2, references.tolist()) == [(best, "all")]
    assert pictures.conditional(project, {}, "4", "all", "2", str(best)).startswith(b"\x89PNG")
    with pytest.raises(store.ProjectError):
        pictures.conditional(project, {}, "4", "through", "2", str(best))
    assert {"crop", "conditional"} <= {pattern.split("/")[1] for pattern in PATTERNS}


def test_a_name_is_kept_in_the_project(tmp_path):
    path, *_ = written(tmp_path / "named")
    scene = scene_of((path,))
    change = react(scene, "concept", {"of": "4:2", "value": " red box "})
    assert change.write is not None and change.redraw
    change.write()
    assert concept_names(path) == {"4": {2: "red box"}}
    again = react(scene, "concept", {"of": "4:2", "value": ""})
    assert again.write is not None
    again.write()
    assert concept_names(path) == {}
    (path / "concepts.json").write_text("{")
    with pytest.raises(store.ProjectError, match="repair it or move it away"):
        concept_names(path)


OUTSIDE = """cards => cards.flatMap(card => {
    const edge = card.getBoundingClientRect()
    return [...card.querySelectorAll("img")].filter(one => {
        const box = one.getBoundingClientRect()
        return box.right > edge.right || box.bottom > edge.bottom + 1
    }).map(one => one.alt)
})"""
"""Pictures that hang out of their cards."""


@pytest.mark.slow
def test_hostile_and_damaged_names(visit, serve, tmp_path):
    path, ids, planted, *_ = written(tmp_path / "boxes")
    hostile = "<img src=x onerror=alert(1)>"
    (path / "concepts.json").write_text(json.dumps({"names": {"4": {"2": hostile}}}))
    query = f"?view=concepts&analysis=pcx&category=1&selection={quote(encode(ids[planted]))}"
    server = serve(path)
    page = visit(query, at=server).page
    card = page.locator('.page.concepts article[data-channel="2"]')
    expect(card.locator("input")).to_have_value(hostile)
    expect(page.locator("img[src=x]")).to_have_count(0)
    (path / "concepts.json").write_text('{"names": {"4": [')
    page = visit(query, at=server).page
    expect(page.locator(".page.concepts [role=alert]")).to_contain_text("repair it or move it away")
    expect(page.locator('.page.concepts article[data-channel="2"]')).to_contain_text("AUROC")


@pytest.mark.slow
def test_references_stay_in_their_cards(visit, serve, tmp_path):
    path, ids, planted, *_ = written(tmp_path / "boxes", field={})  # whole samples, as no fields are known
    query = f"?view=concepts&analysis=pcx&category=1&selection={quote(encode(ids[planted]))}"
    viewer = visit(query, at=serve(path), viewport={"width": 1366, "height": 768})
    cards = viewer.page.locator(".page.concepts article[data-channel]")
    expect(cards.first.locator("img").nth(4)).to_be_visible()
    assert cards.evaluate_all(OUTSIDE) == []


@pytest.mark.slow
def test_name_a_concept_colour_by_it_and_keep_more_like_these(visit, serve, tmp_path):
    path, ids, planted, _, best = written(tmp_path / "boxes")
    three = encode(ids[planted][:3])
    query = f"?view=concepts&analysis=pcx&category=1&selection={quote(three)}&focus={best}"
    viewer = visit(query, at=serve(path), viewport={"width": 1400, "height": 1100})
    page = viewer.page
    first = page.locator('.page.concepts article[data-channel="2"]')
    expect(first).to_contain_text("AUROC 0.")
    viewer.settled()
    page.screenshot(path=str(tmp_path / "concepts.png"))
    field = first.get_by_label("Name of channel 2")
    field.fill("red box")
    field.press("Enter")
    expect(page.get_by_label("Colour by red box").first).to_be_visible()
    assert concept_names(path) == {"4": {2: "red box"}}
    page.get_by_label("Colour by red box").first.click()
    page.wait_for_function("location.search.includes('colour=4%3A2')")
    offered = page.locator(".page.concepts figure[data-sample]")
    expect(offered.first).to_be_visible()
    added = int(offered.first.get_attribute("data-sample") or -1)
    assert added in ids[planted]
    page.get_by_title(f"Add sample {added}").click()
    page.wait_for_function("selection => !location.search.includes(selection)", arg=quote(three))
    page.get_by_role("button", name="Findings", exact=True).click()
    page.get_by_label("Name", exact=True).fill("boxes")
    page.get_by_role("button", name="Keep", exact=True).click()
    expect(page.locator(".page.findings article")).to_contain_text("4 samples")
    assert set(findings.load(path)["boxes"].samples) == {*ids[planted][:3].tolist(), added}


@pytest.mark.slow
def test_a_click_on_the_map_colours_by_a_channel_and_shows_its_references(visit, serve, tmp_path):
    path, *_ = written(tmp_path / "boxes")
    scene = scene_of((path,))
    x, y = channel_map(scene.project, "4").place[2]
    viewer = visit("?view=concepts&analysis=pcx&category=1", at=serve(path), viewport={"width": 1400, "height": 1100})
    page = viewer.page
    page.wait_for_function("Bokeh.documents[0].get_model_by_name('channel_points').data.x.length == 6")
    page.wait_for_timeout(500)
    page.mouse.move(*viewer.at(x, y, "channel_map"))
    page.wait_for_timeout(500)
    page.screenshot(path=str(tmp_path / "hover.png"))
    page.mouse.click(*viewer.at(x, y, "channel_map"))
    page.wait_for_function("location.search.includes('colour=4%3A2')")
    expect(page.locator(".page.concepts article[data-chosen='2'] img").first).to_be_visible()
    page.locator("#theme").click()
    page.screenshot(path=str(tmp_path / "dark.png"))
