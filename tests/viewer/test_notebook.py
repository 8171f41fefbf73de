"""`viewer.show` in the cell of a notebook: what it draws, in a page of another server, as Jupyter's is one."""

import http.server
import threading
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

import viewer
from bench.faults.door import UPGRADE
from tests.viewer.test_door import ask

pytestmark = pytest.mark.slow  # a server is started


@pytest.fixture(scope="module")
def frame(digits):
    made = viewer.show(digits, height=640)
    yield made
    made.stop()


@pytest.fixture
def page_of():
    """Serve a page with some HTML in it; its address."""
    servers = []

    def serve(content: str) -> str:
        class Page(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.end_headers()
                self.wfile.write(f"<!DOCTYPE html><title>notebook</title><h1>Cell 1</h1>{content}".encode())

            def log_message(self, format: str, *_: object) -> None:
                """Nothing."""

        servers.append(http.server.ThreadingHTTPServer(("localhost", 0), Page))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://localhost:{servers[-1].server_port}/"

    yield serve
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_notebook_shows_the_viewer_in_its_cell(frame, page_of, browser, digits):
    assert viewer.show(digits) is frame  # the same cell again starts no other server
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page, problems = context.new_page(), []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto(page_of(frame._repr_html_()))
    inside = page.frame_locator("iframe")
    expect(inside.locator("html[data-ready]")).to_be_attached(timeout=30_000)
    inside.get_by_role("button", name="Select cluster 1").click()
    picture = inside.locator(".samples figure img").first
    expect(picture).to_be_visible()
    page.wait_for_timeout(300)
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") > 0  # the cookie is sent
    assert inside.locator(".plot").bounding_box()["height"] >= 200
    assert problems == []
    context.close()


def test_pages_of_this_computer_may_frame_it_and_no_more(frame):
    place = frame.address.partition("?")[0]
    found = ask(place, "?" + urlsplit(frame.address).query)
    assert found.headers["Content-Security-Policy"] == "frame-ancestors 'self' localhost:* 127.0.0.1:*"
    cookie = found.headers["Set-Cookie"].partition(";")[0]
    asked = {**UPGRADE, "Origin": "http://localhost:8888", "Cookie": cookie}
    assert ask(place, "/ws", "GET", None, **asked).status == 403
    assert ask(place, "/image/digits/5/input.png", Origin="http://localhost:8888", Cookie=cookie).status == 403


def test_a_hub_is_asked_for_it_by_its_proxy(frame, monkeypatch):
    from viewer.notebook import _source

    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ann/")
    assert _source("http://localhost:5006/viewer?token=abc", "5006", "localhost") == (
        "/user/ann/proxy/5006/viewer?token=abc"
    )


def test_what_cannot_be_served_is_said(tmp_path):
    with pytest.raises(RuntimeError, match="did not start"):
        viewer.show(tmp_path / "none.npz")
