"""Who is let in: by which name of the server, from which page, with which token; and behind a proxy, at which path."""

import asyncio
import http.client
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from bench.faults.door import UPGRADE
from tests.support.path_proxy import PREFIX, below_a_path
from viewer.cli import token as chosen
from viewer.door import browser, hosts, tokens
from viewer.pictures import pool

ROUTES = [
    "",
    "/",
    "/ws",
    "/metadata",
    "/autoload.js?bokeh-autoload-element=a",
    "/static/viewer.js",
    "/bokeh/static/js/bokeh.min.js",
    "/image/digits/5/input.png",
    "/strip/bwr.png",
    "/nothing",
    "/../static/js/bokeh.min.js",
    "/../static/extensions/none/none.js",
    "/../favicon.ico",
    "/../",
    "/../nothing",
]
HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'self'",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class Answer:
    def __init__(self, status: int, headers: http.client.HTTPMessage, body: bytes):
        self.status, self.headers, self.body = status, headers, body


def ask(address: str, path: str = "", method: str = "GET", body: bytes | None = None, **headers: str) -> Answer:
    """One request as it is written here: no redirect is followed, and the name is what `Host` says."""
    place = urlsplit(address)
    path = path.removeprefix("/..") if path.startswith("/..") else place.path + path
    connection = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        reply = connection.getresponse()
        return Answer(reply.status, reply.headers, b"" if reply.status == 101 else reply.read())
    finally:
        connection.close()


@pytest.fixture(scope="module")
def guarded(serve, digits) -> str:
    """The address that `lrp-viewer` prints."""
    return serve(digits, lrp_viewer=True)


@pytest.fixture(scope="module")
def place(guarded) -> str:
    return guarded.partition("?")[0]


@pytest.fixture(scope="module")
def cookie(guarded, place) -> str:
    return ask(place, "?" + urlsplit(guarded).query).headers["Set-Cookie"].partition(";")[0]


def test_a_page_of_the_token_brings_a_cookie(guarded, place):
    found = ask(place, "?" + urlsplit(guarded).query)
    assert found.status == 200 and b"<base" in found.body
    name, token = found.headers["Set-Cookie"].partition(";")[0].split("=")
    assert name == f"lrp-viewer-{urlsplit(place).port}" and guarded.endswith(f"?token={token}") and len(token) == 48
    assert "HttpOnly" in found.headers["Set-Cookie"] and "SameSite=Strict" in found.headers["Set-Cookie"]
    assert token.encode() not in found.body  # nor its session, which Bokeh writes into the page


@pytest.mark.parametrize("path", ROUTES)
def test_nothing_is_reached_without_the_token(place, path):
    for headers in ({}, {"Cookie": "lrp-viewer-1=x; other=y"}, UPGRADE):
        found = ask(place, path, **headers)
        assert found.status == 403 and b"?token=..." in found.body and found.body.count(b"\n") == 1
        assert "Set-Cookie" not in found.headers


@pytest.mark.parametrize("wrong", ["", "x", "%00", "é".encode().decode("latin-1"), "0" * 48, "a&token=b"])
def test_a_wrong_token_is_refused(place, wrong):
    assert ask(place, f"?token={wrong.encode('ascii', 'ignore').decode()}").status == 403
    port = urlsplit(place).port
    assert ask(place, Cookie=f"lrp-viewer-{port}={wrong}").status == 403


def test_the_cookie_suffices(place, cookie):
    for path in ("", "/static/viewer.js", "/bokeh/static/js/bokeh.min.js", "/image/digits/5/input.png"):
        assert ask(place, path, Cookie=f"other=1; {cookie}").status == 200
    assert ask(place, "/../", Cookie=cookie).headers["Location"] == "viewer"


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:5006", "localhost.evil.example", "1.2.3.4", "", "a@localhost"]
)
def test_no_other_name_of_the_server_is_answered(place, cookie, path, host):
    for headers in ({}, UPGRADE | {"Origin": f"http://{host}", "Sec-Fetch-Site": "same-origin"}):
        assert ask(place, path, Host=host, Cookie=cookie, **headers).status in (400, 403)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "LOCALHOST", "localhost:1"])
def test_its_own_names_are_answered(place, cookie, host):
    assert ask(place, Host=host, Cookie=cookie).status == 200


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("origin", ["https://evil.example", "http://localhost:1", "null", "http://[", "file://"])
def test_no_page_of_another_site_gets_an_answer(place, cookie, path, origin):
    for headers in ({}, UPGRADE):
        found = ask(place, path, Origin=origin, Cookie=cookie, **headers)
        assert found.status == 403 and "Access-Control-Allow-Origin" not in found.headers


