"""Any screen: nothing scrolls sideways, controls can be reached, the plot is large enough, no box covers another."""

import pytest
from playwright.sync_api import expect

SIZES = [(1920, 1080), (1280, 720), (1366, 768), (853, 480), (640, 900), (390, 844), (2560, 1440)]
LEAST = 200  # pixels of the plot, both ways
MEASURE = """() => {
    const problems = []
    const root = document.documentElement
    if (root.scrollWidth > innerWidth) problems.push(`the page is ${root.scrollWidth} wide of ${innerWidth}`)
    const main = document.querySelector("main")
    if (main.scrollWidth > main.clientWidth + 1) problems.push(`main is ${main.scrollWidth} of ${main.clientWidth}`)
    const box = node => node.getBoundingClientRect()
    const shown = node => node.checkVisibility({ visibilityProperty: true }) && box(node).width && box(node).height
    const boxes = [...document.querySelectorAll("header, main > *, aside > *, footer")].filter(shown)
    for (const a of boxes) for (const b of boxes) {
        if (a === b || a.contains(b) || b.contains(a)) continue
        const [p, q] = [box(a), box(b)]
        const across = Math.min(p.right, q.right) - Math.max(p.left, q.left)
        const down = Math.min(p.bottom, q.bottom) - Math.max(p.top, q.top)
        const scrolled = [a, b].some(n => n.closest("main")) && [a, b].some(n => !n.closest("main"))
        const names = [a, b].map(node => node.className || node.nodeName)
        if (across > 1 && down > 1 && !scrolled) problems.push(`${names[0]} lies on ${names[1]}`)
    }
    const plot = document.querySelector('[data-plot="scatter"]')
    if (shown(plot)) {
        const { width, height } = box(plot)
        if (width < LEAST || height < LEAST) problems.push(`the plot is ${width} x ${height}`)
    }
    const controls = []
    const visit = node => {
        if (node.matches?.("button, select, input:not([type=file]), textarea, summary, a[href]")) controls.push(node)
        for (const child of node.children ?? []) visit(child)
        if (node.shadowRoot) visit(node.shadowRoot)
    }
    visit(document.body)
    const at = (x, y) => {
        let found = document.elementFromPoint(x, y)
        while (found?.shadowRoot) {
            const inner = found.shadowRoot.elementFromPoint(x, y)
            if (!inner || inner === found) break
            found = inner
        }
        return found
    }
    const inside = (node, parent) => {
        for (let up = node; up; up = up.parentNode ?? up.host) if (up === parent) return true
        return false
    }
    for (const control of controls.filter(shown)) {
        if (control.disabled || control.closest("[hidden]")) continue
        control.scrollIntoView({ block: "center", inline: "nearest" })
        const { left, right, top, height } = box(control)
        const name = `${control.nodeName} ${control.ariaLabel ?? ""} ${control.textContent.slice(0, 20)}`
        if (left < -1 || right > innerWidth + 1) problems.push(`${name} is at ${left} to ${right} of ${innerWidth}`)
        const hit = at((left + right) / 2, top + height / 2)
        if (!hit || !(inside(hit, control) || inside(control, hit))) {
            problems.push(`${name} is covered by ${hit?.nodeName}.${hit?.className}`)
        }
    }
    scrollTo(0, 0)
    return problems
}""".replace("LEAST", str(LEAST))
SCENES = [
    pytest.param("?category=3&clustering=kmeans-4", id="explore"),
    pytest.param("?category=3&clustering=kmeans-4&focus=5", id="focus"),
    pytest.param("?category=3&view=compare&focus=5", id="compare with a focus", marks=pytest.mark.slow),
    pytest.param("?category=3&view=concepts", id="concepts", marks=pytest.mark.slow),
    pytest.param("?category=3&view=findings", id="findings", marks=pytest.mark.slow),
    pytest.param("?category=3&view=categories", id="categories", marks=pytest.mark.slow),
]


@pytest.mark.parametrize("query", SCENES)
def test_everything_is_in_reach_at_seven_sizes(visit, query):
    viewer = visit(query)
    if "view" not in query:
        viewer.page.get_by_role("button", name="Select cluster 1").click()
        expect(viewer.page.get_by_text("of 60 selected")).to_be_visible()
    found = {}
    for width, height in SIZES:
        viewer.page.set_viewport_size({"width": width, "height": height})
        viewer.page.wait_for_timeout(150)
        viewer.page.wait_for_function("Bokeh.documents[0].is_idle")
        found[width, height] = viewer.page.evaluate(MEASURE)
    assert {size: problems for size, problems in found.items() if problems} == {}
