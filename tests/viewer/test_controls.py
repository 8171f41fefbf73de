"""Every control changes what it should and nothing else, and undo takes it back: the address holds the whole state."""

import re

import numpy as np
import pytest
from playwright.sync_api import expect

from spray import store
from tests.support import viewer_projects
from tests.support.viewer_pages import Viewer
from viewer.state import decode

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


def button(name):
    return lambda viewer: viewer.page.get_by_role("button", name=name, exact=True).first.click()


def choose(label, value):
    return lambda viewer: viewer.choose(label, value)


def number(label, value):
    def fill(viewer):
        _open(viewer, "More")
        viewer.page.get_by_label(label).and_(viewer.page.locator("input")).fill(value)
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
    "concepts": (button("Concepts"), {"view": "concepts"}),
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
    before, search = page.state(), page.page.evaluate("location.search")
    act(page)
    page.page.wait_for_function("before => location.search !== before", arg=search)
    page.page.wait_for_function("Bokeh.documents[0].is_idle")
    page.page.wait_for_timeout(150)
    after = page.state()
    changed = {key: after.get(key) for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
    assert changed.keys() == expected.keys()
    assert all(expected[key] is ... or changed[key] == expected[key] for key in expected)
    page.page.locator("header strong").click()
    page.page.keyboard.press("Control+z")
    page.page.wait_for_function("before => location.search === before", arg=search)
    assert page.state() == before


def test_invert_selects_the_others(page, digits):
    category = store.open_analysis(digits, "spectral")["3"]
    before = page.state()
    button("Invert")(page)
    page.page.wait_for_function("text => !location.search.includes(text)", arg=before["selection"])
    others = category.sample.values[category.cluster.values[0] != 1]
    assert decode(page.state()["selection"]).tolist() == others.tolist()
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
    assert decode(page.state()["selection"]).tolist() == facts.sample.values[same.values].tolist()
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
    assert decode(viewer.state()["selection"]).tolist() == category.sample.values[nines].tolist()


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
    assert "colour_map" not in viewer.state()


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
