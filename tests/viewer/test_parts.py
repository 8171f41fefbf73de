"""The thinking parts, without a browser."""

import json
import re
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from bokeh.document import Document
from bokeh.models import Div

from spray import store
from tests.support import viewer_projects
from viewer import html
from viewer.export import tables as exports
from viewer.projects import Clusterings, Finding, findings, open_category, open_projects
from viewer.projects.tree import MOST_COMPARED, count_at, cut_height
from viewer.scene import Blank, Scene, resolve
from viewer.scene.gallery import gallery
from viewer.scene.overview import overview
from viewer.scene.points import colours, columns
from viewer.scene.points.density import density
from viewer.scene.points.grouping import clusters
from viewer.scene.points.markers import MOST_MARKERS, marker_rows
from viewer.scene.sheet import sheet
from viewer.session import Session, spare
from viewer.session.actions import react
from viewer.session.change import Change, Refusal
from viewer.state import CHOICES, State, decode, encode, links, window
from viewer.state.paint import css


def test_projects_have_unique_keys_and_errors_of_their_own(projects):
    assert list(projects) == ["digits", "broken", "digits-2"]
    assert projects["digits"].error == "" and "no JSON text" in projects["broken"].error


def test_resolve_fills_in_what_is_there(scene):
    assert scene.state == State(
        project="digits", analysis="spectral", category="3", clustering="kmeans-4", embedding="tsne"
    )
    assert isinstance(scene, Scene) and scene.warnings == ()


def test_resolve_warns_once_for_each_unknown_name(projects):
    scene = resolve(projects, State(project="x", analysis="y", category="z", embedding="t", clustering="c", x=9, y=9))
    assert len(scene.warnings) == 5 and (scene.state.x, scene.state.y) == (0, 1)


def test_the_way_from_the_ranking_leads_to_the_suspicious_cluster(tmp_path):
    """The clustering stands beside the cluster's number, and opening the category opens it."""
    rng, sample = np.random.default_rng(0), np.arange(20)
    store.write_project(tmp_path, name="p")
    heat = (("sample", "height", "width"), rng.random((20, 6, 6)).astype("f4"))
    store.write_part(tmp_path, 0, xr.Dataset({"image": heat, "relevance": heat}, {"sample": sample}))
    for category, suspect in {"0": "spectral-2", "1": "hdbscan-5"}.items():
        cluster = (("clustering", "sample"), np.stack([sample % 2, sample % 3]))
        found = xr.Dataset({"tsne": (("sample", "axis"), rng.random((20, 2))), "cluster": cluster})
        found = found.assign_coords(sample=sample, clustering=["spectral-2", "hdbscan-5"])
        facts = {"clever_hans": 0.5, "suspect_clustering": suspect, "suspect_cluster": 1}
        store.write_category(tmp_path, "spectral", category, found.assign_attrs(facts))
    shown = resolve(open_projects([str(tmp_path)]), State())
    assert overview(shown.project, "spectral").columns == ("clever_hans", "suspect_clustering", "suspect_cluster")
    assert shown.state.view == "categories" and shown.state.analysis == "spectral"
    opened = react(shown, "category", "1").state
    assert opened["clustering"] == "hdbscan-5" and opened["view"] == "explore"
    assert decode(opened["selection"]).tolist() == sample[sample % 3 == 1].tolist()
    asked = resolve(open_projects([str(tmp_path)]), State(category="0"))
    assert asked.state.view == "explore"  # who has a link gets what it says


@pytest.mark.parametrize("judgement", ["usual", "look here", ""])
def test_a_ranking_in_which_nothing_stands_out_says_so(tmp_path, judgement):
    """Else the most suspicious of all is called usual, without a word."""
    path = viewer_projects.write(tmp_path / "p", 24)
    facts = {"suspicion": 0.7, "judgement": judgement, "suspect_clustering": "kmeans-4", "suspect_cluster": 1}
    for category in ("3", "7"):
        store.write_category(
            path, "spectral", category, store.open_analysis(path, "spectral")[category].assign_attrs(facts)
        )
    store.write_analysis_index(path, "spectral")
    session = Session(Document(), open_projects([str(path)]))
    session.update(view="categories")
    box = session.doc.get_model_by_name("categories")
    assert isinstance(box, Div) and ("none of these groups stands out" in box.text) == (judgement == "usual")


def test_categories_have_human_readable_labels(projects):
    assert projects["digits"].category_text("7") == "seven (7)"
    assert projects["digits"].category_text("wolf") == "wolf"


