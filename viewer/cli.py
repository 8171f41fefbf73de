"""`lrp-viewer PROJECT...` serves and opens the browser; `lrp-viewer convert` is `spray convert`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from bokeh.command.bootstrap import main as bokeh

EPILOG = """\
every other option is one of `bokeh serve`, for instance
  --port 5007            --address 0.0.0.0 --allow-websocket-origin my.host:5006
  --prefix /spray        --auth-module auth.py        --ssl-certfile cert.pem
projects come first; a project may also be the project.yaml of ViRelAy"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry of the console script."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["convert"]:
        convert(given[1:])
    else:
        bokeh(serve(given[1:] if given[:1] == ["serve"] else given))


def serve(arguments: Sequence[str]) -> list[str]:
    """The `bokeh serve` command of `lrp-viewer PROJECT... [options]`: projects first, then options.

    >>> serve(["digits", "--port", "5007", "--no-show"])[3:]
    ['--address', 'localhost', '--port', '5007', '--args', 'digits']
    """
    parser = argparse.ArgumentParser(
        "lrp-viewer",
        usage="lrp-viewer PROJECT ... [options]\n       lrp-viewer convert FROM TO",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--no-show", action="store_true", help="do not open a browser")
    parser.add_argument("--address", default="localhost", help="where to listen; the default is this computer only")
    first = next((at for at, word in enumerate(arguments) if word.startswith("-")), len(arguments))
    known, options = parser.parse_known_args(arguments[first:])
    show = [] if known.no_show else ["--show"]
    command = ["bokeh", "serve", str(Path(__file__).parent), *show, "--address", known.address, *options]
    return [*command, "--args", *arguments[:first]]


def convert(arguments: Sequence[str]) -> None:
    """The old name of `spray convert`; what is converted into what follows from FROM and TO."""
    from spray.cli import main as spray  # scikit-learn takes a second to load

    spray(["convert", *(word for word in arguments if word != "--to-virelay")])
