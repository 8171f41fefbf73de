"""More samples than are drawn one by one: what is seen of them, what the pointer finds, a selection in the address."""

import numpy as np
import pytest
from playwright.sync_api import expect

import spray
from spray import store
from viewer.projects import open_category, open_projects
from viewer.scene.points import density
from viewer.scene.points.columns import places, positions
from viewer.scene.points.picking import nearest
from viewer.state import State, decode, encode

N, FAR = 300_000, 50


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A cloud, and 50 samples far from it, each alone; clusters at random: a selection of one is a long text."""
    random = np.random.default_rng(0)
    points = random.normal(0, 1, (N, 2))
    turn = np.arange(FAR) * 2 * np.pi / FAR
    points[:FAR] = np.stack([np.cos(turn), np.sin(turn)], axis=1) * 40
    label = np.where(np.arange(N) < FAR, 1, 0)
    path = tmp_path_factory.mktemp("million") / "many"
    return spray.write_arrays(path, embedding=points, clustering=random.integers(0, 2, N), label=label)


@pytest.fixture(scope="module")
def category(many):
    project = open_projects([str(many)])["many"]
    analysis = next(iter(project.analyses))
    return open_category(project, analysis, project.analyses[analysis][0])


@pytest.fixture(scope="module")
def state(category):
    return State(embedding=next(iter(category.embeddings)), clustering=next(iter(category.clusterings)))


def test_what_lies_far_from_many_is_drawn_as_points(category, state):
    found = density.density(category, state, places(state)["scatter"])
    assert len(found.rows) < 1000 and set(range(FAR)) <= set(found.rows.tolist())
    assert (found.colours & 255 >= 200).all()


def test_a_few_selected_are_seen_among_many(category, state):
    """A mean over all samples of a pixel would hide them."""
    middle = np.flatnonzero((np.abs(category.embeddings[state.embedding]) < 0.5).all(axis=1))[:5]
    chosen = category.sample[middle]
    place = places(state)["scatter"]
    found = density.density(category, State(**vars(state) | {"selection": encode(chosen)}), place)
    alpha, before = (one.picture & np.uint32(0xFF000000) for one in (found, density.density(category, state, place)))
    seen = found.picture.view(np.uint8).reshape(*found.picture.shape, 4)[..., 3] >= density.OPACITY[density.SHOWN, 0]
    rows, at = density.cells(category, place, density.shown_window(category, place))
    assert set(np.flatnonzero(seen)) == set(at[np.isin(rows, middle)])
    assert (before > 0).sum() == (alpha > 0).sum() > 1000  # the others are still there


def test_as_soon_as_few_are_in_view_all_are_points(category, state):
    place = places(state)["scatter"]._replace(window="-0.2,0.2,-0.2,0.2")
    inside = density.shown_window(category, place).holds(positions(category, place))
    found = density.density(category, state, place)
    assert 0 < inside.sum() <= density.MOST_IN_VIEW
    assert sorted(found.rows) == np.flatnonzero(inside).tolist() and not found.picture.any()


@pytest.mark.parametrize("filtered", [False, True])
def test_the_nearest_is_that_of_all(category, state, filtered):
    place = places(state)["scatter"]
    state = State(**vars(state) | {"filter": "label=1" if filtered else ""})
    points = positions(category, place).astype(float)
    reach = (0.5, 0.25)  # as far on the screen
    for at in ((0.0, 0.0), (39.9, 0.1), (12.0, 9.0), (1.5, -2.0)):
        far = (((points - at) / reach) ** 2).sum(axis=1)
        far[(category.variables["label"] == 0) & filtered] = np.inf
        wanted = int(far.argmin()) if far.min() <= 1 else -1
        assert nearest(category, state, place, at, reach) == wanted


def test_hover_shows_and_a_click_focuses_the_nearest_sample_of_a_picture(visit, digits, dense_address):
    viewer = visit("?category=3&beside=spectral", at=dense_address)
    category = store.open_analysis(digits, "spectral")["3"]
    x, y = viewer.at(*category.tsne.values[7])
    viewer.page.mouse.move(x - 40, y)
    viewer.page.mouse.move(x + 1, y, steps=3)
    sample = int(category.sample[7])
    expect(viewer.page.locator("#preview figcaption")).to_contain_text(f"sample {sample}")
    expect(viewer.page.locator("#preview figcaption")).to_contain_text("prediction: ")
    for plot, values in {"scatter": category.tsne.values[7], "beside_plot": category.spectral.values[7, :2]}.items():
        box = viewer.page.locator(f'[data-plot="{plot}"] > .ring').bounding_box()
        assert box is not None
        at = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        assert at == pytest.approx(viewer.at(*values, plot=plot), abs=1)
    viewer.page.mouse.click(x + 1, y)
    viewer.page.wait_for_function(f"location.search.includes('focus={sample}')")
    expect(viewer.page.get_by_role("heading", name=f"Sample {sample}", exact=True)).to_be_visible()
    viewer.page.mouse.move(*viewer.at(0, 0), steps=3)  # where nothing is
    expect(viewer.page.locator("#preview")).to_be_hidden()


def test_zooming_into_a_picture_ends_in_points(visit, digits, dense_address):
    viewer = visit("?category=3&window=3,5,3,5", at=dense_address)
    drawn = """() => { const plot = Bokeh.documents[0].get_model_by_name("scatter")
        return plot.renderers.map(r => r.data_source.data.color?.length ?? r.data_source.get_length()) }"""
    corner = store.open_analysis(digits, "spectral")["3"].tsne.values
    inside = int(((corner >= 3) & (corner <= 5)).all(axis=1).sum())
    assert 0 < inside <= 75 and inside in viewer.page.evaluate(drawn)


@pytest.mark.slow
def test_a_selection_of_any_size_is_in_the_address(visit, serve, many):
    address = serve(many)
    viewer = visit(at=address)
    viewer.page.get_by_role("button", name="Select cluster 0").click()
    viewer.page.wait_for_function("location.search.includes('selection=%40')")
    expect(viewer.page.locator(".pager")).to_contain_text("selected")
    said = viewer.page.locator(".pager .count").inner_text()
    kept = [decode(file.read_text()) for file in (many / "selections").iterdir()]
    assert len(kept) == 1 and f"of {len(kept[0])} selected" in said
    again = visit(at=viewer.page.evaluate("location.href"))
    expect(again.page.locator(".pager .count")).to_have_text(said)
    (many / "selections").rename(many / "elsewhere")
    (many / "selections").write_text("a file where a folder has to be")
    viewer.page.get_by_role("button", name="Select cluster 1").click()
    expect(viewer.page.get_by_role("alert")).to_contain_text("too large for the page's address")
