"""A running viewer, asked by foreign names and pages, without its token, at random, and by forged actions."""

from __future__ import annotations

import http.client
import random
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

from bench.faults import jobs
from bench.faults.clock import clock, longest
from bench.faults.forged import forged
from bench.faults.row import Found, Row, Setting

ROUTES = (
    "/viewer", "/viewer/", "/viewer/ws", "/viewer/metadata", "/viewer/autoload.js?bokeh-autoload-element=a",
    "/viewer/static/viewer.js", "/viewer/bokeh/static/js/bokeh.min.js", "/viewer/image/p/5/input.png",
    "/viewer/strip/bwr.png", "/viewer/nothing", "/static/js/bokeh.min.js", "/favicon.ico", "/",
)  # fmt: skip
HOSTS = ("evil.example", "evil.example:5006", "localhost.evil.example", "1.2.3.4", "", "a@localhost", "localhost.")
ORIGINS = ("https://evil.example", "http://localhost:1", "null", "http://[", "file://")
UPGRADE = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Protocol": "bokeh, none",
}
METHODS = ("GET", "HEAD", "OPTIONS", "DELETE", "POST", "PUT", "PATCH", "TRACE")
PIECES = (
    "..",
    "%2e%2e",
    "%00",
    "etc",
    "passwd",
    "viewer",
    "image",
    "static",
    "é",
    "%ff",
    "a" * 3000,
    "-1",
    "1e999",
    "//",
)
LIMIT = 1.0  # seconds for an answer


class Viewer:
    """A server on a project, with its address and a visitor's cookie; `slowest` is of who asks all the time."""

    def __init__(self, address: str, process: int) -> None:
        self.process = process
        self.place, self.query = urlsplit(address), urlsplit(address).query
        headers = self.ask("/viewer?" + self.query)[1]
        self.cookie = (headers["Set-Cookie"] or "").partition(";")[0]
        self.slowest, self.by_clock, self.failed, self.over = 0.0, 0.0, "", threading.Event()

    def ask(
        self, path: str, method: str = "GET", body: bytes | None = None, /, **headers: str
    ) -> tuple[int, http.client.HTTPMessage]:
        """Status and headers of one request."""
        connection = http.client.HTTPConnection(self.place.hostname or "", self.place.port, timeout=30)
        try:
            connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
            reply = connection.getresponse()
            if reply.status != 101:
                reply.read()
            return reply.status, reply.headers
        finally:
            connection.close()

    def keep_asking(self) -> None:
        """What every visitor gets, again and again: how long it takes at most."""
        while not self.over.wait(0.05):
            start, began = time.monotonic(), clock(self.process)
            try:
                status, _ = self.ask("/viewer/static/viewer.js", Cookie=self.cookie)
            except OSError as error:
                self.failed = str(error)
                return
            self.slowest = max(self.slowest, clock(self.process) - began)
            self.by_clock = max(self.by_clock, time.monotonic() - start)
            if status != 200:
                self.failed = f"status {status}"


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[Viewer]:
    """`lrp-viewer` on a small project."""
    project = jobs.project(folder / "p")
    log = folder / "log"
    with log.open("w") as out:
        command = ["-c", jobs.ENTRY.format("viewer.cli"), str(project), "--port", "0", "--no-show", *options]
        process = jobs.start(command, stdout=out, stderr=subprocess.STDOUT)
    try:
        end = time.monotonic() + 120
        while not (said := re.search(r"\n    (http://\S+)\n", log.read_text())):
            if process.poll() is not None or time.monotonic() > end:
                raise RuntimeError(f"the viewer does not start: {log.read_text()[-500:]}")
            time.sleep(0.05)
        viewer = Viewer(said[1], process.pid)
        watch = threading.Thread(target=viewer.keep_asking, daemon=True)
        watch.start()
        yield viewer
        viewer.over.set()
        watch.join(30)
        if process.poll() is not None:
            viewer.failed = "the server ended"
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()


def closed(viewer: Viewer) -> Found:
    """Every route by foreign names, from foreign pages, and without the token."""
    found = Found("foreign Host, foreign Origin, no token", "403; server answers within 1 s")
    own = {"Cookie": viewer.cookie}
    for route in ROUTES:
        asked: list[dict[str, str]] = [{}, {"Cookie": "lrp-viewer-1=x"}, UPGRADE]
        asked += [{**own, "Host": host, **more} for host in HOSTS for more in ({}, UPGRADE)]
        asked += [{**own, "Origin": origin, **more} for origin in ORIGINS for more in ({}, UPGRADE)]
        for headers in asked:
            status, _ = viewer.ask(route, **headers)
            found.end(str(status), "" if status in (400, 403) else f"{status} for {route} with {headers}")
    return found


def noise(viewer: Viewer, chance: random.Random, times: int) -> Found:
    """Requests by who was let in, put together at random: an answer of any kind, and no error of the server."""
    found = Found("random requests", "403 or harmless; server answers within 1 s")
    for _ in range(times):
        path = chance.choice(ROUTES)
        for _ in range(chance.randrange(4)):
            path += chance.choice(("/", "?", "&", "=", "")) + chance.choice(PIECES)
        headers = {"Cookie": viewer.cookie}
        if chance.random() < 0.5:
            name = chance.choice(("Host", "Origin", "Range", "Accept-Encoding", "If-None-Match", "X-Forwarded-For"))
            headers[name] = "".join(chance.choices("abc:/.*%;,\t 019", k=chance.randrange(200)))
        method, body = chance.choice(METHODS), chance.choice((None, b"", b"x" * 10_000))
        what = f"{method} {path[:80]} {headers}"
        try:
            status, _ = viewer.ask(quote(path, safe="/?&=%:"), method, body, **headers)
        except (OSError, http.client.HTTPException):  # it need not hear out who talks nonsense
            found.end("hung up on")
            continue
        found.end("harmless" if status < 400 else "refused", f"{status} for {what}" if status in (500, 502) else "")
    return found


def actions(viewer: Viewer, chance: random.Random, times: int) -> Found:
    """What a visitor's page may send: through its websocket."""
    return forged(f"http://{viewer.place.netloc}{viewer.place.path}", viewer.cookie, viewer.process, chance, times)


def door(setting: Setting) -> Iterator[Found]:
    """One line a kind of visitor; the server is the same, and somebody else uses it all the time."""
    chance = setting.chance("door")
    with serving(setting.folder) as viewer:
        for measure in (
            closed,
            lambda v: noise(v, chance, setting.times(300, 1500)),
            lambda v: actions(v, chance, setting.times(660, 6600)),
        ):
            viewer.slowest = viewer.by_clock = 0.0
            found = measure(viewer)
            if viewer.failed or viewer.slowest > LIMIT:
                found.wrong.append(f"who asked meanwhile: {viewer.failed or f'waited {viewer.slowest:.2f} s'}")
            others = longest(viewer.slowest, viewer.by_clock)
            found.note = f"{found.note}; to others meanwhile: {others}" if found.note else others
            yield found


ROW = Row("door", door)
