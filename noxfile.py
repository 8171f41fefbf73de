"""The project's commands: `nox -s demo`, `tests`, `lint`, `docs`, `bench`; each makes its own environment."""

import os
import shutil
import subprocess

import nox

nox.options.default_venv_backend = "venv"  # plain pip: it honours the constraints and finds local files
nox.options.reuse_existing_virtualenvs = True
nox.options.sessions = ["tests", "lint"]


def install(session: nox.Session, extras: str = "") -> None:
    session.install("-q", "-c", "constraints.txt", "-e", f".[{extras}]" if extras else ".")


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
    """Build the demo project and serve it: `nox -s demo`, or without serving `nox -s demo -- --no-serve`."""
    install(session)
    session.run("python", "-m", "bench.demo", *session.posargs)


@nox.session
def tests(session: nox.Session) -> None:
    """All tests and doctests; arguments go to pytest: `nox -s tests -- tests/lrp/rules -k gamma`."""
    ensure_chromium(session)
    install(session, "dev,docs,embeddings")
    session.run("pytest", "-n", "2", "-q", *session.posargs)


@nox.session
def lint(session: nox.Session) -> None:
    """Format, style and types."""
    install(session, "dev,embeddings")
    session.run("ruff", "format", "--check", ".")
    session.run("ruff", "check", ".")
    session.run("pyright")


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation in docs/_build/html, every warning an error; `nox -s docs -- linkcheck` asks external links."""
    install(session, "docs")
    builder, *options = session.posargs or ["html"]
    session.run("sphinx-build", "-W", "--keep-going", "-b", builder, *options, "docs", f"docs/_build/{builder}")


@nox.session
def bench(session: nox.Session) -> None:
    """Measurements: `nox -s bench -- coverage`, `nox -s bench -- spray`, ...: a module of bench/ and its arguments."""
    install(session, "dev,embeddings")
    name, *rest = session.posargs or ["coverage"]
    session.run("python", "-m", f"bench.{name}", *rest)
