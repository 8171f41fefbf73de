"""What is done in the plots: clicks, brushes, hovering, zooming."""

import io

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect
from scipy.cluster.hierarchy import fcluster, linkage

from spray import store
from viewer.state import decode, encode


def test_clicking_an_eigenvalue_chooses_that_many_clusters(visit):
    viewer = visit("?clustering=hdbscan&category=3")
    place = """k => {
        const plot = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name("eigenvalues"))
        const box = plot.canvas_view.el.getBoundingClientRect()
        return [box.x + plot.frame.x_scale.compute(k), box.y + plot.frame.y_scale.compute(0.015)]
    }"""
    viewer.page.mouse.click(*viewer.page.evaluate(place, 4))
    viewer.page.wait_for_function("location.search.includes('kmeans-4')")


def test_a_click_cuts_the_tree_of_merges(visit, digits):
    viewer = visit("?category=7&colour=cluster")
    viewer.page.get_by_role("button", name="Tree", exact=True).click()
    viewer.page.wait_for_function("location.search.includes('spectrum=tree')")
    drawn = 'Bokeh.documents[0].get_model_by_name("branches").data.ys.length'
    viewer.page.wait_for_function(f"{drawn} === 19")
    points = store.open_analysis(digits, "spectral")["7"].spectral
    heights = np.sort(linkage(points.values.astype(float), "ward")[:, 2])
    place = """y => {
        const plot = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name("tree"))
        const box = plot.canvas_view.el.getBoundingClientRect()
        return [box.x + box.width / 2, box.y + plot.frame.y_scale.compute(y)]
    }"""
    k = 2 + int(np.argmax(np.diff(heights[-6:])[::-1]))  # where the gap is widest, so that the mouse hits it
    viewer.page.mouse.click(*viewer.page.evaluate(place, float(heights[-k] + heights[-k + 1]) / 2))
    viewer.page.wait_for_function(f"location.search.includes('clustering=tree-{k}')")
    rows = viewer.page.locator(".side-clusters .groups > .group")
    expect(rows).to_have_count(k)
    again = visit(at=viewer.page.evaluate("location.href"))
    sizes = sorted(np.bincount(fcluster(linkage(points.values.astype(float), "ward"), k, "maxclust"))[1:])[::-1]
    expect(again.page.locator(".side-clusters .size")).to_have_text([str(size) for size in sizes])
    expect(again.page.get_by_label("Clustering", exact=True)).to_have_value(f"tree-{k}")


def test_brush_in_one_embedding_selects_in_both(visit, digits):
    viewer = visit("?beside=spectral&category=3")
    expect(viewer.page.locator(".second")).to_be_visible()
    viewer.lasso((2.9, 2.9), (5.1, 2.9), (5.1, 5.1), (2.9, 5.1))
    category = store.open_analysis(digits, "spectral")["3"]
    viewer.page.wait_for_function("location.search.includes('selection=')")
    corner = category.sample.values[category.cluster.values[0] == 2]
    assert decode(viewer.state()["selection"]).tolist() == corner.tolist()
    drawn = """() => ["scatter", "beside_plot"].map(name => {
        const plot = Bokeh.documents[0].get_model_by_name(name)
        return plot.renderers.some(r => r.data_source.name === "points" && r.data_source.selected.indices.length === 60)
    })"""
    assert viewer.page.evaluate(drawn) == [True, True]


def test_hover_shows_the_picture(visit, digits):
    viewer = visit()
    category = store.open_analysis(digits, "spectral")["3"]
    x, y = viewer.at(*category.tsne.values[0])
    viewer.page.mouse.move(x - 30, y - 30)
    viewer.page.mouse.move(x, y, steps=5)
    expect(viewer.page.locator("#preview")).to_be_visible()
    expect(viewer.page.locator("#preview figcaption")).to_contain_text("sample 5")
    expect(viewer.page.locator("#preview figcaption")).to_contain_text("prediction: ")
    viewer.page.wait_for_function("document.querySelector('#preview img').naturalWidth === 12")


