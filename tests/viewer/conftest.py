import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support import viewer_projects
from tests.support.viewer_pages import ARGUMENTS, CHROMIUM, Viewer
from viewer.projects import open_projects
from viewer.scene import resolve
from viewer.state import State

ROOT = Path(__file__).resolve().parents[2]
MAIN = "from viewer.cli import main; main()"
RUNNING = r"running at: (http://\S+)"
SAID = r"\n    (http://\S+)\n"  # by the viewer itself


@pytest.fixture(scope="session")
def digits(tmp_path_factory) -> Path:
    return viewer_projects.write(tmp_path_factory.mktemp("projects") / "digits")


@pytest.fixture(scope="session")
def broken(tmp_path_factory) -> Path:
    path = viewer_projects.write(tmp_path_factory.mktemp("projects") / "broken", 12)
    (path / "project.json").write_text('{"name": "half')
    return path


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def serve(tmp_path_factory):
    """Start `bokeh serve viewer` on projects, as a user would; all servers end with the session."""
    servers = []

    def start(*paths: Path, options: tuple[str, ...] = (), lrp_viewer: bool = False) -> str:
        """The server's address; `lrp_viewer` starts it by that command, whose address has a token."""
        log = tmp_path_factory.mktemp("server") / "log"
        command = [
            sys.executable,
            "-m",
            "bokeh",
            "serve",
            "viewer",
            "--port",
            "0",
            *options,
            "--args",
            *map(str, paths),
        ]
        if lrp_viewer:
            command = [sys.executable, "-c", MAIN, *map(str, paths), "--port", "0", "--no-show", *options]
        with log.open("w") as out:
            servers.append(subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=subprocess.STDOUT))
        return _address(log, servers[-1], SAID if lrp_viewer else RUNNING)

    def stop() -> None:
        """End the server that was started last."""
        _end(servers[-1:])

    start.stop = stop
    yield start
    _end(servers)


def _end(servers: list[subprocess.Popen], seconds: float = 30) -> None:
    """Politely, so that what was run of them is written where coverage is measured; by force after some seconds."""
    for server in servers:
        server.terminate()
    for server in servers:
        try:
            server.wait(seconds)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait(10)


def _address(log: Path, server: subprocess.Popen, line: str, seconds: float = 60) -> str:
    for _ in range(int(seconds * 20)):
        if found := re.search(line, log.read_text()):
            return found[1]
        assert server.poll() is None, log.read_text()
        time.sleep(0.05)
    raise TimeoutError(log.read_text())


@pytest.fixture(scope="session")
def address(serve, digits, broken) -> str:
    return serve(digits, broken)


@pytest.fixture(scope="session")
def dense_address(serve, digits) -> str:
    """A server for which even the tests' few samples are too many to draw one by one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LRP_VIEWER_POINTS", "150")
        return serve(digits)


@pytest.fixture
def visit(browser, address):
    """Open the viewer in a fresh browser context; any error on the page or in its console fails the test."""
    viewers: list[Viewer] = []

    def visit(query: str = "", at: str = address, **options) -> Viewer:
        viewers.append(
            Viewer(browser.new_context(**{"viewport": {"width": 1280, "height": 720}, **options}), at + query)
        )
        return viewers[-1]

    yield visit
    for viewer in viewers:
        viewer.context.close()
    assert [problem for viewer in viewers for problem in viewer.problems] == []


@pytest.fixture(scope="module")
def projects(digits, broken):
    return open_projects([str(digits), str(broken), str(digits)])


@pytest.fixture
def scene(projects):
    return resolve(projects, State())