@pytest.mark.parametrize("path", ["/image/digits/5/input.png", "/static/viewer.js", "/autoload.js", ""])
def test_pictures_are_for_no_page_of_another_site_and_links_are(place, cookie, path):
    for site in ("cross-site", "same-site"):
        asked = {"Sec-Fetch-Site": site, "Cookie": cookie}
        assert ask(place, path, **asked, **{"Sec-Fetch-Mode": "no-cors"}).status == 403
        assert ask(place, path, **asked, **{"Sec-Fetch-Mode": "navigate"}).status in (200, 400)


@pytest.mark.parametrize("name", ["localhost", "127.0.0.1"])
def test_the_websocket_opens_for_its_own_page(place, cookie, name):
    port = urlsplit(place).port
    own = {"Host": f"{name}:{port}", "Origin": f"http://{name}:{port}", "Cookie": cookie}
    assert ask(place, "/ws", **UPGRADE, **own).status == 101


@pytest.mark.parametrize("path", ROUTES)
def test_every_answer_has_the_headers(place, cookie, path):
    for headers in ({}, {"Cookie": cookie}, {"Host": "evil.example"}, {"Cookie": cookie} | UPGRADE):
        for method in ("GET", "HEAD", "OPTIONS", "DELETE"):
            found = ask(place, path, method, **headers)
            assert {name: found.headers[name] for name in HEADERS} == HEADERS, (method, found.status)


def test_a_request_with_a_body_is_refused_before_it_is_read(place, cookie):
    assert ask(place, "", "POST", b"x" * 10, Cookie=cookie).status == 413
    with socket.create_connection((urlsplit(place).hostname, urlsplit(place).port), 30) as connection:
        lines = ["POST /viewer HTTP/1.1", "Host: localhost", f"Cookie: {cookie}", f"Content-Length: {90 << 20}", "", ""]
        connection.sendall("\r\n".join(lines).encode())
        assert b" 413 " in connection.recv(100)  # of 90 MB, none was sent


@pytest.mark.parametrize("path", ROUTES)
def test_a_question_before_a_request_without_its_page_is_refused(place, cookie, path):
    assert ask(place, path, "OPTIONS", Cookie=cookie).status == 400


def test_a_long_address_is_refused(place, cookie):
    assert ask(place, "?samples=" + "a" * 60_000, Cookie=cookie).status == 414
    assert ask(place, "/static/viewer.js%00", Cookie=cookie).status == 400  # Tornado fails on it
    assert ask(place, "?category=" + "a" * 50_000, Cookie=cookie).status == 200


@pytest.mark.slow
def test_only_so_many_pages_are_open(serve, digits, monkeypatch):
    monkeypatch.setenv("LRP_VIEWER_SESSIONS", "2")
    address = serve(digits)
    assert [ask(address).status for _ in range(4)] == [200, 200, 503, 503]
    assert ask(address, "/static/viewer.js").status == 200


def test_the_log_does_not_repeat_the_token(serve, digits, monkeypatch, tmp_path):
    monkeypatch.setenv("LRP_VIEWER_TOKEN", "mine")
    options = ("--log-file", str(tmp_path / "log"), "--log-level", "debug")
    address = serve(digits, options=options, lrp_viewer=True).partition("?")[0]
    for path in ("/nothing?token=mine", "/image/digits/5/nothing.png?a=b&%74oken=mine&c=d"):
        assert ask(address, path).status == 404
    assert "mine" not in (tmp_path / "log").read_text()


def test_bokeh_serve_asks_for_the_token_of_the_environment(serve, digits, monkeypatch):
    monkeypatch.setenv("LRP_VIEWER_TOKEN", "mine")
    address = serve(digits)
    assert [ask(address, query).status for query in ("", "?token=mine", "?token=yours")] == [403, 200, 403]


def test_without_a_token(serve, digits, monkeypatch):
    monkeypatch.setenv("LRP_VIEWER_TOKEN", "mine")
    address = serve(digits, lrp_viewer=True, options=("--no-token",))
    assert "?" not in address and ask(address).status == 200 and ask(address, Host="evil.example").status == 403
    assert b"was ignored" not in ask(address, "?token=old").body


def test_a_token_of_ones_own(serve, digits):
    address = serve(digits, lrp_viewer=True, options=("--token", "my-own"))
    assert address.endswith("/viewer?token=my-own")
    assert ask(address.partition("?")[0], "?token=my-own").status == 200


def test_which_token(monkeypatch, capsys):
    monkeypatch.delenv("LRP_VIEWER_TOKEN", raising=False)
    assert chosen(None, none=False, has_login=True) == "" and chosen("a", none=True, has_login=False) == ""
    assert chosen(None, none=False, has_login=False) != chosen(None, none=False, has_login=False)
    with pytest.raises(SystemExit, match="letters"):
        chosen("a b", none=False, has_login=False)
    monkeypatch.setenv("LRP_VIEWER_TOKEN", "mine")
    assert chosen(None, none=False, has_login=True) == "mine" and tokens.checked("yours") == "yours"


