"""Every view of every kind of samples in a real browser, on one server; slices of a volume move by keys and sliders."""

import io
import urllib.request

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect

from spray import store
from tests.support import viewer_kinds
from tests.viewer.test_hostile import is_clean
from viewer.state import encode


@pytest.fixture(scope="module")
def projects(tmp_path_factory):
    return {path.name: path for path in viewer_kinds.write(tmp_path_factory.mktemp("kinds"))}


@pytest.fixture(scope="module")
def kinds(serve, projects):
    return serve(*projects.values())


SELECTED = f"&selection={encode(np.arange(6))}"
MODES = {name: ["Input", "Overlay", "Heatmap"] for name in viewer_kinds.KINDS}
MODES |= {"text": ["Input", "Overlay"], "none": ["Heatmap"]}


@pytest.mark.parametrize("name", viewer_kinds.KINDS)
def test_every_view_of_every_kind(visit, kinds, name):
    viewer = visit(f"?project={name}&focus=1&markers=pictures{SELECTED}", at=kinds)
    shown = MODES[name]
    viewer.settled()
    buttons = {mode: viewer.page.get_by_role("button", name=mode, exact=True).count() for mode in MODES["image"]}
    assert [mode for mode, count in buttons.items() if count] == shown
    pictures = viewer.page.locator(".focus figcaption").all_inner_texts()
    assert sorted(pictures) == sorted(mode.lower() for mode in shown)
    viewer.page.evaluate("window.pointAt({index: {indices: [2]}})")
    expect(viewer.page.locator("#preview")).to_contain_text("sample 2")
    viewer.page.keyboard.press("Escape")
    for view in ("Clusters", "Compare"):
        viewer.page.get_by_role("navigation", name="Views").get_by_role("button", name=view).click()
        expect(viewer.page.locator(f".page.{view.lower()} article").nth(1)).to_be_visible()
        viewer.settled()
        assert is_clean(viewer)


@pytest.mark.parametrize("name", ["table", "volume"])
def test_the_gallery_of_any_kind_is_exported(visit, kinds, name):
    viewer = visit(f"?project={name}{SELECTED}", at=kinds)
    viewer.page.locator("#files summary").click()
    with viewer.page.expect_download() as download:
        viewer.page.get_by_role("button", name="Gallery as picture").click()
    picture = np.asarray(Image.open(download.value.path()).convert("RGB"))
    assert picture.shape[0] > 200 and len(np.unique(picture.reshape(-1, 3), axis=0)) > 10


def slices(viewer) -> list[int]:
    return [int(value) for value in viewer.page.locator(".slices input").evaluate_all("all => all.map(s => s.value)")]


def quadrant(viewer, projects) -> np.ndarray:
    """The slice at the depth that the page shows, from the picture that it shows."""
    address = viewer.page.locator(".focus [data-zoom] img").first.evaluate("image => image.src")
    with urllib.request.urlopen(address) as reply:
        pixels = np.asarray(Image.open(io.BytesIO(reply.read())).convert("L"))
    height, width = store.open_attributions(projects["volume"]).image.shape[-2:]
    return pixels[:height, :width]


def test_slices_of_a_volume_move_by_keys_and_sliders(visit, kinds, projects):
    viewer = visit(f"?project=volume&focus=1{SELECTED}", at=kinds)
    volume = store.open_attributions(projects["volume"]).image.values[1]
    relevance = store.open_attributions(projects["volume"]).relevance.values[1]
    most = [int(at) for at in np.unravel_index(np.abs(relevance).argmax(), relevance.shape)]
    assert slices(viewer) == most
    viewer.page.keyboard.press("ArrowUp")
    viewer.page.keyboard.press("ArrowUp")
    assert slices(viewer) == [most[0] + 2, *most[1:]]
    viewer.page.wait_for_function("location.search.includes('place=')")
    assert viewer.state()["place"] == ",".join(map(str, slices(viewer)))
    viewer.settled()
    assert np.corrcoef(quadrant(viewer, projects).ravel(), volume[most[0] + 2].ravel())[0, 1] > 0.999
    slider = viewer.page.get_by_role("slider", name="height")
    slider.focus()
    viewer.page.keyboard.press("ArrowDown")
    viewer.page.wait_for_function(f"location.search.includes('place={most[0] + 2}%2C{most[1] - 1}%2C')")
    expect(viewer.page.get_by_role("slider", name="height")).to_be_focused()
    viewer.page.get_by_role("button", name="Next sample").click()
    expect(viewer.page.locator(".focus h2")).to_have_text("Sample 2")
    viewer.page.wait_for_function("!location.search.includes('place=')")


def test_a_place_in_a_link_is_kept_or_refused(visit, kinds):
    viewer = visit("?project=volume&focus=1&place=999,3,4", at=kinds)
    viewer.settled()
    assert viewer.state()["place"] == "999,3,4"
    viewer = visit("?project=volume&focus=1&place=1,2", at=kinds)
    expect(viewer.page.get_by_text("three numbers are needed")).to_be_visible()
