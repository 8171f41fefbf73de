"""Bokeh's server with a door before all of its routes: pages, websocket, static files, pictures, autoload."""

import os
import posixpath
from collections.abc import Sequence
from secrets import token_bytes
from typing import Any

from bokeh.server import server, urls
from bokeh.server.auth_provider import NullAuth
from bokeh.server.tornado import BokehTornado
from bokeh.server.views.root_handler import RootHandler
from bokeh.server.views.session_handler import SessionHandler
from bokeh.settings import settings
from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.web import OutputTransform, RequestHandler

from viewer.door import browser, hosts, refusal, tokens
from viewer.door.refusal import Refusal, Refused
from viewer.door.scripts import PATTERN, Scripts

LOOK_FOR_CLOSED = 1000  # ms between two looks for closed pages: giving up many at once, everybody waits for seconds
MOST_SESSIONS = int(os.environ.get("LRP_VIEWER_SESSIONS", "64"))  # pages at a time, of some 30 MB each


class Door(BokehTornado):
    """Lets in who names the server rightly, comes from no page of another site, and shows the token."""

    def __init__(
        self,
        *arguments: Any,
        absolute_url: str | None = None,
        extra_websocket_origins: Sequence[str] | None = None,
        secret_key: bytes | None = None,
        sign_sessions: bool = False,
        token: str | None = None,
        show: bool = False,
        frames: Sequence[str] = (),
        **options: Any,
    ):
        """`token` is the environment's where it is None, and empty for none; `show` opens the browser; `frames` are
        pages that may show the viewer inside of them."""
        self.token, self.show, self.listens = tokens.checked(token), show, absolute_url
        self.rules = hosts.allowed(absolute_url, settings.allowed_ws_origin() or extra_websocket_origins or [])
        self.frames = tuple(frames)
        self.cookie = f"lrp-viewer-{hosts.listening(absolute_url)[1]}"  # all ports of a name share their cookies
        options.setdefault("check_unused_sessions_milliseconds", LOOK_FOR_CLOSED)
        super().__init__(
            *arguments,
            absolute_url=absolute_url,
            extra_websocket_origins=self.rules.origins,
            secret_key=secret_key or token_bytes(32),
            sign_sessions=sign_sessions or secret_key is None,
            **options,
        )
        self.add_transform(_headers(self))

    def get_handler_delegate(
        self,
        request: HTTPServerRequest,
        target_class: type[RequestHandler],
        target_kwargs: dict[str, Any] | None = None,
        path_args: list[bytes] | None = None,
        path_kwargs: dict[str, bytes] | None = None,
    ) -> Any:
        """Tornado asks for one whenever the first lines of a request are read and its route is found."""
        if refused := self.refuse(request, target_class):
            return super().get_handler_delegate(request, Refused, {"refusal": refused})
        target_class = Root if target_class is RootHandler else target_class
        return super().get_handler_delegate(request, target_class, target_kwargs, path_args, path_kwargs)

    def refuse(self, request: HTTPServerRequest, target: type[RequestHandler]) -> Refusal | None:
        """Why a request is not let in; None if it is."""
        shown = tokens.take(request, self.cookie)
        if refused := refusal.of_place(self.rules, request) or refusal.of_content(request):
            return refused
        if self.token and not tokens.is_right(shown, self.token):
            return refusal.NO_TOKEN
        full = issubclass(target, SessionHandler) and self.count() >= MOST_SESSIONS
        return refusal.TOO_MANY if full else None

    def count(self) -> int:
        """How many pages are open."""
        return sum(1 for context in self.applications.values() for _ in context.sessions)

    def start(self) -> None:
        super().start()
        what = browser.ASKED if self.token else browser.OPEN if self.has_no_login() else browser.LOGIN
        for path in sorted(self.app_paths):
            address = hosts.address(self.listens) + self.prefix + path + (f"?token={self.token}" if self.token else "")
            browser.say(address, what)
            if self.show:
                self.io_loop.add_callback(browser.show, address)

    def has_no_login(self) -> bool:
        return isinstance(self.auth_provider, NullAuth)


class Root(RootHandler):
    """Leads to the page by an address relative to this one, as a proxy may have put the server below a path."""

    def redirect(self, url: str, permanent: bool = False, status: int | None = None) -> None:
        if url.startswith("/"):
            url = posixpath.relpath(url, posixpath.dirname(self.request.path))
        super().redirect(url, permanent, status)


def _headers(door: Door) -> type[OutputTransform]:
    """What every answer says to browsers; a page brings the cookie."""
    always = {
        "Content-Security-Policy": hosts.ancestors(door.rules, door.frames),
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
    }

    class Headers(OutputTransform):
        def __init__(self, request: HTTPServerRequest):
            self.secure = "; Secure" if request.protocol == "https" else ""

        def transform_first_chunk(
            self, status_code: int, headers: HTTPHeaders, chunk: bytes, finishing: bool
        ) -> tuple[int, HTTPHeaders, bytes]:
            del finishing
            headers.update(always)
            if door.token and status_code < 400 and headers.get("Content-Type", "").startswith("text/html"):
                # Without a path it is the page's own folder, whose name only the browser knows behind a proxy.
                headers.add("Set-Cookie", f"{door.cookie}={door.token}; HttpOnly; SameSite=Strict{self.secure}")
            return status_code, headers, chunk

    return Headers


def install() -> None:
    """Put the door before every Bokeh server that this process starts from now on; calling it twice is once."""
    server.BokehTornado = Door  # pyright: ignore[reportPrivateImportUsage]  # Bokeh has no other place for one
    others = [route for route in urls.per_app_patterns if route[0] != PATTERN]
    urls.per_app_patterns[:] = [*others, (PATTERN, Scripts)]
