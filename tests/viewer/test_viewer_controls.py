"""Every control changes what it should and nothing else, and undo takes it back: the address holds the whole state."""

import json
import re
import shutil
from urllib.parse import parse_qsl

import numpy as np
import pytest
import viewer_projects
from PIL import Image
from playwright.sync_api import expect
from scipy.cluster.hierarchy import fcluster, linkage
from viewer_pages import Viewer

from spray import store
from viewer.selection import decode

START = "?analysis=spectral&category=3&clustering=kmeans-4&embedding=tsne&project=digits"


@pytest.fixture(scope="module")
def page(browser, address):
    context = browser.new_context(viewport={"width": 1400, "height": 900}, accept_downloads=True)
    viewer = Viewer(context, address + START)
    viewer.page.get_by_role("button", name="Select cluster 1").click()
    viewer.page.wait_for_function("location.search.includes('selection=')")
    yield viewer
    assert viewer.problems == []
    context.close()


def state(viewer) -> dict[str, str]:
    return dict(parse_qsl(viewer.page.evaluate("location.search.slice(1)"), keep_blank_values=True))


def button(name):
    return lambda viewer: viewer.page.get_by_role("button", name=name, exact=True).first.click()


def choose(label, value):
    return lambda viewer: viewer.choose(label, value)


def number(label, value):
    def fill(viewer):
        _open(viewer, "More")
        viewer.page.get_by_label(label).fill(value)
        viewer.page.keyboard.press("Tab")

    return fill


def _open(viewer, summary):
    menu = viewer.page.locator("details", has=viewer.page.get_by_text(summary, exact=True)).first
    if menu.get_attribute("open") is None:
        menu.locator("summary").click()


def within(summary, do):
    def both(viewer):
        _open(viewer, summary)
        do(viewer)

    return both


def filtered(do):
    def both(viewer):
        viewer.page.get_by_role("button", name="Filters", exact=True).click()
        do(viewer)

    return both


def colour_map(name):
    def pick(viewer):
        viewer.page.locator(".samples .bk-value-input").click()
        viewer.page.get_by_text(name, exact=True).click()

    return pick


def own_colours(text):
    def fill(viewer):
        _open(viewer, "More")
        viewer.page.get_by_label("Own colours, from − to +").fill(text)
        viewer.page.keyboard.press("Tab")

    return fill


def paint(name, colour):
    """What the browser does when a colour was picked: the picker itself is the operating system's."""

    def pick(viewer):
        viewer.page.get_by_label(f"Colour of {name}", exact=True).evaluate(
            """(field, colour) => { field.value = colour
            field.dispatchEvent(new Event("input", {bubbles: true, composed: true}))
            field.dispatchEvent(new Event("change", {bubbles: true})) }""",
            colour,
        )

    return pick


def focus_first(viewer):
    viewer.page.locator(".tiles figure button").first.click()


GONE = ("analysis", "category", "clustering", "embedding", "selection")
CONTROLS = {
    "category": (lambda viewer: viewer.open_category("seven (7)"), {"category": "7", "selection": None}),
    "method": (choose("Method", "gradient"), {"method": "relevance_gradient"}),
    "clustering": (choose("Clustering", "hdbscan"), {"clustering": "hdbscan"}),
    "embedding": (choose("Embedding", "spectral"), {"embedding": "spectral"}),
    "pictures in the plot": (choose("Points as", "pictures"), {"markers": "pictures"}),
    "beside": (choose("Beside it", "spectral"), {"beside": "spectral"}),
    "colour by": (choose("Colour by", "confidence"), {"colour": "confidence"}),
    "overlay": (button("Overlay"), {"mode": "overlay"}),
    "heatmap": (button("Heatmap"), {"mode": "heatmap"}),
    "colour map": (colour_map("coldnhot"), {"colour_map": "coldnhot"}),
    "scaling": (choose("Full colour is", "the category's max"), {"scaling": "category"}),
    "order": (choose("Order", "typical first"), {"sort": "typical"}),
    "page size": (choose("A page", "50"), {"page_size": "50"}),
    "own colours": (own_colours("00f,80:fff,0a0"), {"colour_map": "00f,80:fff,0a0"}),
    "paint": (paint("cluster 2", "#ff00ff"), {"paint": "2:ff00ff"}),
    "enlarging": (within("More", choose("Enlarging", "smooth")), {"sampling": "smooth"}),
    "percentile": (number("Percentile of |relevance|", "99"), {"percentile": "99.0"}),
    "gamma": (number("Gamma (< 1 lifts weak)", "0.5"), {"gamma": "0.5"}),
    "next page": (button("Next page"), {"page": "1"}),
    "focus": (focus_first, {"focus": "8"}),
    "clusters": (button("Clusters"), {"view": "clusters"}),
    "categories": (button("Categories"), {"view": "categories"}),
    "compare": (button("Compare"), {"view": "compare"}),
    "findings": (button("Findings"), {"view": "findings"}),
    "clear": (button("Clear"), {"selection": None}),
    "filter label": (filtered(choose("True label", "nine")), {"label": "9", "selection": ...}),
    "filter prediction": (filtered(choose("Predicted label", "two")), {"predicted": "2", "selection": ...}),
    "filter wrong": (filtered(choose("Prediction is", "wrong")), {"correct": "wrong", "selection": ...}),
    "other project": (
        button("broken!"),
        {
            "project": "broken",
            "analysis": None,
            "category": None,
            "clustering": None,
            "embedding": None,
            "selection": None,
        },
    ),
}


