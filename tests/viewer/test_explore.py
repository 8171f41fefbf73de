"""A person explores a project with the mouse in a real browser."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from spray import store


@pytest.fixture(scope="module")
def category(digits):
    return store.open_analysis(digits, "spectral")["3"]


def inside(category, x: float, y: float, radius: float) -> list[int]:
    near = np.hypot(category.tsne.values[:, 0] - x, category.tsne.values[:, 1] - y) < radius
    return category.sample.values[near].tolist()


def test_lasso_shows_exactly_the_samples_inside(visit, category):
    viewer = visit()
    x, y = category.tsne.values[0]
    far = np.sort(np.hypot(*(category.tsne.values - (x, y)).T))
    edge = np.flatnonzero(np.diff(far[3:]) > 0.05)[0] + 3  # a circle through a gap, so that no point lies on the line
    radius = (far[edge] + far[edge + 1]) / 2
    wanted = inside(category, x, y, radius)
    assert 3 < len(wanted) < 20
    viewer.circle(x, y, radius / np.cos(np.pi / 12))
    viewer.expect_samples(wanted)
    viewer.settled()


def test_cluster_click_selects_the_whole_cluster(visit, category):
    viewer = visit()
    viewer.page.get_by_role("button", name="Select cluster 2, 60 samples").click()
    members = category.sample.values[category.cluster.values[0] == 2].tolist()
    viewer.expect_samples(members[:20])
    expect(viewer.page.get_by_text("1–20 of 60 selected")).to_be_visible()


def test_tap_selects_one_and_escape_none(visit, category):
    viewer = visit()
    viewer.page.mouse.click(*viewer.at(*category.tsne.values[7]))
    viewer.expect_samples([int(category.sample.values[7])])
    viewer.page.keyboard.press("Escape")
    viewer.expect_samples([])
    expect(viewer.page.get_by_text("Select points with the lasso")).to_be_visible()


@pytest.mark.parametrize("where", ["address", pytest.param("dense_address", marks=pytest.mark.slow)])
def test_keys_add_keep_the_common_part_and_take_away(visit, category, where, request):
    """Shift, Ctrl and both, with points and where there is a density; Ctrl+Z takes one step back."""
    viewer = visit("?page_size=100", at=request.getfixturevalue(where))
    x, y = category.tsne.values.T
    first, second = (x < 0) & (y < 0), (x < -4) & (y < 0)

    def around(left: float, right: float, keys: tuple[str, ...] = ()) -> None:
        viewer.lasso((left, -5.2), (right, -5.2), (right, -2.8), (left, -2.8), keys=keys)

    def expect_rows(rows) -> None:
        viewer.expect_samples(category.sample.values[rows].tolist())

    around(-5.2, -2.8)
    expect_rows(first)
    around(-5.2, -4, ("Control",))
    expect_rows(first & second)
    around(-4, -2.8, ("Shift",))
    expect_rows(first)
    around(-5.2, -4, ("Control", "Shift"))
    expect_rows(first & ~second)
    viewer.page.keyboard.press("Control+z")
    expect_rows(first)


def test_order_by_relevance_reads_the_selection_and_keeps_it(visit, digits, category):
    viewer = visit("?category=3&page_size=100")
    viewer.page.get_by_role("button", name="Select cluster 2").click()
    members = category.sample.values[category.cluster.values[0] == 2]
    viewer.expect_samples(members.tolist())
    viewer.choose("Order", "relevance first")
    relevance = store.open_attributions(digits).relevance.sel(sample=members).values
    order = np.argsort(-np.abs(relevance.sum(axis=1)).sum(axis=(1, 2)), kind="stable")
    wanted = members[order].tolist()
    expect(viewer.page.locator(".samples figure[data-sample]").first).to_have_attribute("data-sample", str(wanted[0]))
    assert viewer.samples() == wanted


def test_modes_and_colour_map_change_the_pictures(visit):
    viewer = visit("?category=7&mode=heatmap&colour_map=hot")
    viewer.page.get_by_role("button", name="Select cluster 0").click()
    picture = viewer.page.locator(".samples .tiles img").first
    expect(picture).to_have_attribute("src", re.compile(r"image/digits/5/heatmap\.png\?map=hot"))
    expect(picture).to_have_class("pixelated")
    for mode in ("Input", "Overlay"):
        viewer.page.get_by_role("button", name=mode).click()
        expect(picture).to_have_attribute("src", re.compile(f"{mode.lower()}.png"))
        viewer.settled()
    viewer.page.get_by_text("More", exact=True).click()
    viewer.choose("Enlarging", "smooth")
    expect(picture).to_have_class("smooth")


def test_selects_reach_every_part_of_the_project(visit):
    viewer = visit()
    viewer.open_category("seven (7)")
    expect(viewer.page.get_by_role("button", name="Select cluster 0, 30 samples")).to_be_visible()
    viewer.choose("Clustering", "hdbscan")
    expect(viewer.page.get_by_role("button", name="Select noise, 12 samples")).to_be_visible()
    viewer.choose("Embedding", "spectral")
    viewer.choose("y axis", "6")
    viewer.page.wait_for_function('location.search.includes("embedding=spectral&y=5")')
    assert (
        viewer.page.evaluate('Bokeh.documents[0].get_model_by_name("scatter").below[0].axis_label.text') == "spectral 1"
    )


def test_reload_of_the_address_restores_everything(visit):
    viewer = visit()
    viewer.open_category("seven (7)")
    viewer.page.get_by_role("button", name="Select cluster 1").click()
    viewer.page.get_by_role("button", name="Heatmap").click()
    viewer.page.wait_for_function('location.search.includes("mode=heatmap")')
    shown = viewer.samples()
    again = visit(viewer.page.evaluate("location.search"))
    again.expect_samples(shown)
    assert again.page.evaluate("location.search") == viewer.page.evaluate("location.search")
    selected = 'Bokeh.documents[0].get_model_by_name("points").selected.indices'
    again.page.wait_for_function(f"{selected}.length === 30")


def test_broken_project_says_why_and_the_other_keeps_working(visit):
    viewer = visit()
    viewer.page.get_by_role("button", name="broken!").click()
    expect(viewer.page.get_by_text("project.json is no JSON text")).to_be_visible()
    expect(viewer.page.locator(".plot")).to_be_hidden()
    viewer.page.get_by_role("button", name="digits").click()
    expect(viewer.page.locator(".plot")).to_be_visible()


def test_without_arguments_the_page_says_what_to_do(serve, visit):
    viewer = visit(at=serve())
    expect(viewer.page.get_by_text("bokeh serve viewer --args PROJECT")).to_be_visible()


def test_links_with_unknown_names_warn_and_work(visit):
    viewer = visit("?category=99&colour_map=%3Cscript%3E&mode=melted&selection=zzz")
    expect(viewer.page.get_by_text("there is no category '99' here")).to_be_visible()
    expect(viewer.page.get_by_text("'mode' was ignored: it must be one of input, overlay, heatmap")).to_be_visible()
    expect(viewer.page.get_by_role("button", name="Select cluster 0, 60 samples")).to_be_visible()


def test_nothing_scrolls_sideways_and_both_themes_show(visit):
    for width in (1280, 2200):
        viewer = visit(viewport={"width": width, "height": 720})
        assert viewer.page.evaluate("document.documentElement.scrollWidth <= innerWidth")
        assert viewer.page.evaluate("document.documentElement.scrollHeight <= innerHeight")
        viewer.page.get_by_role("button", name="Theme").click()
        expect(viewer.page.locator("html")).to_have_attribute("data-theme", "dark")


def test_too_many_points_become_a_density_that_can_be_brushed_and_zoomed(visit, category, dense_address):
    viewer = visit("?category=3", at=dense_address)
    expect(viewer.page.get_by_text("240 samples are too many to draw one by one")).to_be_visible()
    viewer.lasso((2.9, 2.9), (5.1, 2.9), (5.1, 5.1), (2.9, 5.1))
    corner = category.sample.values[category.cluster.values[0] == 2].tolist()
    viewer.expect_samples(corner[:20])
    expect(viewer.page.get_by_text("of 60 selected")).to_be_visible()
    viewer.page.mouse.move(*viewer.at(4, 4))
    viewer.page.mouse.wheel(0, -400)
    picture = """() => {
        const { data } = Bokeh.documents[0].get_model_by_name("scatter").renderers[0].data_source
        const { x_range } = Bokeh.documents[0].get_model_by_name("scatter")
        return x_range.end - x_range.start < 8 && Math.abs(data.width[0] - (x_range.end - x_range.start)) < 1e-6
    }"""
    viewer.page.wait_for_function(picture)
    viewer.open_category("seven (7)")
    expect(viewer.page.get_by_text("too many to draw")).to_be_hidden()


def test_a_lost_server_is_said_and_the_address_brings_everything_back(serve, visit, digits):
    viewer = visit("?category=7&mode=heatmap", at=serve(digits))
    serve.stop()
    expect(viewer.page.get_by_text("The connection is lost")).to_be_visible()
    viewer.page.close()
    viewer.problems.clear()  # the browser's own report of the refused connection
