"""Which names the server goes by, and which pages of other servers may ask it for anything."""

import re
from collections.abc import Iterable
from typing import NamedTuple
from urllib.parse import urlsplit

from bokeh.server.util import check_allowlist, match_host

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
EVERYWHERE = ("", "0.0.0.0", "::", "[::]")  # addresses to listen on that no browser asks for
ADDRESS = re.compile(r"https?://(.*):(\w+)/?")
HOST = re.compile(r"(\[[0-9a-fA-F:.]+\]|[^\[\]:/@\s]+)(:\d*)?")
ANCESTOR = re.compile(r"\*|(\*\.)?\w[\w.-]*(:(\d+|\*))?")  # what a policy of a page can name
USUAL_PORT = ":80"  # Bokeh's word for a name without a port


class Allowed(NamedTuple):
    """Patterns as `--allow-websocket-origin` has them: `*` stands for a part of a name, or for any port."""

    hosts: tuple[str, ...]  # names without ports: a page of another site chooses its name, and not its port
    origins: tuple[str, ...]
    foreign: tuple[str, ...]  # the origins that are no names of this server


def allowed(listens: str | None, named: Iterable[str]) -> Allowed:
    """What a server lets in that listens at an address such as `http://localhost:5006/`, beside the origins `named`.

    >>> allowed("http://10.0.0.7:5006/", ["spray.example.org:80"]).hosts
    ('localhost', '127.0.0.1', '[::1]', '10.0.0.7', 'spray.example.org')
    """
    name, port = listening(listens)
    own = [*LOOPBACK, *([] if name in (*LOOPBACK, *EVERYWHERE) else [name])]
    origins = [f"{host}:{port}" for host in own]
    foreign = [origin.lower() for origin in named if origin.lower() not in origins]
    hosts = dict.fromkeys([*own, *map(_name, foreign)])
    return Allowed(tuple(hosts), (*origins, *foreign), tuple(foreign))


def listening(address: str | None) -> tuple[str, str]:
    """Name and port of an address that Bokeh listens on, which has no brackets around an IPv6 address."""
    found = ADDRESS.fullmatch(address or "")
    if not found:
        return "", ""
    name = found[1].lower()
    return f"[{name}]" if ":" in name and not name.startswith("[") else name, found[2]


def address(listens: str | None) -> str:
    """Where a browser on this computer finds the server, without a path."""
    name, port = listening(listens)
    scheme = "https" if (listens or "").startswith("https") else "http"
    return f"{scheme}://{'localhost' if name in EVERYWHERE else name}:{port}"


def is_host(rules: Allowed, host: str) -> bool:
    """Whether the server goes by this `Host`: else the browser was led here under another site's name."""
    found = HOST.fullmatch(host)
    if not found:
        return False
    name = found[1].lower()
    return name in rules.hosts or (":" not in name and any(match_host(name, pattern) for pattern in rules.hosts))


def is_origin(rules: Allowed, origin: str, host: str) -> bool:
    """Whether a page of this `Origin` may ask: the server's own, or one that was allowed."""
    try:
        place = urlsplit(origin).netloc.lower()
    except ValueError:
        return False
    return bool(place) and (place == host.lower() or check_allowlist(place, rules.origins))


def ancestors(rules: Allowed, frames: Iterable[str] = ()) -> str:
    """The pages that may show this one inside of them, as a Content-Security-Policy names them: those that may ask for
    anything, and `frames`, which may not."""
    named = [origin.removesuffix(USUAL_PORT) for origin in (*rules.foreign, *frames)]
    return " ".join(["frame-ancestors 'self'", *filter(ANCESTOR.fullmatch, named)])


def _name(origin: str) -> str:
    return origin.rpartition(":")[0] or origin
