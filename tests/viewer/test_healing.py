"""A link of a server that is gone, a server that comes back, a slow network: the page says so, and heals."""

import re
import subprocess
import sys

import pytest
from playwright.sync_api import expect

from tests.viewer.conftest import ROOT, SAID, _address, _end

pytestmark = pytest.mark.slow  # servers are killed and started


class Server:
    """`lrp-viewer` on one port, that can be killed and started again with another token."""

    def __init__(self, folder, project):
        self.folder, self.project, self.port, self.count, self.running = folder, project, "0", 0, None

    def start(self, token: str) -> str:
        self.count += 1
        log = self.folder / f"log-{self.count}"
        command = [sys.executable, "-c", "from viewer.cli import main; main()", str(self.project), "--no-show"]
        with log.open("w") as out:
            self.running = subprocess.Popen(
                [*command, "--port", self.port, "--token", token], cwd=ROOT, stdout=out, stderr=subprocess.STDOUT
            )
        address = _address(log, self.running, SAID)
        self.port = re.search(r":(\d+)/", address)[1]  # type: ignore[index]
        return address

    def stop(self) -> None:
        _end([self.running] if self.running else [])


@pytest.fixture
def server(tmp_path, digits):
    made = Server(tmp_path, digits)
    yield made
    made.stop()


def test_a_server_that_comes_back_heals_the_page(server, visit):
    address = server.start("one")
    viewer = visit("&category=7&mode=heatmap", at=address)
    page = viewer.page
    assert "token" not in viewer.state()
    server.stop()
    lost = page.locator("#lost")
    expect(lost).to_contain_text("loads again as soon as the server answers")
    assert page.locator("text=Client connection").count() == 0  # Bokeh's own box is not there
    covered = page.evaluate("""() => {
        const box = document.querySelector("nav.views button").getBoundingClientRect()
        return !document.elementFromPoint(box.x + 5, box.y + 5).closest("nav")
    }""")
    assert not covered
    server.start("one")
    page.wait_for_function("document.querySelector('#lost').hidden && 'ready' in document.documentElement.dataset")
    page.wait_for_function("Bokeh.documents[0].is_idle")
    assert viewer.state()["category"] == "7" and viewer.state()["mode"] == "heatmap"
    page.get_by_role("navigation", name="Views").get_by_role("button", name="Clusters").click()
    expect(page.locator(".page.clusters article").first).to_be_visible()  # and it works
    viewer.problems.clear()  # the browser's own reports of refused connections


def test_what_is_being_typed_is_not_taken_away(server, visit):
    viewer = visit("&category=7&view=findings", at=server.start("one"))
    page = viewer.page
    page.get_by_label("Note", exact=True).fill("a long thought")
    server.stop()
    expect(page.locator("#lost")).to_contain_text("What you have typed stays")
    server.start("one")
    page.wait_for_timeout(3000)
    expect(page.get_by_label("Note", exact=True)).to_have_value("a long thought")
    page.locator("#lost").get_by_role("link", name="Load the page again").click()
    page.wait_for_selector("html[data-ready]")
    assert viewer.state()["view"] == "findings"
    viewer.problems.clear()


def test_another_token_is_said_and_one_field_leads_back_to_the_view(server, visit):
    viewer = visit("&category=7&view=clusters", at=server.start("one"))
    page = viewer.page
    server.stop()
    address = server.start("two")
    expect(page.locator("#lost")).to_contain_text("started anew, with another token")
    page.locator("#lost").get_by_role("link", name="Load the page again").click()
    expect(page.get_by_role("heading", name="The viewer wants its token")).to_be_visible()
    page.get_by_label("Token").fill("wrong")
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_role("heading", name="The viewer wants its token")).to_be_visible()
    page.get_by_label("Token").fill(f" {address} ")
    page.get_by_role("button", name="Open").click()
    page.wait_for_selector("html[data-ready]")
    page.wait_for_function("Bokeh.documents[0].is_idle")
    assert viewer.state()["category"] == "7" and viewer.state()["view"] == "clusters"
    assert "token" not in viewer.state()
    viewer.problems.clear()


def test_a_cut_network_heals_too(browser, address):
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page, sockets = context.new_page(), []

    def join(socket) -> None:
        socket.connect_to_server()
        sockets.append(socket)

    page.route_web_socket(re.compile("/ws"), join)
    page.goto(address + "?category=7")
    page.wait_for_selector("html[data-ready]")
    context.set_offline(True)
    sockets[-1].close()
    expect(page.locator("#lost")).to_contain_text("The connection is lost")
    page.wait_for_timeout(1500)
    expect(page.locator("#lost")).to_be_visible()
    context.set_offline(False)
    page.wait_for_function("document.querySelector('#lost').hidden && 'ready' in document.documentElement.dataset")
    assert len(sockets) == 2 and "category=7" in page.url
    context.close()


def test_a_page_is_never_blank_while_its_scripts_load(browser, address):
    """The scripts take seconds; the page's places, and that it loads, are painted long before, and within 0.3 s."""
    times = [_slowly(browser, address) for _ in range(3)]
    first, loaded = min(times)  # of three: whatever else the machine does only delays
    print("first paint, scripts there (ms after the first byte): " + ", ".join(f"{a:.0f} {b:.0f}" for a, b in times))
    assert first < 300 and all(paint < scripts / 2 for paint, scripts in times) and loaded > 1500


def _slowly(browser, address) -> tuple[float, float]:
    """Over 400 kB/s: milliseconds from the first byte to the first paint, and to the last script."""
    context = browser.new_context(viewport={"width": 1280, "height": 720})
    page = context.new_page()
    network = context.new_cdp_session(page)
    network.send("Network.enable")
    slow = {"offline": False, "latency": 0, "downloadThroughput": 400_000, "uploadThroughput": 400_000}
    network.send("Network.emulateNetworkConditions", slow)
    page.goto(address, wait_until="commit")
    expect(page.get_by_text("Loading the viewer")).to_be_visible()
    assert page.evaluate("typeof Bokeh") == "undefined"
    places = page.locator("section.plot").bounding_box()
    assert places and places["height"] > 100
    page.wait_for_selector("html[data-ready]")
    expect(page.get_by_text("Loading the viewer")).to_be_hidden()
    first, loaded = page.evaluate("""() => {
        const scripts = performance.getEntriesByType("resource").filter(entry => entry.initiatorType === "script")
        const start = performance.getEntriesByType("navigation")[0].responseStart
        const paint = performance.getEntriesByName("first-contentful-paint")[0].startTime
        return [paint - start, Math.max(...scripts.map(entry => entry.responseEnd)) - start]
    }""")
    context.close()
    return first, loaded
