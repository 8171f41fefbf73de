"""Everything can be reached and used without a mouse."""

from playwright.sync_api import expect

FOCUSED = """() => {
    let node = document.activeElement
    while (node.shadowRoot?.activeElement) node = node.shadowRoot.activeElement
    const name = node.getAttribute("aria-label") || node.title || node.labels?.[0]?.textContent
        || node.textContent.trim() || node.querySelector("img")?.alt || ""
    const ring = getComputedStyle(node)
    return {kind: node.nodeName, name, ring: ring.outlineStyle !== "none" && ring.outlineWidth !== "0px"}
}"""
ORDER = """digits, broken!, Explore, Clusters, Categories, Compare, Findings, Undo, Redo, Share, File, Theme,
Category, Method, Clustering, Colour by, Embedding, Points as, Beside it, Lasso Select,
Clusters, Filters, Labels, Colour of cluster 0, Select cluster 0, Select cluster 3, Eigenvalues and gaps, Tree,
Input, Overlay, Heatmap, Full colour is, Order, A page, More, Next page, Select nothing (Esc), sample 5"""


def test_tab_reaches_every_control_in_the_order_of_the_page(visit):
    viewer = visit("?category=3")
    viewer.page.get_by_role("button", name="Select cluster 0").click()
    expect(viewer.page.get_by_text("of 60 selected")).to_be_visible()
    viewer.page.locator("footer").click(position={"x": 1200, "y": 10})
    viewer.page.keyboard.press("Tab")
    found = []
    for _ in range(60):
        viewer.page.keyboard.press("Tab")
        found.append(viewer.page.evaluate(FOCUSED))
        if found[-1]["name"].startswith("sample 5"):
            break
    names = [one["name"] for one in found]
    places = iter(names)  # each wanted name comes after the one before it
    missing = [
        wanted for wanted in ORDER.replace("\n", " ").split(", ") if not any(n.startswith(wanted) for n in places)
    ]
    assert missing == []
    assert all(one["ring"] for one in found if one["kind"] != "BODY")
    assert all(one["name"] for one in found if one["kind"] in ("BUTTON", "SELECT", "INPUT", "SUMMARY"))


def test_the_focus_stays_where_a_key_was_pressed(visit):
    viewer = visit("?category=3")
    cluster = viewer.page.get_by_role("button", name="Select cluster 1")
    cluster.press("Enter")
    expect(viewer.page.get_by_text("of 60 selected")).to_be_visible()
    expect(cluster).to_be_focused()
    tile = viewer.page.locator(".tiles figure button").nth(2)
    tile.press("Enter")
    expect(viewer.page.locator(".focus h2")).to_have_text("Sample 32")
    expect(tile).to_be_focused()
    viewer.page.keyboard.press("ArrowRight")
    expect(viewer.page.locator(".focus h2")).to_have_text("Sample 44")
    viewer.page.keyboard.press("Escape")
    expect(viewer.page.locator(".focus")).to_be_hidden()
    viewer.page.keyboard.press("Escape")
    expect(viewer.page.get_by_text("Select points with the lasso")).to_be_visible()
    viewer.page.keyboard.press("Control+z")
    expect(viewer.page.get_by_text("of 60 selected")).to_be_visible()
    viewer.page.keyboard.press("Control+Shift+z")
    expect(viewer.page.get_by_text("Select points with the lasso")).to_be_visible()
