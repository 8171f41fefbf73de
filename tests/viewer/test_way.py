"""A stranger's way: from the first page to the suspect, to what tells it apart, to a page for a colleague."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from spray import store
from tests.support import viewer_projects
from viewer.state import decode


@pytest.fixture(scope="module")
def marked(tmp_path_factory):
    """The tests' project with a mark on most of cluster 2 of category 3, and a ranking that suspects that cluster."""
    path = viewer_projects.write(tmp_path_factory.mktemp("way") / "marked", 80, name="marked", parts=1)
    part = store.open_attributions(path).load().drop_vars(["part", "row"], errors="ignore")
    cluster = store.open_analysis(path, "spectral")["3"].cluster.values[0]
    scanner = np.where((cluster == 2) & (np.arange(80) % 10 != 2), "old scanner", "new")
    part = part.assign_coords(scanner=("sample", scanner), file=("sample", [f"scan_{at}.png" for at in range(80)]))
    (path / "attributions" / "part-00000.nc").unlink()
    store.write_part(path, 0, part)
    for category, score in {"3": 2.9, "7": 0.2}.items():
        found = store.open_analysis(path, "spectral")[category].load()
        facts = {"suspicion": score, "judgement": "look here" if score > 2.2 else "usual", "suspect_cluster": 2}
        facts |= {"suspect_analysis": "verdict", "suspect_clustering": "kmeans-4", "suspect_size": 20}
        store.write_category(path, "verdict", category, found.assign_attrs(facts, reasons="20 samples, 25 %"))
    store.write_analysis_index(path, "verdict")
    return path, part


@pytest.fixture(scope="module")
def at(serve, marked):
    return serve(marked[0])


def test_one_click_leads_to_the_suspect_and_three_to_its_contact_sheet(visit, at, marked):
    viewer = visit(at=at)
    page, (path, part) = viewer.page, marked
    cards = page.locator(".categories article")
    expect(cards).to_have_count(2)
    expect(cards.first).to_contain_text("look here")
    expect(cards.first).to_contain_text("from 2.2 on look at it")  # what the number means
    expect(cards.first.locator("img")).to_have_count(4)
    viewer.settled()
    page.get_by_role("button", name="Open the suspect group of three (3)").click()
    expect(page.get_by_text("1–20 of 20 selected")).to_be_visible()
    members = store.open_analysis(path, "spectral")["3"]
    wanted = members.sample.values[members.cluster.values[0] == 2].tolist()
    viewer.expect_samples(wanted)
    assert viewer.state()["analysis"] == "verdict" and viewer.state()["clustering"] == "kmeans-4"
    page.get_by_role("button", name="Differs").click()
    rows = page.locator(".side-differences .difference")
    expect(rows.first).to_contain_text("scanner")
    expect(rows.first).to_contain_text("old scanner: 80%, of the rest 0%")
    expect(page.locator(".side-differences")).to_contain_text(re.compile(r"scannerV 0.8\d, p = [\d.]+e-1\d"))
    page.get_by_role("button", name="Colour by scanner").click()
    expect(page.get_by_label("Colour by", exact=True)).to_have_value("scanner")
    rows.first.get_by_role("button", name="filter").click()
    page.wait_for_function("location.search.includes('filter=')")
    assert viewer.state()["filter"] == "'scanner=old scanner'"
    old = part.sample.values[part.scanner.values == "old scanner"].tolist()
    viewer.expect_samples(old)
    with page.expect_download() as download:
        page.locator("#files summary").click()
        page.get_by_role("button", name="Report of the selection (HTML)").click()
    text = download.value.path().read_text()
    assert "<script" not in text and text.count("data:image/png") >= 4 + 2 * 16
    assert not re.search(r"""(src|href)=(?!["']?(data:|#))""", text)  # nothing is asked for
    assert all(word in text for word in ("scanner", "store.open_analysis", "2.9", "16 of 80 samples"))
    page.get_by_role("button", name="Clusters", exact=True).first.click()
    expect(page.locator(".page.clusters article")).to_have_count(4)


def test_back_and_forward_walk_through_views(visit, at):
    viewer = visit(at=at)
    page = viewer.page
    page.get_by_role("button", name="Open the suspect group of three (3)").click()
    expect(page.get_by_text("1–20 of 20 selected")).to_be_visible()
    chosen = viewer.state()["selection"]
    page.get_by_role("button", name="Compare", exact=True).click()
    page.wait_for_function("location.search.includes('view=compare')")
    for go, view in ((page.go_back, None), (page.go_back, "categories"), (page.go_forward, None)):
        go()
        page.wait_for_function("view => document.documentElement.dataset.view === view", arg=view or "explore")
        page.wait_for_function("Bokeh.documents[0].is_idle")
        assert viewer.state().get("view") == view
    assert viewer.state()["selection"] == chosen
    viewer.expect_samples(decode(chosen).tolist())


def test_words_find_samples_by_id_file_and_any_variable(visit, at, marked):
    _, part = marked
    viewer = visit("?category=3&analysis=spectral&filter=scan_7.png", at=at)
    page = viewer.page
    page.get_by_role("button", name="Filters", exact=True).click()
    expect(page.get_by_text("1 of 80 samples pass")).to_be_visible()
    field = page.get_by_label("Search and filter", exact=True)
    values = {name: part[name].values for name in ("label", "scanner", "prediction")}
    both = (values["label"] > 3) & (values["scanner"] == "new")
    for words, count in {
        "#8": 1,
        "label>3 scanner=new": both.sum(),
        "label=3|7": np.isin(values["label"], (3, 7)).sum(),
        "prediction=seven": (values["prediction"] == 7).sum(),
    }.items():
        field.fill(words)
        page.keyboard.press("Enter")
        expect(page.get_by_text(f"{count} of 80 samples pass")).to_be_visible()
    page.get_by_role("button", name="prediction=seven ×").click()
    expect(page.get_by_text("No filter: every sample can be selected")).to_be_visible()
    field.fill("colour=red")
    page.keyboard.press("Enter")
    expect(page.locator(".banner").get_by_role("alert")).to_contain_text("there is no variable 'colour'")
    assert "filter" not in viewer.state()


def test_a_sample_in_focus_has_all_its_variables_and_lies_on_nothing(visit, at):
    viewer = visit("?category=3&analysis=spectral&focus=8&view=compare", at=at)
    focus = viewer.page.locator(".focus")
    expect(focus.locator("dl.variables")).to_contain_text("scanner")
    expect(focus.locator("dl.variables")).to_contain_text("scan_1.png")
    left, right = (viewer.page.locator(name).bounding_box() for name in (".page.compare", ".focus"))
    assert left and right and left["x"] + left["width"] <= right["x"]


def test_the_category_field_opens_on_all_and_never_keeps_other_text(visit, at):
    viewer = visit("?category=3&analysis=spectral", at=at)
    field, menu = viewer.page.get_by_label("Category", exact=True), viewer.page.locator(".bk-menu > div")
    field.click()
    expect(menu.filter(visible=True)).to_have_count(2)
    field.press_sequentially("sev")
    expect(menu.filter(visible=True)).to_have_text(["seven (7)"])
    field.press_sequentially("xx")
    assert field.evaluate("field => field.validationMessage") == "No category is like “sevxx”."
    viewer.page.keyboard.press("Escape")
    expect(field).to_have_value("three (3)")
    field.click()
    field.press_sequentially("sev")
    viewer.page.locator("header strong").click()
    expect(field).to_have_value("three (3)")
    assert viewer.state()["category"] == "3"
