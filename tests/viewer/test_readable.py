"""What is drawn can be read: axis labels at any size, colours and names of many groups, selected clusters."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

import spray
from spray import store
from tests.support.viewer_pages import Viewer
from tests.viewer.test_layout import SIZES
from viewer.state import decode

CLASSES, CLUSTERS, MORE = 300, 40, 60
# Every text on a canvas with its corners, forgotten when the canvas is drawn anew
RECORD = """{
    const drawing = CanvasRenderingContext2D.prototype
    window.texts = new Map()
    const { fillText, clearRect } = drawing
    drawing.clearRect = function (...given) { window.texts.set(this.canvas, []); return clearRect.apply(this, given) }
    drawing.fillText = function (text, x, y, ...rest) {
        const { actualBoundingBoxLeft: l, actualBoundingBoxRight: r, actualBoundingBoxAscent: a,
            actualBoundingBoxDescent: d } = this.measureText(text)
        const corners = [[x - l, y - a], [x + r, y - a], [x - l, y + d], [x + r, y + d]]
        const at = corners.map(([u, v]) => this.getTransform().transformPoint(new DOMPoint(u, v)))
        const [xs, ys] = [at.map(p => p.x), at.map(p => p.y)]
        const box = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)]
        if (!window.texts.has(this.canvas)) window.texts.set(this.canvas, [])
        window.texts.get(this.canvas).push([text, ...box])
        return fillText.call(this, text, x, y, ...rest)
    }
}"""
OVERLAPS = """() => [...window.texts.values()].flatMap(texts => texts.flatMap((a, at) => texts.slice(at + 1)
    .filter(b => Math.min(a[2], b[2]) - Math.max(a[1], b[1]) > 0 && Math.min(a[4], b[4]) - Math.max(a[3], b[3]) > 0)
    .map(b => [a[0], b[0]])))"""
COUNT = "() => [...window.texts.values()].flat().length"


@pytest.fixture(scope="module")
def crowded(tmp_path_factory):
    """Many clusters, more classes than a scale has steps, and long numbers at the axes."""
    n, random = 2 * CLASSES, np.random.default_rng(0)
    path = spray.write_arrays(
        tmp_path_factory.mktemp("crowded") / "crowded",
        embedding=random.normal(0, 1, (n, 2)) * (1e-5, 4e6) + (0, 1e7),
        clustering=np.arange(n) % CLUSTERS,
        label=np.arange(n) % CLASSES,
        label_names=[f"species {number}" for number in range(CLASSES)],
    )
    found = store.open_analysis(path, "given")["all"].load()
    for number in range(MORE):
        store.write_category(path, "given", f"category {number}", found)
    store.write_analysis_index(path, "given")
    return path


@pytest.fixture(scope="module")
def at(serve, crowded):
    return serve(crowded)


def overlaps(browser, url: str, sizes: list[tuple[int, int]]) -> dict[tuple[int, int], list[list[str]]]:
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    context.add_init_script(RECORD)
    viewer, found = Viewer(context, url), {}
    for width, height in sizes:
        viewer.page.set_viewport_size({"width": width, "height": height})
        viewer.page.wait_for_timeout(150)
        viewer.page.wait_for_function("Bokeh.documents[0].is_idle")
        assert viewer.page.evaluate(COUNT) >= 6
        found[width, height] = viewer.page.evaluate(OVERLAPS)
    context.close()
    return {size: pairs for size, pairs in found.items() if pairs}


@pytest.mark.slow
def test_labels_of_axes_do_not_overlap_at_seven_sizes(browser, at):
    assert overlaps(browser, at, SIZES) == {}


@pytest.mark.slow
@pytest.mark.parametrize("query", ["?category=3&beside=spectral", "?category=3&focus=5&spectrum=tree"])
def test_nor_do_those_of_other_plots(browser, address, query):
    assert overlaps(browser, address + query, SIZES) == {}


@pytest.mark.slow
def test_many_groups_have_colours_and_names_of_their_own(visit, at):
    viewer = visit(at=at)
    swatches = ".side-clusters {} input[type=color]"
    colours = "fields => [fields.length, new Set(fields.map(field => field.value)).size]"
    assert viewer.page.locator(swatches.format("")).evaluate_all(colours) == [CLUSTERS, CLUSTERS]
    viewer.choose("Colour by", "label")
    expect(viewer.page.locator(".legend .group")).to_have_count(CLASSES)
    assert viewer.page.locator(swatches.format(".legend")).evaluate_all(colours) == [CLASSES, CLASSES]
    names = viewer.page.locator(".legend .name").all_inner_texts()
    assert names == [f"species {number}" for number in range(CLASSES)]


@pytest.mark.slow
def test_a_long_menu_of_categories_ends_on_the_screen_and_scrolls_with_the_keys(visit, at):
    viewer = visit("?category=all", at=at)
    field, menu = viewer.page.get_by_label("Category", exact=True), viewer.page.locator(".bk-menu")
    field.click()
    expect(menu.locator("> div").filter(visible=True)).to_have_count(MORE + 1)
    for _ in range(MORE // 2):
        viewer.page.keyboard.press("ArrowDown")
    active = menu.locator(".bk-active")
    expect(active).to_have_text(f"category {MORE // 2 - 1}")
    outer, inner = menu.bounding_box(), active.bounding_box()
    assert outer and inner and outer["y"] + outer["height"] <= 720
    assert outer["y"] - 1 <= inner["y"] and inner["y"] + inner["height"] <= outer["y"] + outer["height"] + 1
    viewer.page.keyboard.press("Enter")
    viewer.page.wait_for_function("wanted => location.search.includes(wanted)", arg=f"category+{MORE // 2 - 1}")


def test_clusters_shows_what_is_selected(visit, digits):
    viewer = visit("?category=3&view=clusters&clustering=kmeans-4")
    page = viewer.page
    cards = page.locator(".page.clusters article")
    expect(cards.locator("[aria-pressed=true]")).to_have_count(0)
    cards.nth(2).get_by_title("Select this cluster").click()
    expect(page.get_by_text("60 samples are selected.")).to_be_visible()
    expect(cards.nth(2)).to_have_attribute("aria-current", "true")
    expect(cards.nth(2)).to_contain_text("60 samples, 25%, 60 selected")
    expect(cards.nth(2).get_by_role("button", name="cluster 2", pressed=True)).to_be_visible()
    assert page.locator(".page.clusters article[aria-current]").count() == 1
    members = store.open_analysis(digits, "spectral")["3"]
    wanted = members.sample.values[members.cluster.values[0] == 2]
    assert decode(viewer.state()["selection"]).tolist() == wanted.tolist()
    page.get_by_role("button", name="Look at them in Explore").click()
    expect(page.get_by_text(re.compile("of 60 selected"))).to_be_visible()
