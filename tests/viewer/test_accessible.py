"""No violation of WCAG 2.1 AA that axe-core finds, in any view, light and dark; what it cannot tell is listed."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from spray import store
from tests.support import viewer_kinds, viewer_projects
from tests.support.viewer_pages import Viewer
from viewer.projects import Finding, findings

KINDS = ("violations", "incomplete")
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": [*KINDS]}
COLOURS = RULES | {"runOnly": {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}}
VIEWS = ("explore", "clusters", "categories", "compare", "findings")
SIDES = ("clusters", "filters", "labels", "differences")
UNDECIDED = (
    "contains only non-text characters",  # the arrows of undo and redo: pictures of 3:1 at least
    "due to a background gradient",  # the triangle of a select, a bar behind a number: test_style has their contrast
    "partially obscured",  # scrolled half out of sight
    "partially overlaps other elements",  # an open menu, opaque
    "overlapped by another element",  # what is below it
    "too short to determine if it is actual text content",  # a number of one digit in a table's cell
)
State = Callable[[Viewer], object]


def faults(viewer: Viewer, rules: dict[str, Any]) -> list[str]:
    """One line for each element that breaks a rule, or of which the rule cannot tell for a reason not known here."""
    viewer.page.wait_for_function("Bokeh.documents[0].is_idle")
    found: dict[str, Any] = Axe().run(viewer.page, options=rules).response
    assert "color-contrast" in {rule["id"] for rule in found["passes"]}  # it has looked
    broken, undecided = ([_line(rule, node) for rule in found[kind] for node in rule["nodes"]] for kind in KINDS)
    return broken + [line for line in undecided if not any(known in line for known in UNDECIDED)]


def _line(rule: dict[str, Any], node: dict[str, Any]) -> str:
    said = "; ".join(check["message"] for kind in ("any", "all", "none") for check in node[kind])
    return f"{rule['id']}: {node['html'][:160]}: {said}"


def in_both_themes(viewer: Viewer, state: str, other: dict[str, Any] = RULES) -> dict[str, list[str]]:
    """The faults of what is shown, by state and theme; `other` are the rules for the second theme."""
    found = {}
    for rules in (RULES, other):
        theme = viewer.page.locator("html").get_attribute("data-theme")
        found[f"{state}, {theme}"] = faults(viewer, rules)
        viewer.page.evaluate("document.getElementById('theme').click()")
    return {name: lines for name, lines in found.items() if lines}


def show(viewer: Viewer, view: str) -> None:
    viewer.page.locator(f"header [data-value='{view}']").click()
    expect(viewer.page.locator("html")).to_have_attribute("data-view", view)


@pytest.fixture(scope="module")
def full(serve, tmp_path_factory):
    """Projects with all that can be on a page: cards of suspects, findings, deleted ones, a menu of projects."""
    folder = tmp_path_factory.mktemp("accessible")
    path = viewer_projects.write(folder / "full", 80, name="full")
    for category in ("3", "7"):
        found = store.open_analysis(path, "spectral")[category].load()
        facts = {"suspicion": 2.9, "judgement": "look here", "suspect_cluster": 2, "reasons": "20 samples, 25 %"}
        facts |= {"suspect_analysis": "verdict", "suspect_clustering": "kmeans-4", "suspect_size": 20}
        store.write_category(path, "verdict", category, found.assign_attrs(facts))
    store.write_analysis_index(path, "verdict")
    for name in ("a mark", "gone"):
        findings.keep(path, Finding(name, "Look\nat it.", ("mark",), "spectral", "3", (5, 8, 11)))
    findings.drop(path, "gone")
    return serve(path, *viewer_kinds.write(folder / "kinds"))


def test_every_view_in_light_and_dark(visit):
    viewer = visit("?category=3&focus=5&beside=spectral")
    viewer.page.get_by_role("button", name="Select cluster 1").click()
    expect(viewer.page.get_by_text("of 60 selected")).to_be_visible()
    viewer.page.locator("[data-side='filters']").first.click()
    found = {}
    for view in VIEWS:
        show(viewer, view)
        if view == "explore":
            viewer.page.locator(".samples summary").click()
        found |= in_both_themes(viewer, view, COLOURS)
    assert found == {}


def test_what_is_chosen_is_said(visit):
    viewer = visit("?category=3")
    page = viewer.page
    show(viewer, "compare")
    assert page.locator("nav.views [aria-current='page']").all_inner_texts() == ["Compare"]
    show(viewer, "explore")
    page.locator("button[data-side='labels']").click()
    page.get_by_role("button", name="Tree", exact=True).click()
    expect(page.get_by_role("button", name="Tree", exact=True, pressed=True)).to_be_visible()
    assert page.locator("[aria-pressed='true']").all_inner_texts() == ["Labels", "Tree"]
    page.locator("button[data-side='filters']").click()
    handle = page.get_by_role("slider", name="Confidence: at least")
    handle.focus()
    for _ in range(3):
        page.keyboard.press("ArrowRight")
    page.wait_for_function("location.search.includes('least=0.')")


def _open(selector: str) -> State:
    return lambda viewer: viewer.page.locator(selector).first.click()


def _side(name: str) -> State:
    return _open(f"[data-side='{name}']")


def _share(viewer: Viewer) -> None:
    viewer.page.get_by_role("button", name="Share").click()
    expect(viewer.page.locator("dialog")).to_be_visible()


def _preview(viewer: Viewer) -> None:
    viewer.page.evaluate("window.pointAt({index: {indices: [2]}})")
    expect(viewer.page.locator("#preview")).to_contain_text("prediction")


def _correcting(viewer: Viewer) -> None:
    expect(viewer.page.locator(".correction")).to_contain_text("--finding 'a mark'")


FULL = "?project=full&analysis=spectral&category=3&clustering=kmeans-4"
SCENES: dict[str, tuple[str, State]] = {
    "cards": ("", lambda _: None),
    **{f"side {side}": (f"{FULL}&selection=b5.eNrzZAIAAJYATA", _side(side)) for side in SIDES},
    "findings": (f"{FULL}&view=findings", lambda _: None),
    "correct a finding": (f"{FULL}&view=findings&correcting=a mark", _correcting),
    "against a finding": (f"{FULL}&view=compare&against=a mark&selection=b5.eNrzZAIAAJYATA", lambda _: None),
    "scale": (f"{FULL}&colour=confidence", lambda _: None),
    "tree": (f"{FULL}&spectrum=tree", lambda _: None),
    "fixed": (f"{FULL}&scaling=fixed&limit=0.5", _open(".samples summary")),
    "file": (FULL, _open("#files summary")),
    "category menu": (FULL, lambda viewer: viewer.page.get_by_label("Category", exact=True).click()),
    "colour maps": (FULL, _open(".samples .bk-value-input")),
    "share": (FULL, _share),
    "preview": (FULL, _preview),
    "warnings": (f"{FULL}&mode=melted", lambda _: None),
    **{f"{kind} in focus": (f"?project={kind}&focus=1", lambda _: None) for kind in ("volume", "text", "table")},
}


@pytest.mark.slow
@pytest.mark.parametrize("scene", SCENES)
def test_every_scene_in_light_and_dark(visit, full, scene):
    query, act = SCENES[scene]
    viewer = visit(query, at=full)
    act(viewer)
    assert in_both_themes(viewer, scene) == {}


@pytest.mark.slow
@pytest.mark.parametrize("view", VIEWS)
def test_every_view_on_a_phone(visit, view):
    viewer = visit(f"?category=3&focus=5&view={view}", viewport={"width": 390, "height": 844})
    assert in_both_themes(viewer, view) == {}


@pytest.mark.slow
def test_where_nothing_can_be_shown(visit, serve):
    assert in_both_themes(visit("?project=broken"), "broken") == {}
    assert in_both_themes(visit(at=serve()), "help") == {}


@pytest.mark.slow
def test_the_report_for_a_colleague(visit, browser, tmp_path):
    viewer = visit("?category=3")
    viewer.page.get_by_role("button", name="Select cluster 1").click()
    expect(viewer.page.get_by_text("of 60 selected")).to_be_visible()
    viewer.page.locator("#files summary").click()
    with viewer.page.expect_download() as download:
        viewer.page.get_by_role("button", name="Report of the selection").click()
    download.value.save_as(tmp_path / "report.html")
    for theme in ("light", "dark"):
        page = browser.new_context(color_scheme=theme).new_page()
        page.goto((tmp_path / "report.html").as_uri())
        found = Axe().run(page, options=RULES).response
        assert [_line(rule, node) for rule in found["violations"] for node in rule["nodes"]] == []
        page.context.close()