def test_columns_are_the_embedding_in_file_order(scene):
    found = columns.columns(scene.category, scene.state)
    assert np.array_equal(found["x"], scene.category.data.tsne.values[:, 0])
    assert found["sample"].tolist() == scene.category.sample.tolist()
    assert found["color"].dtype == np.uint32 and len(np.unique(found["color"])) == 4


def test_gallery_pages_through_the_selection(scene):
    chosen = scene.category.sample[5:50]
    state = replace(scene.state, selection=encode(chosen))
    seen = []
    for page in range(3):
        found = gallery(scene.project, scene.category, replace(state, page=page))
        assert found.total == 45 and found.first == 20 * page
        seen += [tile.sample for tile in found.tiles]
    assert seen == chosen.tolist()
    beyond = gallery(scene.project, scene.category, replace(state, page=99))
    assert beyond.first == 40


def test_clusters_count_members_and_selected(scene):
    found = clusters(scene.category, replace(scene.state, clustering="hdbscan"), np.arange(240) < 10)
    assert [cluster.number for cluster in found] == [0, 1, 2, 3, -1]
    assert sum(cluster.size for cluster in found) == 240 and sum(cluster.selected for cluster in found) == 10
    assert found[-1].name == "noise" and found[-1].colour == css(colours.NOISE)


def test_group_colours_differ_even_with_200_groups():
    table = np.array([colours.group_colour(number) for number in range(200)])
    assert len(np.unique(table, axis=0)) == 200
    apart = np.linalg.norm(table[:40, None] - table[:40], axis=2) + 999 * np.eye(40)
    assert apart.min() > 35  # of 441: 8 in hues that follow the golden ratio


def test_a_damaged_category_is_a_problem_with_a_way_to_the_others(tmp_path):
    path = viewer_projects.write(tmp_path / "p", 9)
    projects = open_projects([str(path)])
    (path / "analyses" / "spectral" / "3.nc").write_bytes(b"\x89HDF\r\n\x1a\nhalf")
    session = Session(Document(), projects)
    assert isinstance(session.scene, Blank) and "is no complete netCDF file" in session.scene.problem
    problem = session.doc.get_model_by_name("problem")
    assert isinstance(problem, Div) and "seven (7)" in problem.text
    session.page.action = json.dumps({"name": "category", "value": "7"})
    assert isinstance(session.scene, Scene)


def test_an_open_project_is_shared_until_samples_or_analyses_are_written(tmp_path):
    """What visitors keep with it is no reason to read it again: every window would have a copy."""
    path = viewer_projects.write(tmp_path / "p", 9)
    store.open_attributions(path)  # which keeps an index of the parts
    first = open_projects([str(path)])["p"]
    findings.keep(path, Finding("a mark", "", (), "spectral", "3", (5, 8)))
    assert links.keep(path, encode(np.array([5, 8])))
    assert open_projects([str(path)])["p"] is first
    store.write_category(path, "other", "3", store.open_analysis(path, "spectral")["3"].load())
    second = open_projects([str(path)])["p"]
    assert second is not first and second.analyses["other"] == ("3",)
    part = store.open_attributions(path).load().isel(sample=[0]).assign_coords(sample=[999])
    store.write_part(path, 3, part.drop_vars(["part", "row"], errors="ignore"))
    assert open_projects([str(path)])["p"].attributions.sizes["sample"] == 10


def test_a_banner_says_that_a_project_is_incomplete(tmp_path):
    path = viewer_projects.write(tmp_path / "p", 9)
    banner = Session(Document(), open_projects([str(path)])).banner
    assert "incomplete" not in banner.text, "projects of before do not say how many samples there should be"
    ids = np.arange(12) * 3 + 5
    store.add_facts(path, samples=store.expected_samples(ids, 3))
    analysed = store.open_analysis(path, "spectral")["3"].assign_attrs(coverage="6 of 12 samples")
    store.write_category(path, "spectral", "3", analysed)
    session = Session(Document(), open_projects([str(path)]))
    assert session.banner.visible and "incomplete: 9 of 12 samples (without part 3)" in session.banner.text
    assert "this analysis is of 6 of 12 samples, the project has 9 of 12 samples" in session.banner.text


STRANGE = {
    "no clusters": lambda data: data.drop_vars("cluster"),
    "clusters that are no numbers": lambda data: data.assign(cluster=data.cluster.astype(float) * np.nan),
    "eigenvalues that are no numbers": lambda data: data.assign(eigenvalue=data.eigenvalue * np.nan),
    "an embedding of texts": lambda data: data.assign(texts=data.tsne.astype(str)),
    "one axis": lambda data: data.drop_vars("tsne").isel(component=slice(0, 1)),
}