@pytest.mark.parametrize("name", CONTROLS)
def test_control(page, name):
    act, expected = CONTROLS[name]
    before, search = state(page), page.page.evaluate("location.search")
    act(page)
    page.page.wait_for_function("before => location.search !== before", arg=search)
    page.page.wait_for_function("Bokeh.documents[0].is_idle")
    page.page.wait_for_timeout(150)
    after = state(page)
    changed = {key: after.get(key) for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert changed.keys() == expected.keys()
    assert all(expected[key] is ... or changed[key] == expected[key] for key in expected)
    page.page.locator("header strong").click()
    page.page.keyboard.press("Control+z")
    page.page.wait_for_function("before => location.search === before", arg=search)
    assert state(page) == before


def test_invert_selects_the_others(page, digits):
    category = store.open_analysis(digits, "spectral")["3"]
    before = state(page)
    button("Invert")(page)
    page.page.wait_for_function("text => !location.search.includes(text)", arg=before["selection"])
    others = category.sample.values[category.cluster.values[0] != 1]
    assert decode(state(page)["selection"]).tolist() == others.tolist()
    button("Undo")(page)
    page.page.wait_for_function("text => location.search.includes(text)", arg=before["selection"].split(".")[0])


def test_confusion_table_counts_the_selection_and_its_rows_select(page, digits):
    category = store.open_analysis(digits, "spectral")["3"]
    facts = store.read_index(digits).sel(sample=category.sample[category.cluster.values[0] == 1])
    wrong = np.flatnonzero(facts.label.values != facts.prediction.values)
    label, prediction = (viewer_projects.LABELS[facts[name].values[wrong[0]]] for name in ("label", "prediction"))
    before = page.page.evaluate("location.search")
    button("Labels")(page)
    table = page.page.locator(".side-labels table")
    expect(table.locator("caption")).to_have_text("Of the selection")
    assert sum(map(int, table.get_by_role("button").all_inner_texts())) == 60
    table.get_by_role("button", name=f"Select {label} seen as {prediction}").click()
    page.page.wait_for_function("before => location.search !== before", arg=before)
    same = (facts.label == facts.label[wrong[0]]) & (facts.prediction == facts.prediction[wrong[0]])
    assert decode(state(page)["selection"]).tolist() == facts.sample.values[same.values].tolist()
    button("Undo")(page)
    page.page.wait_for_function("before => location.search === before", arg=before)
    page.page.locator('[data-side="clusters"]').click()


def test_colour_bar_says_which_relevance_has_full_colour(visit, digits):
    viewer = visit("?category=3&mode=heatmap&scaling=category")
    relevance = store.open_attributions(digits).relevance.values
    largest = f"{np.abs(relevance).max():.3g}"
    expect(viewer.page.locator(".samples .colours")).to_contain_text(f"−{largest}")
    viewer.choose("Full colour is", "each sample's max")
    expect(viewer.page.locator(".samples .colours")).to_contain_text("+max")
    viewer.page.get_by_role("button", name="Input", exact=True).click()
    expect(viewer.page.locator(".samples .colours")).to_have_count(0)


def test_composite_opens_in_full(visit, serve, tmp_path):
    path = viewer_projects.write(tmp_path / "p", 12)
    facts = store.read_project(path) | {"composite": "dense  epsilon()\nconvolution  gamma()"}
    store.write_project(path, **{name: value for name, value in facts.items() if name not in ("schema", "versions")})
    viewer = visit(at=serve(path))
    text = viewer.page.get_by_text("convolution  gamma()")
    expect(text).to_be_hidden()
    viewer.page.get_by_text("Composite", exact=True).click()
    expect(text).to_be_visible()


def test_colours_of_a_variable_have_a_legend_that_selects(visit, digits):
    viewer = visit("?colour=prediction")
    index = store.read_index(digits)
    category = store.open_analysis(digits, "spectral")["3"]
    nines = index.prediction.sel(sample=category.sample).values == 9
    viewer.page.get_by_role("button", name=f"Select nine, {nines.sum()} samples").click()
    viewer.page.wait_for_function("location.search.includes('selection=')")
    assert decode(state(viewer)["selection"]).tolist() == category.sample.values[nines].tolist()


def test_painted_clusters_have_their_colour_everywhere(visit):
    viewer = visit("?category=3&markers=pictures&paint=0:ff00ff")
    viewer.page.get_by_role("button", name="Select cluster 0").click()
    magenta = "background: #ff00ff"
    expect(viewer.page.locator(".samples figcaption .dot").first).to_have_attribute("style", magenta)
    expect(viewer.page.get_by_label("Colour of cluster 0", exact=True)).to_have_value("#ff00ff")
    colours = """() => [...document.querySelectorAll(".marker")].some(m => m.style.borderColor === "rgb(255, 0, 255)")
        && Bokeh.documents[0].get_model_by_name("points").get_array("color").includes(0xff00ffff)"""
    viewer.page.wait_for_function(colours)
    viewer.page.get_by_role("button", name="Default colours").click()
    viewer.page.wait_for_function("!location.search.includes('paint')")


def test_scale_of_a_number_has_colours_and_ends_of_ones_own(visit, digits):
    viewer = visit("?category=3&colour=confidence")
    viewer.page.get_by_label("Colours of the scale").select_option("hot")
    viewer.page.wait_for_function("location.search.includes('scale=hot')")
    viewer.page.get_by_label("From", exact=True).fill("0.5")
    viewer.page.keyboard.press("Tab")
    viewer.page.wait_for_function("location.search.includes('low=0.5')")
    expect(viewer.page.locator(".legend .ends span").first).to_have_text("0.5")
    expect(viewer.page.locator(".legend .strip")).to_have_attribute("src", re.compile("map=hot"))
    viewer.choose("Colour by", "label")
    viewer.page.wait_for_function("!location.search.includes('scale') && !location.search.includes('low')")


def test_colours_that_are_none_are_refused_with_a_message(visit):
    viewer = visit("?category=3")
    own_colours("no colours")(viewer)
    expect(viewer.page.locator(".banner").get_by_role("alert")).to_contain_text("'colour_map' was ignored")
    assert "colour_map" not in state(viewer)


def test_points_that_a_filter_leaves_out_cannot_be_selected(visit, digits):
    viewer = visit("?correct=wrong")
    category = store.open_analysis(digits, "spectral")["3"]
    index = store.read_index(digits).sel(sample=category.sample)
    wrong = (index.label != index.prediction).values
    viewer.circle(-4, -4, 2.0)
    corner = category.cluster.values[0] == 0
    viewer.expect_samples(category.sample.values[wrong & corner].tolist())


def test_arrows_walk_through_the_selection_and_escape_closes(visit):
    viewer = visit("?category=7")
    viewer.page.get_by_role("button", name="Select cluster 0").click()
    viewer.page.locator(".tiles figure button").first.click()
    expect(viewer.page.get_by_role("heading", name="Sample 5", exact=True)).to_be_visible()
    viewer.page.keyboard.press("ArrowRight")
    expect(viewer.page.get_by_role("heading", name="Sample 17", exact=True)).to_be_visible()
    for _ in range(2):
        viewer.page.keyboard.press("ArrowLeft")
    expect(viewer.page.get_by_role("heading", name="Sample 353", exact=True)).to_be_visible()
    viewer.settled()
    viewer.page.keyboard.press("Escape")
    expect(viewer.page.locator(".focus")).to_be_hidden()
    assert viewer.samples()


def test_focus_shows_scores_and_neighbours(visit):
    viewer = visit("?category=3&focus=5")
    focus = viewer.page.locator(".focus")
    expect(focus.locator("img")).to_have_count(6)
    expect(focus.get_by_text("Largest outputs")).to_be_visible()
    focus.get_by_role("button", name="Select them").click()
    viewer.expect_samples([5, 8, 11, 14])


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
    assert decode(state(viewer)["selection"]).tolist() == corner.tolist()
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
    expect(viewer.page.locator("#preview figcaption")).to_have_text("sample 5")
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
    bounds = [float(number) for number in state(viewer)["window"].split(",")]
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


def test_contact_sheet_shows_every_cluster(visit):
    viewer = visit("?view=clusters&clustering=hdbscan")
    expect(viewer.page.locator(".page.clusters article")).to_have_count(5)
    viewer.settled()
    viewer.page.locator(".page.clusters article").first.get_by_title("Select this cluster").click()
    viewer.page.wait_for_function("location.search.includes('selection=')")


def test_categories_are_ranked_and_open_on_click(visit):
    viewer = visit("?view=categories")
    table = viewer.page.locator(".page.categories table")
    expect(table.locator("tr")).to_have_count(3)
    expect(table.locator("th[aria-sort]")).to_have_text("eigengap")
    table.get_by_role("button", name="accuracy").click()
    expect(table.locator("th[aria-sort]")).to_have_text("accuracy")
    table.get_by_role("button", name="seven (7)").click()
    viewer.page.wait_for_function("location.search.includes('category=7')")
    expect(viewer.page.locator(".page.clusters")).to_be_visible()


def test_comparison_with_the_rest_and_with_a_finding(visit):
    viewer = visit("?view=compare")
    expect(viewer.page.get_by_text("Select samples in the plot first")).to_be_visible()
    viewer = visit("?category=3")
    viewer.page.get_by_role("button", name="Select cluster 1").click()
    viewer.page.get_by_role("button", name="Compare", exact=True).click()
    expect(viewer.page.get_by_role("heading", name="selection, 60 samples")).to_be_visible()
    expect(viewer.page.get_by_role("heading", name="rest, 180 samples")).to_be_visible()
    viewer.settled()


def test_the_same_samples_by_another_method_and_another_model(visit, serve, tmp_path, digits):
    """A second project with every third sample, of which the model sees some otherwise: joined by sample id."""
    path = viewer_projects.write(tmp_path / "small model", 240, name="small model")
    part = store.open_attributions(path).isel(sample=slice(0, 240, 3)).load()
    shutil.rmtree(path / "attributions")
    store.write_part(path, 0, part.assign_coords(prediction=("sample", (part.prediction.values + 1) % 10)))
    viewer = visit("?project=digits&category=3&view=compare", at=serve(digits, path))
    viewer.page.get_by_role("button", name="Explore", exact=True).click()
    viewer.page.get_by_role("button", name="Select cluster 1").click()
    viewer.page.get_by_role("button", name="Compare", exact=True).click()
    viewer.choose("The same samples by", "gradient")
    compared = viewer.page.locator(".page.compare")
    expect(compared.get_by_text("60 of 60 samples are in both.")).to_be_visible()
    expect(compared.locator(".three-wide")).to_have_count(21)
    viewer.settled()
    viewer.choose("The same samples by", "small model: LRP")
    expect(compared.get_by_text("20 of 60 samples are in both; both models predict the same in 0.")).to_be_visible()
    first = compared.locator("article", has=viewer.page.get_by_role("heading", name="sample 8", exact=True))
    expect(first).to_have_count(0)  # the other project does not have it
    viewer.settled()
    viewer.page.reload()
    expect(compared.get_by_text("20 of 60 samples are in both")).to_be_visible()


def test_findings_are_kept_shown_compared_and_deleted(visit):
    name = "bar <b>below</b>"
    viewer = visit("?category=3")
    viewer.page.get_by_role("button", name="Select cluster 3").click()
    viewer.page.get_by_role("button", name="Findings", exact=True).click()
    viewer.page.get_by_label("Name").fill(name)
    viewer.page.get_by_label("Tags, with commas between").fill("bar, below")
    viewer.page.get_by_label("Note").fill("always at the same height")
    viewer.page.get_by_role("button", name="Keep", exact=True).click()
    again = visit("?view=findings&category=7")
    expect(again.page.get_by_role("heading", name=name)).to_be_visible()
    renamed = again.page.get_by_label(f"Rename {name}")
    renamed.fill(name := "bar & <i>below</i>")
    renamed.press("Enter")
    expect(again.page.get_by_role("heading", name=name)).to_be_visible()
    again.page.get_by_role("button", name=f"Show {name}").click()
    expect(again.page.get_by_text("of 60 selected")).to_be_visible()
    again.page.get_by_role("button", name="Compare", exact=True).click()
    again.choose("Compare the selection with", name)
    expect(again.page.get_by_text("60 samples are in both")).to_be_visible()
    again.page.get_by_role("button", name="Findings", exact=True).click()
    again.page.get_by_role("button", name=f"Delete {name}").click()
    expect(again.page.get_by_text("Nothing is kept yet")).to_be_visible()


def test_export_and_import_restore_everything(visit, tmp_path):
    viewer = visit("?category=7&mode=heatmap&colour_map=jet&colour=label&beside=spectral&sort=typical")
    viewer.page.get_by_role("button", name="Select cluster 1").click()
    viewer.page.wait_for_function("location.search.includes('selection=')")
    viewer.page.get_by_text("File", exact=True).click()
    with viewer.page.expect_download() as download:
        viewer.page.get_by_role("button", name="Export this view (JSON)").click()
    file = tmp_path / "view.json"
    download.value.save_as(file)
    assert len(json.loads(file.read_text())["samples"]) == 30
    again = visit()
    again.page.set_input_files("#file", file)
    again.page.wait_for_function("text => location.search === text", arg=viewer.page.evaluate("location.search"))
    assert again.samples() == viewer.samples()


def test_import_of_a_virelay_selection(visit, tmp_path):
    file = tmp_path / "virelay.json"
    values = {
        "projectId": 0,
        "projectName": "digits",
        "selectedAnalysisMethod": "spectral",
        "selectedClustering": "hdbscan",
    }
    values |= {"selectedAnalysisCategory": "7", "selectedEmbeddingName": "tsne", "selectedColorMap": "black-fire-red"}
    values |= {"selectedImageMode": "attribution", "selectedEmbeddingVectorsIndices": [5, 8, 11, 6]}
    file.write_text(json.dumps(values))
    viewer = visit()
    viewer.page.set_input_files("#file", file)
    viewer.expect_samples([5, 8, 11])
    expect(viewer.page.get_by_text("1 of 4 selected samples are not in this category")).to_be_visible()
    assert state(viewer)["mode"] == "heatmap" and state(viewer)["colour_map"] == "black-fire-red"


@pytest.mark.parametrize("content", ["", "{", "[]", "x" * (9 << 20)])
def test_a_foreign_or_oversized_import_is_a_message(visit, tmp_path, content):
    file = tmp_path / "foreign.json"
    file.write_text(content)
    viewer = visit()
    viewer.page.set_input_files("#file", file)
    expect(viewer.page.locator(".banner").get_by_role("alert").first).to_be_visible()
    expect(viewer.page.locator(".plot")).to_be_visible()


def test_table_drawing_and_code(visit, tmp_path):
    viewer = visit("?category=7")
    viewer.page.get_by_role("button", name="Select cluster 1").click()
    viewer.page.wait_for_function("location.search.includes('selection=')")
    texts = {}
    kinds = {"csv": "Selection as table", "svg": "Embedding as drawing", "py": "Python that finds"}
    kinds |= {"gallery": "Gallery as drawing", "png": "Gallery as picture"}
    for kind, label in kinds.items():
        viewer.page.get_by_text("File", exact=True).click()
        with viewer.page.expect_download() as download:
            viewer.page.get_by_role("button", name=label).click()
        download.value.save_as(tmp_path / kind)
        texts[kind] = (tmp_path / kind).read_bytes().decode("utf-8", "replace")
    assert texts["gallery"].count("<image") == 20 and ">sample 8<" in texts["gallery"]
    drawn = np.asarray(Image.open(tmp_path / "png").convert("L"))
    assert drawn.shape == (2 * 322, 2 * 1230) and drawn.min() < 100 and (drawn[:20] == 255).all()
    assert np.ptp(drawn[20:244, 20:244].astype(int)) > 150
    assert texts["csv"].count("\n") == 31 and texts["csv"].startswith("sample,kmeans-4,hdbscan,tsne 1,tsne 2")
    assert texts["svg"].count("<circle") == 120
    found: dict = {}
    exec(texts["py"], found)
    assert found["image"].shape[0] == 30 and np.unique(found["cluster"]).tolist() == [1]


def test_share_gives_a_link_that_restores_the_view(visit):
    viewer = visit("?category=7&mode=overlay")
    viewer.page.get_by_role("button", name="Select cluster 1").click()
    viewer.page.wait_for_function("location.search.includes('selection=')")
    viewer.page.get_by_role("button", name="Share").click()
    link = viewer.page.evaluate("location.href")
    expect(viewer.page.get_by_label("Link", exact=True)).to_have_value(link)
    viewer.page.get_by_role("button", name="Close").click()
    again = visit(at=link)
    assert again.samples() == viewer.samples()


def test_two_visitors_do_not_meet(visit):
    first, second = visit("?category=3"), visit("?category=3")
    first.page.get_by_role("button", name="Select cluster 0").click()
    second.page.get_by_role("button", name="Select cluster 1").click()
    second.page.get_by_role("button", name="Heatmap").click()
    first.page.wait_for_function("location.search.includes('selection=')")
    second.page.wait_for_function("location.search.includes('mode=heatmap')")
    assert not set(first.samples()) & set(second.samples())
    assert "mode" not in state(first)
