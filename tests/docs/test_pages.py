"""Every code block of the documents runs, page by page from top to bottom, in an empty folder.

The Python of a page shares one namespace. A `bash` block runs with `bash -e`; a command that serves is ended once it
has answered. An `output` block is what the block before it prints, where numbers may differ by a tenth. A block that
begins with `# not run:` says why, and is parsed.
"""

import importlib
import inspect
import os
import pkgutil
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
from sybil import Sybil
from sybil.evaluators.python import PythonEvaluator
from sybil.parsers.markdown import CodeBlockParser

import lrp

ROOT = Path(__file__).resolve().parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
NOT_RUN = "# not run: "
SERVES = re.compile(r"^(lrp-viewer (?!convert)|bokeh serve ).*", re.M)
LANGUAGES = {"python", "bash", "output", "text", "json", "{eval-rst}", "{toctree}"}
MODULES = "lrp lrp.rules lrp.composites lrp.canonizers lrp.attribution lrp.evaluate lrp.colormap spray".split()
EXTERNAL = re.compile(
    r"https://doi\.org/10\.\d{4,}/\S+|https://(?!doi\.org)(\w[\w-]*\.)+[a-z]{2,}(/\S*)?|http://localhost:\d+\S*"
)
NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def python(example) -> None:
    if example.parsed.startswith(NOT_RUN):
        compile(example.parsed, example.path, "exec")
        return
    with redirect_stdout(StringIO()) as printed:
        PythonEvaluator()(example)
    example.namespace["_printed"] = printed.getvalue()


def bash(example) -> None:
    script, mode = example.parsed.replace("\\\n", ""), "-e"
    if script.startswith(NOT_RUN):
        mode = "-n"
    elif command := SERVES.search(script):
        serve(command[0])
        script = script.replace(command[0], "")
    done = subprocess.run(["bash", mode, "-c", script], env=environment(), capture_output=True, text=True)
    assert done.returncode == 0, f"{example.path}:{example.line}\n{script}\n{done.stdout}{done.stderr}"
    example.namespace["_printed"] = done.stdout


def environment() -> dict[str, str]:
    """Commands are found beside the Python that runs the tests."""
    return os.environ | {"PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}


def serve(command: str) -> None:
    """Start a server on a port of ours, wait until it answers, end it."""
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    words = f"exec {command} --port {port} --no-show"
    given = environment() | {"LRP_VIEWER_TOKEN": "token-of-the-tests"}
    server = subprocess.Popen(["bash", "-c", words], env=given, start_new_session=True)
    try:
        assert answers(f"http://localhost:{port}/viewer?token=token-of-the-tests", server), f"no answer from: {command}"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def answers(address: str, server: subprocess.Popen) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(address, timeout=30) as page:
                return page.status == 200
        except OSError:
            time.sleep(0.2)
    return False


def output(example) -> None:
    """Words as they are, numbers within a tenth."""
    said, wanted = example.namespace["_printed"], example.parsed
    assert words(said) == words(wanted), f"{example.path}:{example.line} prints\n{said}"
    pairs = zip(NUMBER.findall(said), NUMBER.findall(wanted), strict=True)
    for is_, should in pairs:
        assert float(is_) == pytest.approx(float(should), rel=0.1, abs=1e-6), f"{example.path} prints\n{said}"


def words(text: str) -> list[str]:
    return NUMBER.sub("#", text).split()


SYBIL = Sybil([CodeBlockParser(name, run) for name, run in (("python", python), ("bash", bash), ("output", output))])


def name(page: Path) -> str:
    return str(page.relative_to(ROOT))


LONG = {"docs/howto/correct.md", "docs/howto/concepts.md"}  # they train


@pytest.mark.filterwarnings("ignore::UserWarning:captum")
@pytest.mark.parametrize(
    "page", [pytest.param(p, marks=[pytest.mark.slow] * (name(p) in LONG)) for p in PAGES], ids=name
)
def test_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    document = SYBIL.parse(page)
    document.namespace["__name__"] = "__main__"
    for example in document.examples():
        example.evaluate()


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_no_block_escapes(page):
    """Each block says its language, so that none is left out unseen."""
    fences = re.findall(r"^ *(?:```|:::)(\S*)", page.read_text(encoding="utf-8"), re.M)
    assert set(fences[::2]) <= LANGUAGES, f"{page}: {set(fences[::2]) - LANGUAGES}"


def test_few_blocks_are_not_run():
    found = [page for page in PAGES for _ in re.findall(f"^{NOT_RUN}", page.read_text(encoding="utf-8"), re.M)]
    assert len(found) <= 15, [name(page) for page in found]


@pytest.mark.parametrize("page", [ROOT / "SECURITY.md", *PAGES[:2]], ids=name)
def test_links_of_pages_outside_the_documentation(page):
    links = re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8"))
    assert [link for link in links if "://" not in link and not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_external_links_have_the_form_of_one(page):
    """Whether they lead somewhere is for `nox -s docs -- linkcheck` to say, where there is a network."""
    links = re.findall(r"(?:\]\(|<)(\w+://[^)>\s]*)[)>]", page.read_text(encoding="utf-8"))
    assert [link for link in links if not EXTERNAL.fullmatch(link)] == []


@pytest.mark.slow  # `nox -s docs` does it, too
def test_the_documentation_builds_without_a_warning(tmp_path):
    """Which is to say that every name that it documents is there, and every link within it leads somewhere."""
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", tmp_path / "trees"]
    done = subprocess.run([*command, ROOT / "docs", tmp_path / "html"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("module", MODULES)
def test_every_public_name_is_in_the_reference(module):
    reference = "".join(page.read_text(encoding="utf-8") for page in (ROOT / "docs" / "reference").glob("*.md"))
    documented = {name.split(".")[-1] for name in re.findall(r"^\.\. (?:auto|py:)\w+:: (\S+)", reference, re.M)}
    for file in re.findall(r"^\.\. stages:: ([\w.]+)", reference, re.M):
        documented |= vars(importlib.import_module(file)).keys()
    public = importlib.import_module(module).__all__
    if re.search(rf"^\.\. automodule:: {re.escape(module)}\n   :members:\n   :imported-members:", reference, re.M):
        documented |= set(public)
    assert [name for name in public if name not in documented and not is_module(module, name)] == []


def test_every_class_of_errors_is_on_the_page_of_errors():
    page = (ROOT / "docs" / "reference" / "errors.md").read_text(encoding="utf-8")
    modules = [info.name for info in pkgutil.walk_packages(lrp.__path__, "lrp.") if not info.name.endswith("__main__")]
    found = {
        name
        for module in modules
        for name, value in vars(importlib.import_module(module)).items()
        if inspect.isclass(value) and issubclass(value, Exception) and value.__module__.startswith(("lrp.", "spray."))
    }
    assert {"MissingRule", "TraceError", "UnusedRow"} <= found
    assert {name for name in found if f".{name}`" not in page} == set()


def is_module(module: str, name: str) -> bool:
    return inspect.ismodule(getattr(importlib.import_module(module), name))