@pytest.mark.parametrize("name", STRANGE)
def test_strange_categories_are_shown(tmp_path, name):
    path = viewer_projects.write(tmp_path / "p", 24)
    store.write_category(path, "spectral", "3", STRANGE[name](store.open_analysis(path, "spectral")["3"]))
    session = Session(Document(), open_projects([str(path)]))
    for changes in (
        {"view": "clusters"},
        {"view": "compare"},
        {"focus": 5},
        {"spectrum": "tree"},
        {"beside": "spectral"},
    ):
        session.update(**changes)
    banner = session.doc.get_model_by_name("banner")
    assert isinstance(session.scene, Scene) and isinstance(banner, Div) and banner.text == ""


def test_a_category_of_another_project_is_refused(tmp_path):
    path = viewer_projects.write(tmp_path / "p", 9)
    foreign = store.open_analysis(path, "spectral")["3"].assign_coords(sample=np.arange(9) + 1000)
    store.write_category(path, "spectral", "9", foreign)
    with pytest.raises(store.ProjectError, match=r"1000.*not in the project"):
        open_category(open_projects([str(path)])["p"], "spectral", "9")


def test_an_action_is_a_value_that_changes_nothing_by_itself(digits, scene):
    before = sorted(path.name for path in digits.rglob("*"))
    chosen = scene._replace(state=replace(scene.state, selection=encode(scene.category.sample[:9])))
    assert react(chosen, "clear", None) == Change(state={"selection": "", "page": 0})
    assert not react(chosen, "look", {"plot": "scatter", "of": chosen.place("scatter"), "shown": [0, 1, 0, 1]}).undoable
    kept = react(chosen, "keep", {"name": "nine", "text": "", "tags": ""})
    assert kept.write is not None and kept.redraw and sorted(path.name for path in digits.rglob("*")) == before
    export = react(chosen, "export", "svg").work
    assert export is not None
    drawn = export()
    assert drawn["name"] == "download" and drawn["text"] == exports.drawing(chosen.category, chosen.state)
    with pytest.raises(Refusal, match="no category"):
        react(Blank(chosen.projects, chosen.state), "invert", None)


def test_html_escapes_everything_given_as_text():
    nasty = "\"><script>alert('x')</script>"
    found = html.button("go", nasty, nasty, title=html.Markup(nasty))
    assert "<script" not in found and found.count('"') == 8


def test_no_markup_of_ours_is_escaped(digits, broken):
    """What joins pieces of HTML by hand makes text of them, and the page shows its tags."""
    session = Session(Document(), open_projects([str(digits), str(broken)]))
    sample, other = session.scene.category.sample, "digits/relevance_gradient"
    chosen = {"selection": encode(sample[:9]), "focus": int(sample[5]), "least": 0.1}
    for changes in [{"view": view} for view in CHOICES["view"]] + [
        {**chosen, "view": "compare", "other": other},
        {"view": "explore", "colour": "confidence", "paint": "1:ff0000"},
        {"colour": "label", "sort": "unsure", "spectrum": "tree"},
        {"project": "broken"},
    ]:
        session.update(**changes)
        texts = [model.text for model in session.doc.select({"type": Div})]
        assert not [text for text in texts if re.search("&lt;[a-z/]", text)]


