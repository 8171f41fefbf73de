"""`lrp correct --watch`: corrections that visitors of the viewer asked for, one after another, until it is stopped."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import click

from lrp.cli.options import EXPECTED
from spray.store import corrections
from spray.store.corrections import DONE, FAILED, Request

PAUSE = 1.0  # seconds between looks at the queue

Work = Callable[[Request, Path], str]
"""Does a request, into the folder of a corrected project; what is to be said of it."""


def watch(project: Path, work: Work) -> None:
    """Do every request, and those that come; a request whose worker is killed stays open, and is done by the next."""
    click.echo(f"{project}: waiting for corrections that are asked for in the viewer; Ctrl-C ends it", err=True)
    while True:
        if not one(project, work):
            time.sleep(PAUSE)


def one(project: Path, work: Work) -> bool:
    """Do the first open request that nobody else does; whether there was one.

    What is wrong with a request is said in it, and is no reason to stop.
    """
    with corrections.claimed(project) as request:
        if request is None:
            return False
        click.echo(f"request {request.number}: {request.finding!r}, layer {request.layer}, method {request.method}")
        state, said = FAILED, corrections.refused(project, request)
        if not said:
            try:
                state, said = DONE, work(request, corrections.folder(project, request.number))
            except (*EXPECTED, click.ClickException) as error:
                said = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
        corrections.close(project, request.number, state, said)
        click.echo(f"request {request.number}: {state}, {said}", err=state == FAILED)
        return True
