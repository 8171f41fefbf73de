"""The views beside the plot: clusters, categories, comparison, findings."""

import shutil

from playwright.sync_api import expect

from spray import store
from tests.support import viewer_projects
from viewer.projects import Finding, findings


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
    expect(compared.locator('[data-pictures="3"]')).to_have_count(21)
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
    again.page.get_by_role("button", name=f"Link to {name}").click()
    link = again.page.get_by_label("Link", exact=True)
    expect(link).to_be_visible()
    expect(visit(at=link.input_value()).page.get_by_text("of 60 selected")).to_be_visible()
    again.page.keyboard.press("Escape")
    again.page.get_by_role("button", name=f"Show {name}").click()
    expect(again.page.get_by_text("of 60 selected")).to_be_visible()
    again.page.get_by_role("button", name="Compare", exact=True).click()
    again.choose("Compare the selection with", name)
    expect(again.page.get_by_text("60 samples are in both")).to_be_visible()
    again.page.get_by_role("button", name="Findings", exact=True).click()
    again.page.get_by_role("button", name=f"Delete {name}").click()
    expect(again.page.get_by_text("Nothing is kept yet")).to_be_visible()
    again.page.get_by_role("button", name=f"Restore {name}").click()
    expect(again.page.get_by_role("heading", name=name)).to_be_visible()
    again.page.get_by_role("button", name=f"Delete {name}").click()
    expect(again.page.get_by_text("Nothing is kept yet")).to_be_visible()


def test_windows_hear_what_others_do_to_findings(visit, digits):
    """Another process, and another window: also while somebody types."""
    first, second = visit("?category=3&view=findings"), visit("?category=7&view=findings")
    findings.keep(digits, Finding("of another process"))
    for viewer in (first, second):
        expect(viewer.page.get_by_role("heading", name="of another process")).to_be_visible()
    field = second.page.get_by_label("Rename of another process")
    field.fill("half typ")
    findings.keep(digits, Finding("meanwhile"))
    expect(second.page.get_by_role("heading", name="meanwhile")).to_be_visible()
    expect(field).to_have_value("half typ")
    expect(field).to_be_focused()
    assert set(findings.load(digits)) == {"of another process", "meanwhile"}
    second.page.keyboard.type("ed")
    second.page.keyboard.press("Enter")
    expect(first.page.get_by_role("heading", name="half typed")).to_be_visible()
    first.page.get_by_role("button", name="Delete half typed").click()
    expect(second.page.get_by_role("heading", name="half typed")).to_have_count(0)
    second.page.get_by_role("button", name="Restore half typed").click()
    expect(first.page.get_by_role("heading", name="half typed")).to_be_visible()
    assert list(findings.load(digits)) == ["meanwhile", "half typed"]
    second.page.get_by_role("button", name="Move half typed up").click()
    expect(first.page.locator(".findings h3").first).to_have_attribute("aria-label", "half typed")
    for name in ("half typed", "meanwhile"):
        findings.drop(digits, name)
    for viewer in (first, second):
        expect(viewer.page.get_by_text("Nothing is kept yet")).to_be_visible()


def test_a_taken_name_gets_a_number_and_that_is_said(visit):
    viewer = visit("?category=3")
    viewer.page.get_by_role("button", name="Select cluster 3").click()
    viewer.page.get_by_role("button", name="Findings", exact=True).click()
    for name in ("twice", "twice (2)"):
        viewer.page.get_by_label("Name", exact=True).fill("twice")
        viewer.page.get_by_label("Author").fill("ada")
        viewer.page.get_by_role("button", name="Keep", exact=True).click()
        expect(viewer.page.get_by_role("heading", name=name, exact=True)).to_be_visible()
    expect(
        viewer.page.get_by_text("There is a finding 'twice' already, so this one is kept as 'twice (2)'.")
    ).to_be_visible()
    expect(viewer.page.get_by_text("ada, 20")).to_have_count(2)
    for name in ("twice (2)", "twice"):
        viewer.page.get_by_role("button", name=f"Delete {name}", exact=True).click()
    expect(viewer.page.get_by_text("Nothing is kept yet")).to_be_visible()