def test_names_that_were_allowed():
    rules = hosts.allowed("http://0.0.0.0:5006/", ["spray.example.org:80", "*.lab.example:*", "10.0.*.*:5006"])
    for host in ("spray.example.org", "spray.example.org:8443", "a.lab.example", "10.0.3.4:5006", "localhost:5006"):
        assert hosts.is_host(rules, host)
    for host in ("0.0.0.0:5006", "example.org", "b.a.lab.example", "lab.example", "10.1.3.4:5006", "localhost."):
        assert not hosts.is_host(rules, host)
    assert hosts.is_origin(rules, "https://spray.example.org", "spray.example.org")
    assert not hosts.is_origin(rules, "https://example.org", "spray.example.org")
    assert hosts.ancestors(rules) == "frame-ancestors 'self' spray.example.org *.lab.example:*"
    assert hosts.address("http://0.0.0.0:5006/") == "http://localhost:5006"
    assert hosts.address("https://::1:5006/") == "https://[::1]:5006"
    everyone = hosts.allowed("http://localhost:5006/", ["*"])
    assert hosts.is_host(everyone, "any.example") and hosts.is_origin(everyone, "http://any.example", "localhost")
    assert hosts.ancestors(hosts.allowed("http://localhost:5006/", ["localhost:5006"])) == "frame-ancestors 'self'"


@pytest.mark.slow
def test_an_allowed_name_is_answered(serve, digits):
    address = serve(digits, options=("--allow-websocket-origin", "spray.example.org"))
    named = {"Host": "spray.example.org", "Origin": "https://spray.example.org"}
    assert ask(address, **named).status == 200 and ask(address, "/ws", **UPGRADE, **named).status == 101
    assert ask(address, "/ws", **UPGRADE, Origin="https://evil.example").status == 403
    assert ask(address).headers["Content-Security-Policy"] == "frame-ancestors 'self' spray.example.org"


def test_the_browser_is_opened_by_a_file_of_ones_own(monkeypatch):
    opened = []
    monkeypatch.setattr(browser.webbrowser, "open", lambda address, **_: opened.append(address))
    browser.show("http://localhost:5006/viewer?token=mine")
    file = Path(urlsplit(opened[0]).path)
    assert "mine" not in opened[0] and file.stat().st_mode & 0o777 == 0o600
    assert 'content="0;url=http://localhost:5006/viewer?token=mine"' in file.read_text()


def test_only_so_many_pictures_wait_and_none_is_drawn_for_nobody(monkeypatch):
    monkeypatch.setattr(pool, "MOST_WAITING", 4)
    go, begun = threading.Event(), []

    def draw(name: int) -> bytes:
        begun.append(name)
        go.wait(30)
        return b"done"

    async def run() -> list[bytes]:
        asked = [asyncio.create_task(pool.drawn(draw, name)) for name in range(4)]
        await asyncio.sleep(0)  # all four have asked, and two threads draw
        with pytest.raises(pool.Full):
            await pool.drawn(draw, 4)
        asked.pop().cancel()
        await asyncio.sleep(0)
        go.set()
        return await asyncio.gather(*asked)

    with ThreadPoolExecutor(1) as apart:  # the browser's own event loop runs in this thread
        found = apart.submit(lambda: asyncio.run(run())).result()
    assert found == [b"done"] * 3 and sorted(begun) == [0, 1, 2]


@pytest.fixture
def outside(place) -> Iterator[str]:
    with below_a_path(urlsplit(place).netloc) as address:
        yield address


def test_the_browser_behind_a_proxy_that_strips_its_path(guarded, outside, visit):
    viewer = visit(f"/viewer?{urlsplit(guarded).query}&category=7", at=outside)
    viewer.page.get_by_role("button", name="Select cluster 1").click()
    viewer.expect_samples([8 + 12 * at for at in range(20)])
    viewer.settled()
    assert "token" not in viewer.page.url and urlsplit(viewer.page.url).path == f"{PREFIX}/viewer"
    found = [cookie for cookie in viewer.context.cookies() if cookie["name"].startswith("lrp-viewer-")]
    assert [(cookie["path"], cookie["httpOnly"], cookie["sameSite"]) for cookie in found] == [(PREFIX, True, "Strict")]
    viewer.page.goto(f"{outside}/")  # the cookie is there by now, and the way to the page is relative
    viewer.page.wait_for_selector("html[data-ready]")
    assert urlsplit(viewer.page.url).path == f"{PREFIX}/viewer"


def test_the_browser_with_the_token_and_a_slash_at_the_end(guarded, place, visit):
    viewer = visit(f"/?{urlsplit(guarded).query}", at=place)
    viewer.settled()
    viewer.page.reload()
    viewer.page.wait_for_selector("html[data-ready]")
    assert "token" not in viewer.page.url
