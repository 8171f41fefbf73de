"""What goes out and comes back: exports, imports, links, and what each visitor has of their own."""

import json

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import expect


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
    assert viewer.state()["mode"] == "heatmap" and viewer.state()["colour_map"] == "black-fire-red"


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
    assert "mode" not in first.state()