def test_viewer_never_imports_torch(digits):
    code = (
        "import sys; from bokeh.document import Document; from viewer.session import start\n"
        "import viewer.pictures.routes\n"
        f"doc = Document(); start(doc, [{str(digits)!r}]); print(len(doc.roots) > 5, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.split() == ["True", "False"], done.stderr


def test_a_selection_sends_nothing_to_the_plots(digits):
    """Whatever a plot is sent makes it draw all its points again, which is what takes long with many."""
    session = Session(Document(), open_projects([str(digits)]))
    events: list[str] = []
    # an event without a model tells the document that a picture was read in the background
    session.doc.on_change(lambda event: events.append(type(getattr(event, "model", None)).__name__))
    session.update(selection=encode(session.scene.category.sample[:7]))
    assert set(events) - {"NoneType"} == {"Page", "Div"}
    session.update(focus=5)
    assert events.count("ColumnDataSource") == 1


def test_visitors_share_no_widgets_also_where_a_set_was_made_before(digits):
    spare.keep_one()
    spare.keep_one()
    sessions = [Session(Document(), open_projects([str(digits)])) for _ in range(3)]
    models = [{model.id for view in session.views for model in view.models} for session in sessions]
    assert len(set.union(*models)) == sum(map(len, models)) > 100
    colour_maps = [session.doc.get_model_by_name("colour_map") for session in sessions]
    before = colour_maps[0].value
    colour_maps[1].value = "gray"
    assert [found.value == before for found in colour_maps] == [True, False, True]
    assert [session.scene.state.colour_map == before for session in sessions] == [True, False, True]


@pytest.mark.parametrize("change", [{"method": "relevance_gradient"}, {"colour_map": "gray"}])
@pytest.mark.parametrize(("pane", "view"), [("focus", "explore"), ("sheet", "clusters"), ("gallery", "explore")])
def test_panes_with_pictures_follow_all_that_pictures_depend_on(digits, pane, view, change):
    session = Session(Document(), open_projects([str(digits)]))
    samples = session.scene.category.sample
    session.update(view=view, mode="overlay", focus=int(samples[5]), selection=encode(samples[:7]))
    shown = session.doc.get_model_by_name(pane)
    before = shown.text
    session.update(**change)
    assert before.count("<img") > 2 and shown.text != before


def test_windows_show_all_or_what_was_asked_for(scene):
    place = columns.places(scene.state)["scatter"]
    view = columns.shown_window(scene.category, place)
    assert view.holds(columns.positions(scene.category, place)).all()
    assert columns.shown_window(scene.category, place._replace(window="0,1,2,3")) == (0, 1, 2, 3)
    assert window.whole(np.full((3, 2), np.nan)) == (0, 1, 0, 1)
    for text in ("1,0,0,1", "0,1,nan,2", "0,1,2", "a,b,c,d", "0,1,0,inf"):
        with pytest.raises(ValueError, match="window"):
            window.read(text)


def test_pictures_in_the_plot_are_all_in_view_or_one_of_each_dense_place(scene):
    place = columns.places(scene.state)["scatter"]
    many = marker_rows(scene.category, scene.state, place)
    assert 4 <= len(many) <= MOST_MARKERS and len(np.unique(scene.category.clusterings["kmeans-4"][many])) == 4
    close = place._replace(window="3.5,4.5,3.5,4.5")
    inside = columns.shown_window(scene.category, close).holds(columns.positions(scene.category, close))
    assert marker_rows(scene.category, scene.state, close).tolist() == np.flatnonzero(inside).tolist()


def test_density_of_a_part_has_its_samples_only(scene, monkeypatch):
    monkeypatch.setattr("viewer.scene.points.density.MOST_IN_VIEW", 10)
    place = columns.places(scene.state)["scatter"]
    close = place._replace(window="3,5,3,5")
    found = density(scene.category, scene.state, close)
    assert (found.x, found.y, found.width, found.height) == (3, 3, 2, 2)
    assert 0 < (found.picture > 0).sum() <= 60 < (density(scene.category, scene.state, place).picture > 0).sum()


@pytest.mark.parametrize("clustering", ["hdbscan", "tree-3"])
def test_code_finds_the_same_samples_and_clusters(scene, clustering):
    chosen = scene.category.sample[10:60:2]
    state = replace(scene.state, clustering=clustering, selection=encode(chosen))
    found: dict = {}
    exec(exports.snippet(scene.project, scene.category, state), found)
    rows = scene.category.rows(chosen)
    assert found["cluster"].tolist() == scene.category.clusterings[clustering][rows].tolist()
    assert np.array_equal(found["points"], scene.category.embeddings["tsne"][rows])
    assert found["image"].sizes["sample"] == 25


def test_trees_are_for_as_many_samples_as_can_be_compared(scene):
    assert "tree-20" in scene.category.clusterings and "tree-21" not in scene.category.clusterings
    many = Clusterings({}, scene.category.data.spectral.isel(sample=np.arange(MOST_COMPARED + 1) % 240))
    assert "tree-2" not in many and not len(many.merges)
    assert count_at(scene.category.clusterings.merges, 1e9) == 1 and cut_height(many.merges, "tree-2") is None


def test_cards_have_the_scores_of_the_analysis_and_cuts_of_the_tree_have_none(scene):
    cards = sheet(scene.project, scene.category, scene.state)
    assert [card.scores for card in cards] == [{"silhouette": value} for value in (0.1, 0.2, 0.3, 0.4)]
    noisy = sheet(scene.project, scene.category, replace(scene.state, clustering="hdbscan"))
    assert noisy[3].scores == noisy[-1].scores == {}
    cut = sheet(scene.project, scene.category, replace(scene.state, clustering="tree-3"))
    assert len(cut) == 3 and cut[0].scores == {} and sum(card.group.size for card in cut) == 240
