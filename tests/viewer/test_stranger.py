"""A stranger who knows nothing of the demo: from the first page to the contact sheet of the marked cluster in at most
three clicks, without a key."""

import subprocess
import sys
from pathlib import Path

import pytest
from playwright.sync_api import expect

from spray import store

ROOT = Path(__file__).resolve().parents[2]
MARKED = {"letters": "H (4)", "text": "scipy (1)"}  # the class that the cue was planted in
MOST = 3

pytestmark = pytest.mark.slow  # two projects of the demo are built, which takes a minute or two


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    path = tmp_path_factory.mktemp("stranger")
    names = [word for name in MARKED for word in ("--only", name)]
    command = [sys.executable, "-m", "bench.demo", *names, "--no-serve", "--seed", "0", "--out", str(path)]
    subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return path


@pytest.fixture(scope="module")
def at(serve, demo):
    return serve(*(demo / name for name in MARKED))


@pytest.mark.parametrize("name", MARKED)
def test_three_clicks_lead_to_the_contact_sheet_of_the_marked_cluster(visit, at, demo, name):
    viewer = visit(at=at)
    page, clicks = viewer.page, []

    def click(button) -> None:
        button.click()
        page.wait_for_function("Bokeh.documents[0].is_idle")
        clicks.append(button)

    title = store.read_project(demo / name)["name"]
    tab = page.get_by_role("navigation", name="Projects").get_by_role("button", name=title)
    if tab.get_attribute("aria-current") is None:
        click(tab)
    first = page.locator(".categories article").first  # where the eye goes: the most suspicious
    expect(first).to_contain_text(MARKED[name])
    assert first.locator("img").first.bounding_box()["y"] < 720
    click(first.get_by_role("button", name="Open the suspect group").first)
    click(page.get_by_role("navigation", name="Views").get_by_role("button", name="Clusters"))
    chosen = page.locator(".page.clusters article[aria-current]")
    expect(chosen).to_have_count(1)
    expect(chosen).to_contain_text("selected")
    viewer.settled()
    assert len(clicks) <= MOST
    typical = chosen.locator(".three").first.locator("button").evaluate_all("all => all.map(one => one.dataset.value)")
    marked = store.open_attributions(demo / name).marked.sel(sample=[int(sample) for sample in typical]).values
    assert len(marked) == 3 and marked.all()  # what is typical of it carries the cue