def test_hover_rings_the_sample_in_both_plots_without_drawing_them_again(visit, digits):
    viewer = visit("?beside=spectral")
    category = store.open_analysis(digits, "spectral")["3"]
    viewer.page.evaluate(
        """() => {
        window.drawn = 0
        const plot = Bokeh.index.find_one(Bokeh.documents[0].get_model_by_name("beside_plot"))
        const paint = plot.canvas_view.paint ? plot.canvas_view : plot
        const before = paint.paint.bind(paint)
        paint.paint = (...given) => { window.drawn += 1; return before(...given) }
    }"""
    )
    x, y = viewer.at(*category.tsne.values[3])
    viewer.page.mouse.move(x, y, steps=5)
    for plot, values in {"scatter": category.tsne.values[3], "beside_plot": category.spectral.values[3, :2]}.items():
        ring = viewer.page.locator(f'[data-plot="{plot}"] > .ring')
        expect(ring).to_be_visible()
        box = ring.bounding_box()
        assert box is not None
        assert (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2) == pytest.approx(
            viewer.at(*values, plot=plot), abs=1
        )
    assert viewer.page.evaluate("window.drawn") == 0
    viewer.page.mouse.move(5, 5, steps=3)
    expect(viewer.page.locator('[data-plot="beside_plot"] > .ring')).to_be_hidden()


def test_zoom_is_part_of_the_link_and_shows_pictures_of_what_is_in_view(visit, digits):
    viewer = visit("?category=3&markers=pictures")
    expect(viewer.page.locator(".marker").first).to_be_visible()
    viewer.page.mouse.move(*viewer.at(4, 4))
    for _ in range(8):
        viewer.page.mouse.wheel(0, -200)
    reported = """() => { const plot = Bokeh.documents[0].get_model_by_name("scatter")
        const now = [plot.x_range.start, plot.x_range.end, plot.y_range.start, plot.y_range.end]
        const text = new URLSearchParams(location.search).get("window")
        return now[1] - now[0] < 3 && text?.split(",").every((value, at) => Math.abs(value - now[at]) < 1e-4) }"""
    viewer.page.wait_for_function(reported)
    bounds = [float(number) for number in viewer.state()["window"].split(",")]
    category = store.open_analysis(digits, "spectral")["3"]
    x, y = category.tsne.values.T
    inside = (x >= bounds[0]) & (x <= bounds[1]) & (y >= bounds[2]) & (y <= bounds[3])
    assert 0 < inside.sum() < 60
    again = visit(at=viewer.page.evaluate("location.href"))
    for found in (viewer, again):
        expect(found.page.locator(".marker")).to_have_count(int(inside.sum()))
        found.settled()
        scale = """() => { const plot = Bokeh.documents[0].get_model_by_name("scatter")
            return [plot.x_range.start, plot.x_range.end, plot.y_range.start, plot.y_range.end] }"""
        assert found.page.evaluate(scale) == pytest.approx(bounds, rel=1e-4)
    again.choose("Embedding", "spectral")
    again.page.wait_for_function("!location.search.includes('window=')")


def test_small_points_drawn_by_the_processor_have_their_place_and_colour(visit, digits):
    """What is drawn pixel by pixel (static/points.js) looks as Bokeh's own points do: in colour, others fainter."""
    viewer = visit("?category=3&selection=" + encode(np.array([5 + 3 * row for row in range(0, 240, 4)])))
    assert viewer.page.locator("html").get_attribute("data-drawing") == "canvas"
    category = store.open_analysis(digits, "spectral")["3"]
    group, points = category.cluster.values[0], category.tsne.values
    far = np.abs(points[:, None] - points[None]).max(-1) + 9 * np.eye(len(points))
    alone = {number: np.flatnonzero(group == number)[far[group == number].min(1).argmax()] for number in (0, 1)}
    seen, drawn = {}, {}
    for size in (4, 3):
        viewer.page.evaluate(
            """size => { const plot = Bokeh.documents[0].get_model_by_name("scatter")
            const prototype = CanvasRenderingContext2D.prototype
            const { drawImage } = prototype
            window.images = 0
            prototype.drawImage = function (...given) { window.images += 1; return drawImage.apply(this, given) }
            const { glyph, selection_glyph, nonselection_glyph } =
                plot.renderers.find(r => r.data_source.name === "points")
            for (const one of [glyph, selection_glyph, nonselection_glyph]) one.size = size }""",
            size,
        )
        viewer.settled()
        viewer.page.wait_for_timeout(100)
        drawn[size] = viewer.page.evaluate("window.images")
        shot = np.asarray(Image.open(io.BytesIO(viewer.page.screenshot())).convert("RGB")).astype(int)
        for number, row in alone.items():
            x, y = (int(value) for value in viewer.at(*points[row]))
            seen[size, number] = shot[y - 1 : y + 2, x - 1 : x + 2].reshape(-1, 3)
    assert drawn[3] > drawn[4]
    for number in alone:
        own, bokehs = (seen[size, number] for size in (3, 4))
        darkest = [pixels[pixels.sum(1).argmin()] for pixels in (own, bokehs)]
        assert np.abs(darkest[0] - darkest[1]).max() < 30, (number, own, bokehs)
    assert seen[3, 0].sum(1).min() < 450 < 600 < seen[3, 1].sum(1).min()  # selected, and not
