"""`lrp-viewer PROJECT...` serves and opens the browser; `lrp-viewer convert` is `spray convert`."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bokeh.command.subcommand import Argument
from bokeh.command.subcommands.serve import Serve
from bokeh.server.auth_provider import NullAuth

from viewer.arrays import projects_of
from viewer.door import tokens

EPILOG = f"""\
the address that is printed ends in a token: without it, other users of this computer and other pages reach nothing
  --token TOKEN          one of your own; better in the variable {tokens.VARIABLE}, as every user sees the options
  --frame HOST:PORT      a page that may show the viewer inside of it, and no more; may be repeated
  --no-token             none: whoever reaches the address is let in; so is who passes the login of --auth-module

every other option is one of `bokeh serve`, for instance
  --port 5007            --address 0.0.0.0 --allow-websocket-origin my.host:5006
  --prefix /spray        --auth-module auth.py        --ssl-certfile cert.pem
projects come first; a project may also be the project.yaml of ViRelAy, or a file of numpy.savez, whose names are the
arguments of spray.write_arrays: it is imported and analysed before it is shown"""


class Command(Serve):
    """`bokeh serve` with a token."""

    args = (
        *Serve.args,
        ("--token", Argument(default=None)),
        ("--no-token", Argument(action="store_true")),
        ("--frame", Argument(action="append", default=[])),
    )

    def customize_kwargs(self, args: argparse.Namespace, server_kwargs: dict[str, Any]) -> dict[str, Any]:
        """What viewer.door takes beside Bokeh's own; Bokeh would open the browser without the token."""
        has_login = not isinstance(server_kwargs["auth_provider"], NullAuth)
        show, args.show = args.show, False
        return server_kwargs | {
            "token": token(args.token, args.no_token, has_login),
            "show": show,
            "frames": args.frame,
        }


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry of the console script."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == ["convert"]:
        convert(given[1:])
        return
    parser = argparse.ArgumentParser("lrp-viewer")
    command = Command(parser)
    command.invoke(parser.parse_args(serve(given[1:] if given[:1] == ["serve"] else given)[2:]))


def token(given: str | None, none: bool, has_login: bool) -> str:
    """The token to ask for; empty for none.

    >>> token("abc", False, True), token(None, True, False), token(None, False, True), len(token(None, False, False))
    ('abc', '', '', 48)
    """
    if none:
        return ""
    try:
        return tokens.checked(given) or ("" if has_login else tokens.new())
    except ValueError as error:
        raise SystemExit(f"lrp-viewer: {error}") from error


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
    return [*command, "--args", *projects_of(arguments[:first])]


def convert(arguments: Sequence[str]) -> None:
    """The old name of `spray convert`; what is converted into what follows from FROM and TO."""
    from spray.cli import main as spray  # scikit-learn takes a second to load

    spray(["convert", *(word for word in arguments if word != "--to-virelay")])
